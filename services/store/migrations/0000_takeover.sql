-- Before everything else: what an old database of the replaced system may have that the tables of 0001 cannot be made on, or
-- the first sync would stumble over. On an empty database, and on one of ours, this does nothing. What is changed is said
-- (a WARNING is logged by migrate).
--   - phases.logikal_id alone is unique (an index or a constraint, whatever its name): the default phase has the same
--     identifier in every project, so that only one of them could be stored. It becomes a plain index.
--   - rows that stand twice: phases of the same identifier in one project; directories, projects and elevations of the same
--     identifier, where their unique index is missing. They become one, the oldest; what belonged to the others is its.
--   - uq_phase_logikal_project as an index that is no constraint.
DO $$
DECLARE
    kind record;
    found record;
    refers record;
    merged bigint;
    has_unique boolean;
BEGIN
    -- phases.logikal_id alone
    FOR found IN SELECT i.indexrelid::regclass::text AS index, c.conname FROM pg_index i
                 LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype = 'u'
                 WHERE i.indrelid = to_regclass('phases') AND i.indisunique AND NOT i.indisprimary AND i.indnatts = 1
                  AND i.indkey[0] = (SELECT attnum FROM pg_attribute WHERE attrelid = i.indrelid AND attname = 'logikal_id')
    LOOP
        IF found.conname IS NOT NULL THEN
            EXECUTE format('ALTER TABLE phases DROP CONSTRAINT %I', found.conname);
        ELSE
            EXECUTE format('DROP INDEX %s', found.index);
        END IF;
        RAISE WARNING 'takeover: phases.logikal_id is not unique by itself any more (%)', coalesce(found.conname, found.index);
    END LOOP;
    FOR found IN SELECT i.indexrelid::regclass::text AS index FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                 WHERE i.indrelid = to_regclass('phases') AND c.relname = 'uq_phase_logikal_project'
                  AND NOT EXISTS (SELECT FROM pg_constraint x WHERE x.conindid = i.indexrelid)
    LOOP
        EXECUTE format('DROP INDEX %s', found.index); -- 0001 makes the constraint
    END LOOP;

    -- rows that stand twice
    FOR kind IN SELECT * FROM (VALUES (1, 'directories', 'logikal_id'), (2, 'projects', 'logikal_id'),
                                      (3, 'phases', 'logikal_id, project_id'), (4, 'elevations', 'logikal_id'))
                v (at, tbl, cols) WHERE to_regclass(v.tbl) IS NOT NULL ORDER BY at
    LOOP
        SELECT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = to_regclass(kind.tbl) AND i.indisunique
                        AND i.indpred IS NULL AND i.indexprs IS NULL
                        AND (SELECT string_agg(a.attname, ', ' ORDER BY a.attname) FROM pg_attribute a
                              WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)) = kind.cols) INTO has_unique;
        CONTINUE WHEN has_unique;
        EXECUTE format('CREATE TEMP TABLE takeover_twice ON COMMIT DROP AS SELECT id, keep FROM'
                       ' (SELECT id, min(id) OVER (PARTITION BY %s) AS keep FROM %I WHERE (%s) IS NOT NULL) t'
                       ' WHERE id <> keep', kind.cols, kind.tbl, kind.cols);
        FOR refers IN SELECT c.conrelid::regclass AS tbl, a.attname AS col FROM pg_constraint c
                      JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
                      WHERE c.contype = 'f' AND c.confrelid = to_regclass(kind.tbl) AND array_length(c.conkey, 1) = 1
        LOOP
            EXECUTE format('UPDATE %s x SET %I = t.keep FROM takeover_twice t WHERE x.%I = t.id', refers.tbl, refers.col,
                           refers.col);
        END LOOP;
        EXECUTE format('DELETE FROM %I x USING takeover_twice t WHERE x.id = t.id', kind.tbl);
        GET DIAGNOSTICS merged = ROW_COUNT;
        DROP TABLE takeover_twice;
        IF merged > 0 THEN
            RAISE WARNING 'takeover: % rows of % stood there twice, and were merged into the oldest of each', merged, kind.tbl;
        END IF;
        IF kind.tbl <> 'phases' THEN -- the plain index of that name is in the way of 0001
            EXECUTE format('DROP INDEX IF EXISTS %I', 'ix_' || kind.tbl || '_logikal_id');
        END IF;
    END LOOP;
END $$;
