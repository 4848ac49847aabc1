-- What readers are told of a change is all of it.
--
-- Lists that are asked for what changed since a time go by updated_at: it moves whenever something moves that rows tell,
-- whoever writes it (a picture or a parts list that came, a directory that was put elsewhere), and not only where the
-- writer thought of it. What the sync notes for itself (synced_at and the like) is no change.
CREATE OR REPLACE FUNCTION logikald_row_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION logikald_note_moves(of_table text, columns text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('DROP TRIGGER IF EXISTS row_moved ON %I', of_table);
    EXECUTE format('CREATE TRIGGER row_moved BEFORE UPDATE ON %I FOR EACH ROW WHEN (NEW.updated_at IS NOT DISTINCT FROM'
        ' OLD.updated_at AND (%s) IS DISTINCT FROM (%s)) EXECUTE FUNCTION logikald_row_moved()', of_table,
        (SELECT string_agg(format('OLD.%I', c), ', ') FROM unnest(columns) c),
        (SELECT string_agg(format('NEW.%I', c), ', ') FROM unnest(columns) c));
END $$;

SELECT logikald_note_moves('directories', ARRAY['logikal_id', 'name', 'full_path', 'upstream_path', 'level', 'parent_id',
    'exclude_from_sync', 'api_created_date', 'api_changed_date', 'sync_status', 'deleted_at']);
SELECT logikald_note_moves('projects', ARRAY['logikal_id', 'name', 'description', 'directory_id', 'status',
    'last_update_date', 'job_number', 'offer_number', 'person_in_charge', 'is_estimated', 'api_created_date',
    'api_changed_date', 'deleted_at']);
SELECT logikald_note_moves('phases', ARRAY['logikal_id', 'name', 'description', 'project_id', 'status',
    'last_update_date', 'sync_status', 'deleted_at']);
SELECT logikald_note_moves('elevations', ARRAY['logikal_id', 'name', 'description', 'status', 'project_id', 'phase_id',
    'thumbnail_url', 'image_path', 'width', 'height', 'depth', 'amount', 'elevation_type', 'version_id',
    'api_created_date', 'api_changed_date', 'last_update_date', 'sync_status', 'system_description', 'model_description',
    'user_description', 'has_parts_data', 'parts_count', 'parse_status', 'parse_error', 'auto_description',
    'auto_description_short', 'width_out', 'width_unit', 'height_out', 'height_unit', 'weight_out', 'weight_unit',
    'area_output', 'area_unit', 'system_code', 'system_name', 'system_long_name', 'color_base_long', 'deleted_at']);

-- An object of the feed as it is now, NULL when its row is gone: its columns are those whose changes the journal tells. A
-- text may be longer here than there, but not of any length.
CREATE OR REPLACE FUNCTION changes_text(value text) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN octet_length(value) > 4096 THEN changes_value(value) ELSE to_jsonb(value) END
$$;

CREATE OR REPLACE FUNCTION changes_object(of_type text, of_row bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE of_type
    WHEN 'directory' THEN (SELECT row_to_json(x)::text FROM (SELECT r.name, changes_text(r.full_path) AS full_path,
        changes_text(r.upstream_path) AS upstream_path, r.level, r.parent_id, r.exclude_from_sync, r.api_created_date,
        r.api_changed_date, r.deleted_at FROM directories r WHERE r.id = of_row) x)
    WHEN 'project' THEN (SELECT row_to_json(x)::text FROM (SELECT r.name, changes_text(r.description) AS description,
        changes_text(r.job_number) AS job_number, changes_text(r.offer_number) AS offer_number,
        changes_text(r.person_in_charge) AS person_in_charge, r.directory_id, r.status, r.is_estimated, r.api_created_date,
        r.api_changed_date, r.deleted_at FROM projects r WHERE r.id = of_row) x)
    WHEN 'phase' THEN (SELECT row_to_json(x)::text FROM (SELECT r.name, changes_text(r.description) AS description,
        r.project_id, r.status, r.deleted_at FROM phases r WHERE r.id = of_row) x)
    WHEN 'elevation' THEN (SELECT row_to_json(x)::text FROM (SELECT r.name, changes_text(r.description) AS description,
        changes_text(r.system_description) AS system_description, changes_text(r.model_description) AS model_description,
        changes_text(r.user_description) AS user_description, changes_text(r.auto_description) AS auto_description,
        r.system_long_name, changes_text(r.parse_error) AS parse_error, r.status, r.project_id, r.phase_id, r.width, r.height,
        r.depth, r.amount, r.elevation_type, r.version_id, r.api_created_date, r.api_changed_date, r.deleted_at,
        r.auto_description_short, r.width_out, r.width_unit, r.height_out, r.height_unit, r.weight_out, r.weight_unit,
        r.area_output, r.area_unit, r.system_code, r.system_name, r.color_base_long, r.parts_count, r.has_parts_data,
        r.parse_status FROM elevations r WHERE r.id = of_row) x)
    WHEN 'thumbnail' THEN (SELECT row_to_json(x)::text FROM (SELECT changes_text(r.error) AS error, r.sha256, r.size_bytes,
        r.content_type FROM elevation_thumbnails r WHERE r.elevation_id = of_row) x)
    WHEN 'parts_list' THEN (SELECT row_to_json(x)::text FROM (SELECT changes_text(r.error) AS error, r.sha256, r.size_bytes
        FROM elevation_parts_lists r WHERE r.elevation_id = of_row) x)
    END
$$;

-- As 0193 has them, but for suppliers: what two of them deliver, or one under two numbers, is ordered apart, and is not
-- added up under the first of the names.
CREATE OR REPLACE FUNCTION bom_rows(elevations integer[], numbers integer[], amounts double precision[])
RETURNS TABLE (key text, kind text, code text, colour text, name text, what text, supplier_code text, description text,
    supplier text, supplier_name text, unit text, pack_size numeric, length_unit text, width numeric, height numeric,
    size_unit text, spacer numeric, amount numeric, units numeric, length numeric, area numeric, area_unit text,
    weight numeric, weight_unit text, minutes numeric, price numeric, prices jsonb, cuts jsonb, line_count bigint,
    lines_without_amount bigint, lines_unread bigint) LANGUAGE sql STABLE
    SET work_mem = '32MB' SET enable_sort = off SET jit = off AS $$ -- as 0116 tells
    WITH cut AS (
        SELECT l.kind, l.code, l.colour, l.name, l.what, l.unit, l.pack_size, l.length_unit, l.width, l.height, l.size_unit,
               l.spacer, l.area_unit, l.weight_unit, CASE WHEN l.code IS NULL THEN l.description END AS described,
               l.supplier, l.supplier_name, l.supplier_code, l.length AS of_length, l.angle_left, l.angle_right, l.price,
               min(l.description COLLATE "C") AS description,
               sum(l.n) AS n, sum(l.units) AS units, sum(l.length * l.n) AS length, sum(l.area * l.n) AS area,
               sum(l.weight * l.n) AS weight, sum(l.minutes) AS minutes, count(*) AS line_count,
               count(*) FILTER (WHERE l.n IS NULL) AS unknown, count(*) FILTER (WHERE l.unread) AS unread
        FROM bom_lines(elevations, numbers, amounts) l
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22),
    whole AS (
        SELECT c.kind, c.code, c.colour, c.name, c.what, c.unit, c.pack_size, c.length_unit, c.width, c.height, c.size_unit,
               c.spacer, c.area_unit, c.weight_unit, c.described, c.supplier, c.supplier_name, c.supplier_code,
               min(c.description) AS description,
               sum(c.n) AS n, sum(c.units) AS units, sum(c.length) AS length, sum(c.area) AS area, sum(c.weight) AS weight,
               sum(c.minutes) AS minutes, min(c.price) AS price, max(c.price) AS highest, array_agg(c.price) AS prices,
               array_agg(ROW (c.of_length, c.angle_left, c.angle_right, c.price, c.n)::bom_piece)
                   FILTER (WHERE c.kind = 'profile') AS cuts,
               sum(c.line_count)::bigint AS line_count, sum(c.unknown)::bigint AS unknown, sum(c.unread)::bigint AS unread
        FROM cut c GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
    SELECT jsonb_build_array(g.kind, g.code, g.colour, g.unit, bom_figure(g.pack_size), g.length_unit, g.area_unit,
               g.weight_unit, g.described, CASE WHEN g.kind = 'glass' OR g.kind = 'labour' THEN g.name END, g.what,
               CASE WHEN g.kind = 'glass' THEN jsonb_build_array(bom_figure(g.width), bom_figure(g.height), g.size_unit,
                    bom_figure(g.spacer)) END, g.supplier, g.supplier_name, g.supplier_code)::text,
           g.kind, g.code, g.colour, g.name, g.what, g.supplier_code, g.description, g.supplier, g.supplier_name, g.unit,
           bom_figure(g.pack_size), g.length_unit, bom_figure(g.width), bom_figure(g.height), g.size_unit,
           bom_figure(g.spacer), CASE WHEN g.kind <> 'labour' THEN bom_figure(g.n) END, bom_figure(g.units),
           bom_figure(g.length), bom_figure(g.area), g.area_unit, bom_figure(g.weight), g.weight_unit,
           bom_figure(g.minutes), CASE WHEN g.price = g.highest THEN bom_figure(g.price) END,
           CASE WHEN g.price < g.highest THEN
               (SELECT jsonb_agg(DISTINCT bom_figure(p)) FROM unnest(g.prices) p WHERE p IS NOT NULL) END,
           (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('length', bom_figure(c.length), 'angle_left',
                bom_figure(c.angle_left), 'angle_right', bom_figure(c.angle_right), 'amount', bom_figure(c.n), 'price',
                bom_figure(c.price))) ORDER BY c.length DESC NULLS LAST, c.angle_left, c.angle_right, c.price)
                FROM unnest(g.cuts) c),
           g.line_count, g.unknown, g.unread
    FROM whole g
$$;
TRUNCATE parts_bills;
