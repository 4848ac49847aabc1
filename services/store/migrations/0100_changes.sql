-- The journal: every insert, change, move, vanish and return of what the copy holds, written in the transaction of the rows
-- that it tells of, whoever writes them (statement-level triggers). docs/feed.md tells how it is read without gaps.
--
-- Order is (epoch, xid, seq), and inside a block its items. Blocks of a transaction become visible together when it commits;
-- a reader stays below the oldest transaction that still runs (pg_snapshot_xmin), so that nothing can appear behind it any
-- more. The epoch grows when the database was restored from a dump, where transaction numbers begin anew.
--
-- A block holds what one statement did of one kind in one project, at most 500 objects: that costs some 50 bytes an
-- object. The view change_items has a row for each.
CREATE TABLE IF NOT EXISTS changes (
    epoch integer NOT NULL,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    seq bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    object_type text NOT NULL, -- directory, project, phase, elevation, thumbnail, parts_list, glass
    -- created, changed, moved (to another parent), vanished, returned, deleted (the row itself), truncated (all of them)
    operation text NOT NULL,
    project_id bigint, -- row of the project that they belong to
    row_ids bigint[] NOT NULL, -- of the objects' rows; of files and panes: their elevations'
    logikal_ids text[] NOT NULL,
    fields jsonb[] NOT NULL, -- each {"name": [before, after]}; a text above 512 bytes stands as {"sha256", "size"}
    run_id bigint,
    task_id text,
    PRIMARY KEY (epoch, xid, seq)
);
CREATE INDEX IF NOT EXISTS ix_changes_project ON changes (project_id, epoch, xid, seq);
CREATE INDEX IF NOT EXISTS ix_changes_at ON changes USING brin (at);

CREATE OR REPLACE VIEW change_items AS
    SELECT c.epoch, c.xid, c.seq, i.item, c.at, c.object_type, c.operation, c.project_id, i.row_id, i.logikal_id, i.fields,
           c.run_id, c.task_id
    FROM changes c, unnest(c.row_ids, c.logikal_ids, c.fields) WITH ORDINALITY AS i (row_id, logikal_id, fields, item);

-- One row. pruned_*: the last block that was deleted for its age; a reader whose cursor is before it has missed something.
CREATE TABLE IF NOT EXISTS changes_state (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    epoch integer NOT NULL DEFAULT 1,
    pruned_epoch integer NOT NULL DEFAULT 0,
    pruned_xid xid8 NOT NULL DEFAULT '0',
    pruned_seq bigint NOT NULL DEFAULT 0,
    pruned_at timestamptz
);
INSERT INTO changes_state DEFAULT VALUES ON CONFLICT DO NOTHING;

CREATE OR REPLACE FUNCTION changes_value(value text) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN octet_length(value) > 512 THEN
               jsonb_build_object('sha256', encode(sha256(convert_to(value, 'UTF8')), 'hex'), 'size', octet_length(value))
           ELSE to_jsonb(value) END
$$;

CREATE OR REPLACE FUNCTION changes_of_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO changes (epoch, object_type, operation, row_ids, logikal_ids, fields)
    SELECT epoch, TG_ARGV[0], 'truncated', ARRAY[NULL::bigint], ARRAY[NULL::text], ARRAY[NULL::jsonb] FROM changes_state;
    RETURN NULL;
END $$;

-- Makes the triggers of a table. texts and plain: the columns that are watched (texts may be long). key: what ties a row
-- before to a row after. row_id, logikal_id, project_id: expressions over the row r, and e where with_elevation is true.
-- gone: when an object counts as vanished. parent: the columns that place it. Named in the journal when it is created or
-- deleted: shown.
CREATE OR REPLACE FUNCTION changes_watch(of_table text, of_type text, texts text[], plain text[], shown text[], key text,
                                         row_id text, logikal_id text, project_id text, with_elevation boolean,
                                         gone text, parent text[])
    RETURNS void LANGUAGE plpgsql AS $outer$
