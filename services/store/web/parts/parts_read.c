/* Parts lists for readers: what an elevation's file holds, its rows, its bytes, its versions. See parts_read.h. */
#include "services/store/web/parts/parts_read.h"
#include "services/store/web/parts/parts_sql.h"

const struct query query_parts_state = {
    .name = "parts_state",
    .sql =
        "SELECT s.state, coalesce(s.error, ''), coalesce(s.sha256, ''), coalesce(f.raw_size, 0), s.name,"
        " " PARTS_MARK_OF(PARTS_FACTS) ", coalesce(s.number, 0) FROM " PARTS_STATES " WHERE s.elevation_id = $1::int",
};

const struct query query_parts_versions_mark = {.name = "parts_versions_mark", .sql = PARTS_VERSIONS_MARK("$1")};

const struct query query_parts_table = {
    .name = "parts_table",
    .sql = "SELECT t->>'name', t->>'kind', t->>'rows' FROM parts_states s JOIN parts_files f ON f.sha256 = s.sha256,"
           " jsonb_array_elements(f.tables) t WHERE s.elevation_id = $1::int AND lower(t->>'name') = lower($2)",
};

#define S_VALID_FROM PARTS_TIME("s.valid_from")
#define S_PARSED_AT  PARTS_TIME("s.parsed_at")
#define S_MARK       PARTS_MARK_OF(PARTS_FACTS)

const struct query query_parts_tables = {
    .name = "parts_tables",
    .is_exact = true,
    .sql = "SELECT jsonb_build_object('elevation_id', s.elevation_id, 'name', s.name, 'version', s.number, 'sha256',"
           " s.sha256, 'size_bytes', f.raw_size, 'valid_from', " S_VALID_FROM ", 'parsed_at', " S_PARSED_AT ","
           " 'parts_count', s.parts_count, 'behind', s.behind, 'problem', f.problem, 'tables', coalesce(f.tables,"
           " '[]')), " S_MARK " FROM parts_states s JOIN parts_files f ON f.sha256 = s.sha256"
           " WHERE s.elevation_id = $1::int",
};

#define V_AMOUNT        PARTS_AMOUNT("v.amount")
#define VERSIONS_MARK_1 PARTS_VERSIONS_MARK("$1")

const struct query query_parts_versions = {
    .name = "parts_versions",
    .sql = "SELECT jsonb_build_object('elevation_id', e.id, 'versions', (SELECT"
           " coalesce(jsonb_agg(jsonb_build_object('number', v.number, 'sha256', v.sha256, 'size_bytes', f.raw_size,"
           " 'valid_from', v.valid_from, 'valid_to', v.valid_to, 'version_id', v.version_id, 'changed_date',"
           " v.changed_date, 'amount', " V_AMOUNT ", 'parsed_at', v.parsed_at, 'parts_count', v.parts_count)"
           " ORDER BY v.number DESC), '[]') FROM parts_versions v JOIN parts_files f ON f.sha256 = v.sha256"
           " WHERE v.elevation_id = e.id)), (" VERSIONS_MARK_1 ") FROM elevations e WHERE e.id = $1::int"
           " AND e.deleted_at IS NULL",
};

/* The present mark of the elevation ahead of a slash. */
#define MARK_OF(x) "(SELECT " S_MARK " FROM " PARTS_STATES " WHERE s.elevation_id = split_part(" x ", '/', 1)::int)"

#define MARK_OF_3 MARK_OF("$3")
/* Of a version, ELEVATION/NUMBER/MARK: 'c' when the elevation has another mark by now. Values as they are stored, not
 * as parts_lines_typed has them: numbers keep all their digits. Which lines first, so that of the others nothing is
 * taken apart. */
