-- Bills of materials over large projects: of each kind only the columns that it has are unpacked, lines are added up by
-- their columns instead of by a text made of them for each line, and texts that stand for a group are chosen by their bytes,
-- whatever the database's language is. What comes out is the same as of the functions of before.
DO $$
BEGIN
    IF to_regtype('bom_cut') IS NULL THEN
        CREATE TYPE bom_cut AS (length double precision, angle_left double precision, angle_right double precision,
                                price double precision, n double precision);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION bom_lines(elevations integer[], numbers integer[], amounts double precision[])
RETURNS TABLE (elevation_id integer, kind text, line integer, code text, colour text, name text, what text,
    supplier_code text, description text, supplier text, supplier_name text, unit text, pack_size double precision,
    length_unit text, width double precision, height double precision, size_unit text, spacer double precision,
    "position" text, insertion text, n double precision, units double precision, length double precision,
    angle_left double precision, angle_right double precision, area double precision, area_unit text,
    weight double precision, weight_unit text, price double precision, minutes double precision) LANGUAGE sql STABLE AS $$
    WITH w AS MATERIALIZED (
        SELECT w.elevation_id, v.sha256, v.file_row, w.times
        FROM unnest(elevations, numbers, amounts) AS w (elevation_id, number, times)
        JOIN parts_versions v ON v.elevation_id = w.elevation_id AND v.number = w.number)
    SELECT w.elevation_id, l.kind, x.line, x.code, x.colour, x.name, NULL::text, x.supplier_code, x.description,
           x.supplier, x.supplier_name, x.unit, x.pack_size, x.length_unit, NULL::double precision, NULL::double precision,
           NULL::text, NULL::double precision, x.position, x.insertion, x.amount * w.times, x.units * w.times, x.length,
           x.angle_left, x.angle_right, NULL::double precision, NULL::text, NULL::double precision, NULL::text, x.price,
           NULL::double precision
    FROM w JOIN parts_lines l ON l.sha256 = w.sha256 AND l.kind IN ('article', 'profile'),
         jsonb_to_recordset(l.lines) AS x (line integer, of_row integer, code text, colour text, name text,
             supplier_code text, description text, supplier text, supplier_name text, unit text,
             pack_size double precision, length_unit text, "position" text, insertion text, amount double precision,
             units double precision, length double precision, angle_left double precision, angle_right double precision,
             price double precision)
    WHERE x.of_row IS NULL OR x.of_row = w.file_row
    UNION ALL
    SELECT w.elevation_id, l.kind, x.line, x.code, x.colour, coalesce(x.name, x.short_name), NULL, NULL, x.description,
           x.supplier, x.supplier_name, x.unit, NULL, NULL, x.width, x.height, coalesce(x.width_unit, x.height_unit),
           x.spacer, x.position, x.insertion, coalesce(x.amount, 1) * w.times, NULL, NULL, NULL, NULL, x.area,
           x.area_unit, x.weight, x.weight_unit, x.price, NULL
    FROM w JOIN parts_lines l ON l.sha256 = w.sha256 AND l.kind = 'glass',
         jsonb_to_recordset(l.lines) AS x (line integer, of_row integer, code text, colour text, name text,
             short_name text, description text, supplier text, supplier_name text, unit text, width double precision,
             width_unit text, height double precision, height_unit text, spacer double precision, "position" text,
             insertion text, amount double precision, area double precision, area_unit text, weight double precision,
             weight_unit text, price double precision)
    WHERE x.of_row IS NULL OR x.of_row = w.file_row
    UNION ALL
    SELECT w.elevation_id, l.kind, x.line, NULL, NULL, x.name, x.what, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           NULL, NULL, NULL, NULL, w.times, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, x.minutes * w.times
    FROM w JOIN parts_lines l ON l.sha256 = w.sha256 AND l.kind = 'labour',
         jsonb_to_recordset(l.lines) AS x (line integer, of_row integer, name text, what text, minutes double precision)
    WHERE x.of_row IS NULL OR x.of_row = w.file_row
$$;

