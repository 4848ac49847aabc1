-- Bills of materials: an elevation built an absurd number of times (beyond 1e60, or below 1e-60) is one of which nobody knows
-- how often it is: its lines are without an amount, instead of sums that no number holds, which spoil the whole project's.
CREATE OR REPLACE FUNCTION bom_lines(elevations integer[], numbers integer[], amounts double precision[])
RETURNS TABLE (elevation_id integer, kind text, line integer, code text, colour text, name text, what text,
    supplier_code text, description text, supplier text, supplier_name text, unit text, pack_size double precision,
    length_unit text, width double precision, height double precision, size_unit text, spacer double precision,
    "position" text, insertion text, n double precision, units double precision, length double precision,
    angle_left double precision, angle_right double precision, area double precision, area_unit text,
    weight double precision, weight_unit text, price double precision, minutes double precision) LANGUAGE sql STABLE AS $$
    WITH w AS MATERIALIZED (
        SELECT w.elevation_id, v.sha256, v.file_row,
               CASE WHEN w.times = 0 OR abs(w.times) BETWEEN 1e-60 AND 1e60 THEN w.times END AS times
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
