-- Bills of materials are added up in decimal numbers, as the files have them, and not in doubles: 0.1 three times is 0.3,
-- a cent stays a cent beside 1e15, and integers of any size are what they are. Sums are told in all their digits.
DO $$
BEGIN
    IF to_regtype('bom_piece') IS NULL THEN
        CREATE TYPE bom_piece AS (length numeric, angle_left numeric, angle_right numeric, price numeric, n numeric);
    END IF;
END
$$;

-- A figure as it is told: without zeros at its end. One that no double holds is none that a reader of JSON could take: it
-- is an error of the same kind as a sum of doubles that overflows.
CREATE OR REPLACE FUNCTION bom_figure(x numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN x = 0 OR abs(x) BETWEEN 1e-300 AND 1e300 THEN trim_scale(x)
                ELSE (x::text || CASE WHEN abs(x) > 1 THEN 'e400' ELSE 'e-400' END)::double precision::numeric END
$$;

DROP FUNCTION IF EXISTS bom_rows(integer[], integer[], double precision[]);
DROP FUNCTION IF EXISTS bom_lines(integer[], integer[], double precision[]);

-- As before, but for its numbers; unread: something in the line that should be a number is none (the parts list's problem
-- names it), so that a sum may lack it. A pane whose amount could not be read is not one pane: nobody knows how many.
CREATE FUNCTION bom_lines(elevations integer[], numbers integer[], amounts double precision[])
RETURNS TABLE (elevation_id integer, kind text, line integer, code text, colour text, name text, what text,
    supplier_code text, description text, supplier text, supplier_name text, unit text, pack_size numeric,
    length_unit text, width numeric, height numeric, size_unit text, spacer numeric, "position" text, insertion text,
    n numeric, units numeric, length numeric, angle_left numeric, angle_right numeric, area numeric, area_unit text,
    weight numeric, weight_unit text, price numeric, minutes numeric, unread boolean) LANGUAGE sql STABLE AS $$
    WITH w AS MATERIALIZED (
        SELECT w.elevation_id, v.sha256, v.file_row,
               CASE WHEN w.times = 0 OR abs(w.times) BETWEEN 1e-60 AND 1e60 THEN w.times::text::numeric END AS times
        FROM unnest(elevations, numbers, amounts) AS w (elevation_id, number, times)
        JOIN parts_versions v ON v.elevation_id = w.elevation_id AND v.number = w.number)
    SELECT w.elevation_id, l.kind, x.line, x.code, x.colour, x.name, NULL::text, x.supplier_code, x.description,
           x.supplier, x.supplier_name, x.unit, x.pack_size, x.length_unit, NULL::numeric, NULL::numeric, NULL::text,
           NULL::numeric, x.position, x.insertion, x.amount * w.times, x.units * w.times, x.length, x.angle_left,
           x.angle_right, NULL::numeric, NULL::text, NULL::numeric, NULL::text, x.price, NULL::numeric,
           x.unread IS NOT NULL
    FROM w JOIN parts_lines l ON l.sha256 = w.sha256 AND l.kind IN ('article', 'profile'),
         jsonb_to_recordset(l.lines) AS x (line integer, of_row integer, code text, colour text, name text,
             supplier_code text, description text, supplier text, supplier_name text, unit text, pack_size numeric,
             length_unit text, "position" text, insertion text, amount numeric, units numeric, length numeric,
             angle_left numeric, angle_right numeric, price numeric, unread text)
    WHERE x.of_row IS NULL OR x.of_row = w.file_row
    UNION ALL
    SELECT w.elevation_id, l.kind, x.line, x.code, x.colour, coalesce(x.name, x.short_name), NULL, NULL, x.description,
           x.supplier, x.supplier_name, x.unit, NULL, NULL, x.width, x.height, coalesce(x.width_unit, x.height_unit),
           x.spacer, x.position, x.insertion,
           CASE WHEN x.unread ? 'amount' THEN NULL ELSE coalesce(x.amount, 1) * w.times END, NULL, NULL, NULL, NULL,
           x.area, x.area_unit, x.weight, x.weight_unit, x.price, NULL, x.unread IS NOT NULL
    FROM w JOIN parts_lines l ON l.sha256 = w.sha256 AND l.kind = 'glass',
         jsonb_to_recordset(l.lines) AS x (line integer, of_row integer, code text, colour text, name text,
             short_name text, description text, supplier text, supplier_name text, unit text, width numeric,
             width_unit text, height numeric, height_unit text, spacer numeric, "position" text, insertion text,
             amount numeric, area numeric, area_unit text, weight numeric, weight_unit text, price numeric,
             unread jsonb)
    WHERE x.of_row IS NULL OR x.of_row = w.file_row
    UNION ALL
    SELECT w.elevation_id, l.kind, x.line, NULL, NULL, x.name, x.what, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           NULL, NULL, NULL, NULL, NULL, w.times, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           x.minutes * w.times, x.unread IS NOT NULL
    FROM w JOIN parts_lines l ON l.sha256 = w.sha256 AND l.kind = 'labour',
         jsonb_to_recordset(l.lines) AS x (line integer, of_row integer, name text, what text, minutes numeric,
             unread text)
    WHERE x.of_row IS NULL OR x.of_row = w.file_row
$$;

CREATE FUNCTION bom_rows(elevations integer[], numbers integer[], amounts double precision[])
RETURNS TABLE (key text, kind text, code text, colour text, name text, what text, supplier_code text, description text,
    supplier text, supplier_name text, unit text, pack_size numeric, length_unit text, width numeric, height numeric,
    size_unit text, spacer numeric, amount numeric, units numeric, length numeric, area numeric, area_unit text,
    weight numeric, weight_unit text, minutes numeric, price numeric, prices jsonb, cuts jsonb, line_count bigint,
    lines_without_amount bigint, lines_unread bigint) LANGUAGE sql STABLE
    SET work_mem = '32MB' SET enable_sort = off SET jit = off AS $$ -- as 0116 tells
    WITH cut AS (
        SELECT l.kind, l.code, l.colour, l.name, l.what, l.unit, l.pack_size, l.length_unit, l.width, l.height, l.size_unit,
               l.spacer, l.area_unit, l.weight_unit, CASE WHEN l.code IS NULL THEN l.description END AS described,
               l.length AS of_length, l.angle_left, l.angle_right, l.price,
               min(l.supplier_code COLLATE "C") AS supplier_code, min(l.description COLLATE "C") AS description,
               min(l.supplier COLLATE "C") AS supplier, min(l.supplier_name COLLATE "C") AS supplier_name,
               sum(l.n) AS n, sum(l.units) AS units, sum(l.length * l.n) AS length, sum(l.area * l.n) AS area,
               sum(l.weight * l.n) AS weight, sum(l.minutes) AS minutes, count(*) AS line_count,
               count(*) FILTER (WHERE l.n IS NULL) AS unknown, count(*) FILTER (WHERE l.unread) AS unread
        FROM bom_lines(elevations, numbers, amounts) l
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19),
    whole AS (
        SELECT c.kind, c.code, c.colour, c.name, c.what, c.unit, c.pack_size, c.length_unit, c.width, c.height, c.size_unit,
               c.spacer, c.area_unit, c.weight_unit, c.described, min(c.supplier_code) AS supplier_code,
               min(c.description) AS description, min(c.supplier) AS supplier, min(c.supplier_name) AS supplier_name,
               sum(c.n) AS n, sum(c.units) AS units, sum(c.length) AS length, sum(c.area) AS area, sum(c.weight) AS weight,
               sum(c.minutes) AS minutes, min(c.price) AS price, max(c.price) AS highest, array_agg(c.price) AS prices,
               array_agg(ROW (c.of_length, c.angle_left, c.angle_right, c.price, c.n)::bom_piece)
                   FILTER (WHERE c.kind = 'profile') AS cuts,
               sum(c.line_count)::bigint AS line_count, sum(c.unknown)::bigint AS unknown, sum(c.unread)::bigint AS unread
        FROM cut c GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    SELECT jsonb_build_array(g.kind, g.code, g.colour, g.unit, bom_figure(g.pack_size), g.length_unit, g.area_unit,
               g.weight_unit, g.described, CASE WHEN g.kind = 'glass' OR g.kind = 'labour' THEN g.name END, g.what,
               CASE WHEN g.kind = 'glass' THEN jsonb_build_array(bom_figure(g.width), bom_figure(g.height), g.size_unit,
                    bom_figure(g.spacer)) END)::text,
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

CREATE OR REPLACE FUNCTION bom_document(elevations integer[], numbers integer[], amounts double precision[])
RETURNS jsonb LANGUAGE sql STABLE AS $$
    WITH r AS MATERIALIZED (SELECT b.kind, b.code, b.colour, b.what, b.name, b.key, b.minutes,
        jsonb_strip_nulls(to_jsonb(b) - 'key' - 'kind') AS line FROM bom_rows(elevations, numbers, amounts) b)
    SELECT jsonb_build_object(
        'articles', coalesce(jsonb_agg(line ORDER BY code, colour, key) FILTER (WHERE kind = 'article'), '[]'),
        'profiles', coalesce(jsonb_agg(line ORDER BY code, colour, key) FILTER (WHERE kind = 'profile'), '[]'),
        'panes', coalesce(jsonb_agg(line ORDER BY code, colour, key) FILTER (WHERE kind = 'glass'), '[]'),
        'labour', coalesce(jsonb_agg(line ORDER BY what, name, key) FILTER (WHERE kind = 'labour'), '[]'),
        'labour_minutes', coalesce(bom_figure(sum(minutes) FILTER (WHERE kind = 'labour')), 0))
    FROM r
$$;

-- Who adds up the rows of the views adds up the same numbers. What somebody was granted on them is granted again; where a
-- view of somebody's own stands on them they stay as they are.
DO $$
DECLARE
    granted text[];
    statement text;
BEGIN
    SELECT array_agg(format('GRANT %s ON %I TO %s', g.privilege_type, g.table_name,
               CASE g.grantee WHEN 'PUBLIC' THEN 'PUBLIC' ELSE quote_ident(g.grantee) END)) INTO granted
    FROM information_schema.role_table_grants g
    WHERE g.table_schema = current_schema() AND g.table_name IN ('parts_lines_typed', 'parts_version_lines')
        AND g.grantee <> current_user;
    DROP VIEW IF EXISTS parts_version_lines;
    DROP VIEW IF EXISTS parts_lines_typed;
    CREATE VIEW parts_lines_typed AS
        SELECT l.sha256, l.kind, x.table_name, x.line, x.of_row, x.insertion, x.position, x.code, x.supplier_code, x.name,
               x.short_name, x.description, x.what, x.colour, x.amount, x.units, x.unit, x.pack_size, x.price, x.length,
               x.length_unit, x.width, x.width_unit, x.height, x.height_unit, x.weight, x.weight_unit, x.area, x.area_unit,
               x.angle_left, x.angle_right, x.spacer, x.minutes, x.value, x.u_value, x.u_unit, x.supplier, x.supplier_name,
               x.other, x.unread
        FROM parts_lines l, jsonb_to_recordset(l.lines) AS x (table_name text, line integer, of_row integer, insertion text,
            "position" text, code text, supplier_code text, name text, short_name text, description text, what text,
            colour text, amount numeric, units numeric, unit text, pack_size numeric, price numeric, length numeric,
            length_unit text, width numeric, width_unit text, height numeric, height_unit text, weight numeric,
            weight_unit text, area numeric, area_unit text, angle_left numeric, angle_right numeric, spacer numeric,
            minutes numeric, value numeric, u_value numeric, u_unit text, supplier text, supplier_name text, other jsonb,
            unread jsonb);
    CREATE VIEW parts_version_lines AS
        SELECT v.elevation_id, v.number, v.valid_from, v.valid_to, v.amount AS elevation_amount, l.*
        FROM parts_versions v JOIN parts_lines_typed l ON l.sha256 = v.sha256
        WHERE l.of_row IS NULL OR l.of_row = v.file_row;
    FOREACH statement IN ARRAY coalesce(granted, '{}') LOOP
        EXECUTE statement;
    END LOOP;
EXCEPTION WHEN dependent_objects_still_exist THEN
    RAISE WARNING 'parts_lines_typed stays as it was, with doubles for numbers: %', SQLERRM;
END
$$;