const struct query query_parts_rows = {
    .name = "parts_rows",
    .is_exact = true,
    .is_slow = true,
    .sql = "SELECT count(*), max(line), coalesce(string_agg(row_to_json(t)::text, E',\n' ORDER BY line), ''), 0, NULL,"
           " CASE WHEN " MARK_OF_3 " = split_part($3, '/', 3) THEN 't' ELSE 'c' END"
           " FROM (SELECT (x->>'line')::int AS line, x->'insertion' AS insertion, x->'position' AS position,"
           " x->'code' AS code, x->'supplier_code' AS supplier_code, x->'name' AS name, x->'short_name' AS short_name,"
           " x->'description' AS description, x->'what' AS what, x->'colour' AS colour, x->'amount' AS amount,"
           " x->'units' AS units, x->'unit' AS unit, x->'pack_size' AS pack_size, x->'price' AS price,"
           " x->'length' AS length, x->'length_unit' AS length_unit, x->'width' AS width,"
           " x->'width_unit' AS width_unit, x->'height' AS height, x->'height_unit' AS height_unit,"
           " x->'weight' AS weight, x->'weight_unit' AS weight_unit, x->'area' AS area, x->'area_unit' AS area_unit,"
           " x->'angle_left' AS angle_left, x->'angle_right' AS angle_right, x->'spacer' AS spacer,"
           " x->'minutes' AS minutes, x->'value' AS value, x->'u_value' AS u_value, x->'u_unit' AS u_unit,"
           " x->'supplier' AS supplier, x->'supplier_name' AS supplier_name, x->'other' AS other"
           " FROM (SELECT x FROM parts_versions v JOIN parts_lines l ON l.sha256 = v.sha256,"
           " jsonb_array_elements(l.lines) x WHERE v.elevation_id = split_part($3, '/', 1)::int AND v.number"
           " = split_part($3, '/', 2)::int AND x->>'table_name' = $4"
           " AND (x->>'line')::int > $1::int AND ((x->>'of_row') IS NULL OR (x->>'of_row')::int = v.file_row)"
           " AND $5::text IS NULL AND NOT $6::boolean ORDER BY (x->>'line')::int LIMIT $2::int) p ORDER BY 1) t",
};

const struct query query_parts_frame = {
    .name = "parts_frame",
    .is_binary = true,
    .sql = "SELECT frame FROM parts_frame($1, $2::int)",
};

#define S_AMOUNT PARTS_AMOUNT("s.amount")
/* Each by its key (LIMIT 1 keeps it so), also while the tables are new and their statistics tell nothing. As many as
 * hold PARTS_BATCH_LINES together, at least one. */
const struct query query_parts_batch = {
    .name = "parts_batch",
    .is_exact = true,
    .is_slow = true,
    .sql = "WITH w AS MATERIALIZED (SELECT value::int AS id, ordinality AS n FROM json_array_elements_text($1::json)"
           " WITH ORDINALITY ORDER BY ordinality OFFSET $2::int LIMIT $3::int),"
           " c AS MATERIALIZED (SELECT w.n, w.id, sum(coalesce(h.line_count, 0)) OVER (ORDER BY w.n) AS together,"
           " row_number() OVER (ORDER BY w.n) AS place FROM w LEFT JOIN LATERAL (SELECT (SELECT sum(l.line_count)"
           " FROM parts_lines l WHERE l.sha256 = s.sha256) AS line_count FROM parts_states s"
           " WHERE s.elevation_id = w.id LIMIT 1) h ON true)"
           " SELECT jsonb_build_object('elevation_id', w.id, 'name', s.name, 'state', coalesce(s.state, CASE WHEN"
           " EXISTS (SELECT FROM elevations e WHERE e.id = w.id) THEN 'vanished' ELSE 'unknown' END), 'error',"
           " s.error, 'behind', s.behind, 'amount', " S_AMOUNT ", 'version', s.number, 'sha256', s.sha256,"
           " 'valid_from', " S_VALID_FROM ", 'tables', f.tables, 'lines', (SELECT jsonb_object_agg(l.kind, (SELECT"
           " coalesce(jsonb_agg(x ORDER BY n), '[]') FROM jsonb_array_elements(l.lines) WITH ORDINALITY AS y (x, n)"
           " WHERE (x->>'of_row') IS NULL OR (x->>'of_row')::int = s.file_row)) FROM parts_lines l"
           " WHERE l.sha256 = s.sha256 AND s.state = 'read')) FROM (SELECT * FROM c WHERE c.place = 1 OR c.together"
           " <= " PARTS_BATCH_LINES ") w LEFT JOIN LATERAL (SELECT * FROM parts_states s WHERE s.elevation_id = w.id"
           " LIMIT 1) s ON true LEFT JOIN parts_files f ON f.sha256 = s.sha256 ORDER BY w.n",
};
