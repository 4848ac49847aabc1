-- Bills of materials: what the stored lines of parts lists add up to. docs/api.md tells what each figure means.

-- Each elevation that is there, with its present parts list and how far that is: 'read'; 'waiting' (to be read); 'failed'
-- (it could not be read: error); 'moving' (an earlier version stored it, and it is being taken over); 'missing' (there is
-- one upstream, it was not fetched yet); 'none' (upstream has none).
CREATE OR REPLACE VIEW parts_states AS
    SELECT e.id AS elevation_id, e.name, e.phase_id, coalesce(h.project_id, e.project_id) AS project_id,
           coalesce(e.amount, 1)::double precision AS amount, v.number, v.sha256, v.file_row, v.valid_from, v.parsed_at,
           v.parts_count,
           CASE WHEN l.content IS NOT NULL THEN 'moving'
                WHEN v.parsed_at IS NOT NULL THEN 'read'
                WHEN v.number IS NOT NULL AND e.parse_status = 'failed' THEN 'failed'
                WHEN v.number IS NOT NULL THEN 'waiting'
                WHEN e.has_parts_data OR l.error IS NOT NULL THEN 'missing'
                ELSE 'none' END AS state,
           CASE WHEN v.parsed_at IS NOT NULL THEN NULL
                WHEN v.number IS NOT NULL THEN e.parse_error ELSE l.error END AS error
    FROM elevations e
    LEFT JOIN phases h ON h.id = e.phase_id
    LEFT JOIN elevation_parts_lists l ON l.elevation_id = e.id
    LEFT JOIN parts_versions v ON v.elevation_id = e.id AND v.valid_to IS NULL
    WHERE e.deleted_at IS NULL;

-- The lines of some versions, each multiplied by how often its elevation is built. A pane is one; of articles and
-- profiles without an amount nobody knows how many they are.
CREATE OR REPLACE FUNCTION bom_lines(elevations integer[], numbers integer[], amounts double precision[])
RETURNS TABLE (elevation_id integer, kind text, line integer, code text, colour text, name text, what text,
    supplier_code text, description text, supplier text, supplier_name text, unit text, pack_size double precision,
    length_unit text, width double precision, height double precision, size_unit text, spacer double precision,
    "position" text, insertion text, n double precision, units double precision, length double precision,
    angle_left double precision, angle_right double precision, area double precision, area_unit text,
    weight double precision, weight_unit text, price double precision, minutes double precision) LANGUAGE sql STABLE AS $$
    SELECT w.elevation_id, t.kind, t.line, t.code, t.colour, coalesce(t.name, t.short_name), t.what, t.supplier_code,
           t.description, t.supplier, t.supplier_name, t.unit, t.pack_size, t.length_unit, t.width, t.height,
           coalesce(t.width_unit, t.height_unit), t.spacer, t.position, t.insertion,
           CASE t.kind WHEN 'glass' THEN coalesce(t.amount, 1) WHEN 'labour' THEN 1 ELSE t.amount END * w.times,
           t.units * w.times, t.length, t.angle_left, t.angle_right, t.area, t.area_unit, t.weight, t.weight_unit, t.price,
           t.minutes * w.times
    FROM unnest(elevations, numbers, amounts) AS w (elevation_id, number, times)
    JOIN parts_versions v ON v.elevation_id = w.elevation_id AND v.number = w.number
    JOIN parts_lines_typed t ON t.sha256 = v.sha256
    WHERE t.kind IN ('article', 'profile', 'glass', 'labour') AND (t.of_row IS NULL OR t.of_row = v.file_row)
$$;

CREATE OR REPLACE FUNCTION bom_round(double precision) RETURNS double precision LANGUAGE sql IMMUTABLE AS
$$ SELECT round($1::numeric, 6)::double precision $$;