DECLARE
    -- %1 operation, %2 fields, %3 rows
    block constant text := 'INSERT INTO changes (epoch, object_type, operation, project_id, row_ids, logikal_ids, fields, run_id,'
        ' task_id) SELECT (SELECT epoch FROM changes_state), ' || quote_literal(of_type) || ', operation, project_id,'
        ' array_agg(row_id), array_agg(logikal_id::text), array_agg(fields),'
        ' nullif(current_setting(''logikald.run_id'', true), '''')::bigint,'
        ' nullif(current_setting(''logikald.task_id'', true), '''') FROM (SELECT ' || row_id || ' AS row_id, ' || logikal_id
        || ' AS logikal_id, ' || project_id || ' AS project_id, row_number() OVER () / 500 AS part, %s AS operation, %s AS fields'
        || ' FROM %s' || CASE WHEN with_elevation THEN ' LEFT JOIN elevations e ON e.id = r.elevation_id' ELSE '' END
        || ' WHERE %s) i GROUP BY project_id, operation, part';
    head constant text := 'CREATE OR REPLACE FUNCTION %I() RETURNS trigger LANGUAGE plpgsql SET jit = off AS $inner$ BEGIN ';
    tail constant text := '; RETURN NULL; END $inner$';
    was_gone constant text := replace(coalesce(gone, 'false'), 'r.', 'o.');
    is_gone constant text := coalesce(gone, 'false');
    fields text := '';
    born text := '';
    died text := '';
    differs text;
    moved text := 'false';
    c text;
    v text;
BEGIN
    FOREACH c IN ARRAY texts || plain LOOP
        v := CASE WHEN c = ANY (texts) THEN 'changes_value(%2$s.%1$I)' ELSE '%2$s.%1$I' END;
        fields := fields || format(', %1$L, CASE WHEN o.%1$I IS DISTINCT FROM r.%1$I THEN jsonb_build_array(', c)
            || format(v, c, 'o') || ', ' || format(v, c, 'r') || ') END';
        IF c = ANY (shown) THEN
            born := born || format(', %1$L, jsonb_build_array(NULL, ' || v || ')', c, 'r');
            died := died || format(', %1$L, jsonb_build_array(' || v || ', NULL)', c, 'r');
        END IF;
    END LOOP;
    SELECT format('(%s) IS DISTINCT FROM (%s)', string_agg(format('o.%I', n), ', '), string_agg(format('r.%I', n), ', '))
        INTO differs FROM unnest(texts || plain) AS n;
    IF parent IS NOT NULL THEN
        SELECT format('(%s) IS DISTINCT FROM (%s)', string_agg(format('o.%I', n), ', '), string_agg(format('r.%I', n), ', '))
            INTO moved FROM unnest(parent) AS n;
    END IF;
    EXECUTE format(head, 'changes_of_insert_' || of_table) || format(block,
        format('CASE WHEN %s THEN ''vanished'' ELSE ''created'' END', is_gone),
        format('jsonb_build_object(%s)', substr(born, 3)), 'rows_after r', 'true') || tail;
    EXECUTE format(head, 'changes_of_update_' || of_table) || format(block,
        format('CASE WHEN %2$s AND NOT (%1$s) THEN ''vanished'' WHEN %1$s AND NOT (%2$s) THEN ''returned'''
               ' WHEN %3$s THEN ''moved'' ELSE ''changed'' END', was_gone, is_gone, moved),
        format('jsonb_strip_nulls(jsonb_build_object(%s))', substr(fields, 3)),
        format('rows_after r JOIN rows_before o ON o.%1$I = r.%1$I', key), differs) || tail;
    EXECUTE format(head, 'changes_of_delete_' || of_table) || format(block,
        '''deleted''', format('jsonb_build_object(%s)', substr(died, 3)), 'rows_before r', 'true') || tail;
    EXECUTE format('DROP TRIGGER IF EXISTS changes_insert ON %1$I; DROP TRIGGER IF EXISTS changes_update ON %1$I;'
        ' DROP TRIGGER IF EXISTS changes_delete ON %1$I; DROP TRIGGER IF EXISTS changes_truncate ON %1$I', of_table);
    EXECUTE format('CREATE TRIGGER changes_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS rows_after'
        ' FOR EACH STATEMENT EXECUTE FUNCTION %I()', of_table, 'changes_of_insert_' || of_table);
    EXECUTE format('CREATE TRIGGER changes_update AFTER UPDATE ON %I REFERENCING OLD TABLE AS rows_before NEW TABLE AS'
        ' rows_after FOR EACH STATEMENT EXECUTE FUNCTION %I()', of_table, 'changes_of_update_' || of_table);
    EXECUTE format('CREATE TRIGGER changes_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS rows_before'
        ' FOR EACH STATEMENT EXECUTE FUNCTION %I()', of_table, 'changes_of_delete_' || of_table);
    EXECUTE format('CREATE TRIGGER changes_truncate AFTER TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION'
        ' changes_of_truncate(%L)', of_table, of_type);
