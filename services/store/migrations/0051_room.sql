-- Is there room where our tables are? Spills 2 MiB into a temporary file in each tablespace that holds one of them,
-- which is deleted at once. Returns what the server says against it, NULL when there is room. Nothing is written that
-- lasts: no table, no log. A limit of temporary files (temp_file_limit) tells nothing of the disk.
CREATE OR REPLACE FUNCTION logikald_room() RETURNS text LANGUAGE plpgsql
SET work_mem = '64kB' SET temp_tablespaces = '' AS $$
DECLARE
    place text;
BEGIN
    FOR place IN
        SELECT DISTINCT coalesce(t.spcname, '')
        FROM pg_class c LEFT JOIN pg_tablespace t ON t.oid = c.reltablespace
        WHERE c.relkind IN ('r', 'i', 'm')
          AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('elevations'))
    LOOP
        BEGIN
            PERFORM set_config('temp_tablespaces', CASE place WHEN '' THEN '' ELSE quote_ident(place) END, true);
        EXCEPTION WHEN insufficient_privilege THEN
            CONTINUE; -- tables may lie there, temporary files of this user may not
        END;
        PERFORM max(length(t.filler))
        FROM (SELECT repeat('x', 8000) AS filler FROM generate_series(1, 256) g ORDER BY g DESC OFFSET 0) t;
    END LOOP;
    RETURN NULL;
EXCEPTION
    WHEN configuration_limit_exceeded THEN RETURN NULL;
    WHEN OTHERS THEN RETURN SQLERRM;
END $$;