-- Lines added up by kind, code and colour; apart also what cannot be added to each other (units, sizes of panes), and
-- without a code what has another description. key tells one from the other, over all versions. Prices are as the files
-- have them: price when all lines agree, else prices has them all. cuts: the lengths of a profile, each with its angles.
CREATE OR REPLACE FUNCTION bom_rows(elevations integer[], numbers integer[], amounts double precision[])
RETURNS TABLE (key text, kind text, code text, colour text, name text, what text, supplier_code text, description text,
    supplier text, supplier_name text, unit text, pack_size double precision, length_unit text, width double precision,
    height double precision, size_unit text, spacer double precision, amount double precision, units double precision,
    length double precision, area double precision, area_unit text, weight double precision, weight_unit text,
    minutes double precision, price double precision, prices jsonb, cuts jsonb, line_count bigint,
    lines_without_amount bigint) LANGUAGE sql STABLE AS $$
    WITH keyed AS (
        SELECT jsonb_build_array(l.kind, l.code, l.colour, l.unit, l.pack_size, l.length_unit, l.area_unit, l.weight_unit,
                   CASE WHEN l.code IS NULL THEN l.description END,
                   CASE WHEN l.kind = 'glass' OR l.kind = 'labour' THEN l.name END, l.what,
                   CASE WHEN l.kind = 'glass' THEN jsonb_build_array(l.width, l.height, l.size_unit, l.spacer) END)::text
                   AS key, l.*
        FROM bom_lines(elevations, numbers, amounts) l),
    cut AS (
        SELECT s.key, s.length AS of_length, s.angle_left, s.angle_right, s.price, min(s.kind) AS kind, min(s.code) AS code,
               min(s.colour) AS colour, min(s.name) AS name, min(s.what) AS what, min(s.supplier_code) AS supplier_code,
               min(s.description) AS description, min(s.supplier) AS supplier, min(s.supplier_name) AS supplier_name,
               min(s.unit) AS unit, min(s.pack_size) AS pack_size, min(s.length_unit) AS length_unit,
               min(s.width) AS width, min(s.height) AS height, min(s.size_unit) AS size_unit, min(s.spacer) AS spacer,
               sum(s.n) AS n, sum(s.units) AS units, sum(s.length * s.n) AS length, sum(s.area * s.n) AS area,
               min(s.area_unit) AS area_unit, sum(s.weight * s.n) AS weight, min(s.weight_unit) AS weight_unit,
               sum(s.minutes) AS minutes, count(*) AS line_count, count(*) FILTER (WHERE s.n IS NULL) AS unknown
        FROM keyed s GROUP BY 1, 2, 3, 4, 5)
    SELECT c.key, min(c.kind), min(c.code), min(c.colour), min(c.name), min(c.what), min(c.supplier_code),
           min(c.description), min(c.supplier), min(c.supplier_name), min(c.unit), min(c.pack_size), min(c.length_unit),
           min(c.width), min(c.height), min(c.size_unit), min(c.spacer),
           CASE WHEN min(c.kind) <> 'labour' THEN bom_round(sum(c.n)) END, bom_round(sum(c.units)),
           bom_round(sum(c.length)), bom_round(sum(c.area)), min(c.area_unit), bom_round(sum(c.weight)),
           min(c.weight_unit), bom_round(sum(c.minutes)),
           CASE WHEN count(DISTINCT c.price) = 1 THEN min(c.price) END,
           CASE WHEN count(DISTINCT c.price) > 1 THEN jsonb_agg(DISTINCT c.price) FILTER (WHERE c.price IS NOT NULL) END,
           jsonb_agg(jsonb_strip_nulls(jsonb_build_object('length', c.of_length, 'angle_left', c.angle_left,
               'angle_right', c.angle_right, 'amount', bom_round(c.n), 'price', c.price))
               ORDER BY c.of_length DESC NULLS LAST, c.angle_left, c.angle_right, c.price)
               FILTER (WHERE c.kind = 'profile'),
           sum(c.line_count)::bigint, sum(c.unknown)::bigint
    FROM cut c GROUP BY c.key
$$;

-- The same as a document: {"articles", "profiles", "panes", "labour", "labour_minutes"}.
CREATE OR REPLACE FUNCTION bom_document(elevations integer[], numbers integer[], amounts double precision[])
RETURNS jsonb LANGUAGE sql STABLE AS $$
    WITH r AS MATERIALIZED (SELECT b.kind, b.code, b.colour, b.what, b.name, b.key, b.minutes,
        jsonb_strip_nulls(to_jsonb(b) - 'key' - 'kind') AS line FROM bom_rows(elevations, numbers, amounts) b)
    SELECT jsonb_build_object(
        'articles', coalesce(jsonb_agg(line ORDER BY code, colour, key) FILTER (WHERE kind = 'article'), '[]'),
        'profiles', coalesce(jsonb_agg(line ORDER BY code, colour, key) FILTER (WHERE kind = 'profile'), '[]'),
        'panes', coalesce(jsonb_agg(line ORDER BY code, colour, key) FILTER (WHERE kind = 'glass'), '[]'),
        'labour', coalesce(jsonb_agg(line ORDER BY what, name, key) FILTER (WHERE kind = 'labour'), '[]'),
        'labour_minutes', coalesce(bom_round(sum(minutes) FILTER (WHERE kind = 'labour')), 0))
    FROM r
$$;

-- What became another between two sets of versions: {"added", "removed", "changed"}; a line that is in both tells what
-- differs as before and after.
CREATE OR REPLACE FUNCTION bom_difference(elevations integer[], numbers integer[], amounts double precision[],
    elevations_2 integer[], numbers_2 integer[], amounts_2 double precision[]) RETURNS jsonb LANGUAGE sql STABLE AS $$
    WITH a AS (SELECT b.key, to_jsonb(b) - 'key' AS line FROM bom_rows(elevations, numbers, amounts) b),
         z AS (SELECT b.key, to_jsonb(b) - 'key' AS line FROM bom_rows(elevations_2, numbers_2, amounts_2) b),
         d AS (SELECT key, a.line AS before, z.line AS after FROM a FULL JOIN z USING (key)
               WHERE a.line IS NULL OR z.line IS NULL OR a.line <> z.line)
    SELECT jsonb_build_object(
        'added', coalesce(jsonb_agg(jsonb_strip_nulls(after) ORDER BY key) FILTER (WHERE before IS NULL), '[]'),
        'removed', coalesce(jsonb_agg(jsonb_strip_nulls(before) ORDER BY key) FILTER (WHERE after IS NULL), '[]'),
        'changed', coalesce(jsonb_agg(jsonb_strip_nulls(after) || jsonb_build_object(
            'before', (SELECT jsonb_object_agg(x.key, x.value) FROM jsonb_each(before) x WHERE after -> x.key <> x.value),
            'after', (SELECT jsonb_object_agg(x.key, x.value) FROM jsonb_each(after) x WHERE before -> x.key <> x.value))
            ORDER BY d.key) FILTER (WHERE before IS NOT NULL AND after IS NOT NULL), '[]'))
    FROM d
$$;