END $outer$;

SELECT changes_watch('directories', 'directory', ARRAY['name', 'full_path', 'upstream_path'],
    ARRAY['level', 'parent_id', 'exclude_from_sync', 'api_created_date', 'api_changed_date', 'deleted_at'],
    ARRAY['name', 'parent_id'], 'id', 'r.id', 'r.logikal_id', 'NULL::bigint', false, 'r.deleted_at IS NOT NULL',
    ARRAY['parent_id']);
SELECT changes_watch('projects', 'project', ARRAY['name', 'description', 'job_number', 'offer_number', 'person_in_charge'],
    ARRAY['directory_id', 'status', 'is_estimated', 'api_created_date', 'api_changed_date', 'deleted_at'],
    ARRAY['name', 'directory_id'], 'id', 'r.id', 'r.logikal_id', 'r.id', false, 'r.deleted_at IS NOT NULL',
    ARRAY['directory_id']);
SELECT changes_watch('phases', 'phase', ARRAY['name', 'description'], ARRAY['project_id', 'status', 'deleted_at'],
    ARRAY['name', 'project_id'], 'id', 'r.id', 'r.logikal_id', 'r.project_id', false, 'r.deleted_at IS NOT NULL',
    ARRAY['project_id']);
SELECT changes_watch('elevations', 'elevation',
    ARRAY['name', 'description', 'system_description', 'model_description', 'user_description', 'auto_description',
          'system_long_name', 'parse_error'],
    ARRAY['status', 'project_id', 'phase_id', 'width', 'height', 'depth', 'amount', 'elevation_type', 'version_id',
          'api_created_date', 'api_changed_date', 'deleted_at', 'auto_description_short', 'width_out', 'width_unit',
          'height_out', 'height_unit', 'weight_out', 'weight_unit', 'area_output', 'area_unit', 'system_code', 'system_name',
          'color_base_long', 'parts_count', 'has_parts_data', 'parse_status'],
    ARRAY['name', 'phase_id'], 'id', 'r.id', 'r.logikal_id', 'r.project_id', false, 'r.deleted_at IS NOT NULL',
    ARRAY['phase_id', 'project_id']);
SELECT changes_watch('elevation_thumbnails', 'thumbnail', ARRAY['error'], ARRAY['sha256', 'size_bytes', 'content_type'],
    ARRAY['sha256', 'size_bytes'], 'elevation_id', 'r.elevation_id', 'e.logikal_id', 'e.project_id', true,
    'r.sha256 IS NULL', NULL);
SELECT changes_watch('elevation_parts_lists', 'parts_list', ARRAY['error'], ARRAY['sha256', 'size_bytes'],
    ARRAY['sha256', 'size_bytes'], 'elevation_id', 'r.elevation_id', 'e.logikal_id', 'e.project_id', true,
    'r.sha256 IS NULL', NULL);
SELECT changes_watch('elevation_glass', 'glass', ARRAY['name'], ARRAY['glass_id', 'elevation_id'],
    ARRAY['glass_id', 'name'], 'id', 'r.elevation_id', 'e.logikal_id', 'e.project_id', true, NULL, ARRAY['elevation_id']);
