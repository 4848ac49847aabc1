-- What else an old database may have that rows of ours do not get past, beside what 0000 sees to. On an empty database, and
-- on one that is as it should be, this does nothing; what is changed is said (a WARNING is logged by migrate).
--   - a unique index on phases of whatever kind in which the project has no part (an expression, the name beside the
--     identifier): the default phase is the same in every project.
--   - sequences that are behind the rows, as after a copy of the rows alone, and an id without a default.
DO $$
DECLARE
    found record;
    kind text;
    sequence text;
    highest bigint;
    comes bigint;
BEGIN
    FOR found IN SELECT i.indexrelid::regclass::text AS index, c.conname FROM pg_index i
                 LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype = 'u'
                 WHERE i.indrelid = to_regclass('phases') AND i.indisunique AND NOT i.indisprimary
                  AND pg_get_indexdef(i.indexrelid) !~ '\yproject_id\y'
                  AND NOT (SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attname = 'id') = ANY (i.indkey)
    LOOP
        IF found.conname IS NOT NULL THEN
            EXECUTE format('ALTER TABLE phases DROP CONSTRAINT %I', found.conname);
        ELSE
            EXECUTE format('DROP INDEX %s', found.index);
        END IF;
        RAISE WARNING 'takeover: % is gone: phases are alike in several projects', coalesce(found.conname, found.index);
    END LOOP;

    FOREACH kind IN ARRAY ARRAY['api_logs', 'clients', 'directories', 'projects', 'phases', 'elevations', 'elevation_glass',
                                'parsing_error_logs', 'object_sync_configs', 'sync_config', 'sync_logs', 'sessions']
    LOOP
        sequence := pg_get_serial_sequence(quote_ident(kind), 'id');
        IF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass(kind) AND a.attname = 'id'
                        AND (a.atthasdef OR a.attidentity <> '')) THEN
            IF sequence IS NULL THEN
                EXECUTE format('CREATE SEQUENCE IF NOT EXISTS %I', kind || '_id_seq');
                EXECUTE format('ALTER SEQUENCE %I OWNED BY %I.id', kind || '_id_seq', kind);
                sequence := pg_get_serial_sequence(quote_ident(kind), 'id');
            END IF;
            EXECUTE format('ALTER TABLE %I ALTER COLUMN id SET DEFAULT nextval(%L)', kind, sequence);
            RAISE WARNING 'takeover: ids of % are numbered by % again', kind, sequence;
        END IF;
        CONTINUE WHEN sequence IS NULL; -- a default of somebody else's
        EXECUTE format('SELECT max(id) FROM %I', kind) INTO highest;
        EXECUTE format('SELECT last_value + is_called::integer FROM %s', sequence) INTO comes;
        IF highest >= comes THEN
            PERFORM setval(sequence, highest);
            RAISE WARNING 'takeover: % was behind the rows of %, and goes on after %', sequence, kind, highest;
        END IF;
    END LOOP;
END $$;