CREATE OR REPLACE FUNCTION bom_rows(elevations integer[], numbers integer[], amounts double precision[])
RETURNS TABLE (key text, kind text, code text, colour text, name text, what text, supplier_code text, description text,
    supplier text, supplier_name text, unit text, pack_size double precision, length_unit text, width double precision,
    height double precision, size_unit text, spacer double precision, amount double precision, units double precision,
    length double precision, area double precision, area_unit text, weight double precision, weight_unit text,
    minutes double precision, price double precision, prices jsonb, cuts jsonb, line_count bigint,
    lines_without_amount bigint) LANGUAGE sql STABLE
    -- Nobody can tell beforehand how many lines there will be: a sort of all of them by many columns takes longer than
    -- everything else, and the work memory of the server may be a small one.
    SET work_mem = '32MB' SET enable_sort = off SET jit = off AS $$
    WITH cut AS (
        SELECT l.kind, l.code, l.colour, l.name, l.what, l.unit, l.pack_size, l.length_unit, l.width, l.height, l.size_unit,
               l.spacer, l.area_unit, l.weight_unit, CASE WHEN l.code IS NULL THEN l.description END AS described,
               l.length AS of_length, l.angle_left, l.angle_right, l.price,
               min(l.supplier_code COLLATE "C") AS supplier_code, min(l.description COLLATE "C") AS description,
               min(l.supplier COLLATE "C") AS supplier, min(l.supplier_name COLLATE "C") AS supplier_name,
               sum(l.n) AS n, sum(l.units) AS units, sum(l.length * l.n) AS length, sum(l.area * l.n) AS area,
               sum(l.weight * l.n) AS weight, sum(l.minutes) AS minutes, count(*) AS line_count,
               count(*) FILTER (WHERE l.n IS NULL) AS unknown
        FROM bom_lines(elevations, numbers, amounts) l
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19),
    whole AS (
        SELECT c.kind, c.code, c.colour, c.name, c.what, c.unit, c.pack_size, c.length_unit, c.width, c.height, c.size_unit,
               c.spacer, c.area_unit, c.weight_unit, c.described, min(c.supplier_code) AS supplier_code,
               min(c.description) AS description, min(c.supplier) AS supplier, min(c.supplier_name) AS supplier_name,
               sum(c.n) AS n, sum(c.units) AS units, sum(c.length) AS length, sum(c.area) AS area, sum(c.weight) AS weight,
               sum(c.minutes) AS minutes, min(c.price) AS price, max(c.price) AS highest, array_agg(c.price) AS prices,
               array_agg(ROW (c.of_length, c.angle_left, c.angle_right, c.price, c.n)::bom_cut)
                   FILTER (WHERE c.kind = 'profile') AS cuts,
               sum(c.line_count)::bigint AS line_count, sum(c.unknown)::bigint AS unknown
        FROM cut c GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    SELECT jsonb_build_array(g.kind, g.code, g.colour, g.unit, g.pack_size, g.length_unit, g.area_unit, g.weight_unit,
               g.described, CASE WHEN g.kind = 'glass' OR g.kind = 'labour' THEN g.name END, g.what,
               CASE WHEN g.kind = 'glass' THEN jsonb_build_array(g.width, g.height, g.size_unit, g.spacer) END)::text,
           g.kind, g.code, g.colour, g.name, g.what, g.supplier_code, g.description, g.supplier, g.supplier_name, g.unit,
           g.pack_size, g.length_unit, g.width, g.height, g.size_unit, g.spacer,
           CASE WHEN g.kind <> 'labour' THEN bom_round(g.n) END, bom_round(g.units), bom_round(g.length),
           bom_round(g.area), g.area_unit, bom_round(g.weight), g.weight_unit, bom_round(g.minutes),
           CASE WHEN g.price = g.highest THEN g.price END,
           CASE WHEN g.price < g.highest THEN (SELECT jsonb_agg(DISTINCT p) FROM unnest(g.prices) p WHERE p IS NOT NULL) END,
           (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('length', c.length, 'angle_left', c.angle_left,
                'angle_right', c.angle_right, 'amount', bom_round(c.n), 'price', c.price))
                ORDER BY c.length DESC NULLS LAST, c.angle_left, c.angle_right, c.price) FROM unnest(g.cuts) c),
           g.line_count, g.unknown
    FROM whole g
$$;
