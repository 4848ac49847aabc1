-- The same in a schema whose name has to be quoted (DB_SCHEMA).
CREATE OR REPLACE FUNCTION logikald_preview() RETURNS void LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE
    ours constant text := current_schema();
    schema_id constant oid := quote_ident(current_schema())::regnamespace;
    copied constant text[] := ARRAY['directories', 'projects', 'phases', 'elevations', 'project_cursors', 'object_sync_configs',
        'sync_config', 'sync_missing', 'sync_holds', 'sync_claims', 'upstream_servers', 'changes_state', 'table_versions'];
    views text[];
    names text[];
    made text[];
    x record;
BEGIN
    -- While the names in them still mean our own tables, and are told without the schema.
    SELECT array_agg(pg_get_viewdef(c.oid) ORDER BY c.oid), array_agg(c.relname::text ORDER BY c.oid) INTO views, names
        FROM pg_class c WHERE c.relnamespace = schema_id AND c.relkind = 'v';
    SELECT array_agg(format('ALTER TABLE pg_temp.%I ALTER COLUMN %I SET DEFAULT nextval(%L)', c.relname, a.attname,
                            format('pg_temp.%I', s.relname))) INTO made
        FROM pg_attrdef f JOIN pg_class c ON c.oid = f.adrelid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = f.adnum
        JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_class'::regclass
        JOIN pg_class s ON s.oid = d.refobjid AND s.relkind = 'S' WHERE c.relnamespace = schema_id;
    FOR x IN SELECT c.relname AS name, s.seqstart FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid
        WHERE c.relnamespace = schema_id
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'i') LOOP
        EXECUTE format('CREATE TEMPORARY SEQUENCE %I', x.name);
        EXECUTE format('SELECT setval(%L, last_value) FROM %I.%I', format('pg_temp.%I', x.name), ours, x.name);
    END LOOP;
    FOR x IN SELECT c.relname AS name, c.oid FROM pg_class c WHERE c.relnamespace = schema_id AND c.relkind = 'r' LOOP
        EXECUTE format('CREATE TEMPORARY TABLE %1$I (LIKE %2$I.%1$I INCLUDING ALL)', x.name, ours);
        IF x.name = ANY (copied) THEN
            EXECUTE format('INSERT INTO pg_temp.%1$I OVERRIDING SYSTEM VALUE SELECT * FROM %2$I.%1$I', x.name, ours);
            EXECUTE format('ANALYZE pg_temp.%I', x.name);
        END IF;
    END LOOP;
    FOR x IN SELECT unnest(made) AS alter LOOP
        EXECUTE x.alter;
    END LOOP;
    FOR x IN SELECT c.relname AS name, pg_get_triggerdef(t.oid) AS def FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = schema_id AND NOT t.tgisinternal LOOP
        EXECUTE regexp_replace(x.def, ' ON ("([^"]|"")*"|[^ ".]+)(\.("([^"]|"")*"|[^ ".]+))? ', format(' ON pg_temp.%I ', x.name));
    END LOOP;
    FOR i IN 1 .. coalesce(array_length(views, 1), 0) LOOP
        EXECUTE format('CREATE TEMPORARY VIEW %I AS %s', names[i], views[i]);
    END LOOP;
END $$;
