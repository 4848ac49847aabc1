/* Bills of materials: what parts lists add up to, what became another between two of them, and what is ordered from
 * them. See bom_read.h. */
#include "services/store/web/parts/bom_read.h"
#include "services/store/web/parts/parts_sql.h"

/* ---- added up ---- */

/* The elevations that it is made of, in which version; and those of which nothing is in it. */
#define S_SINCE  PARTS_TIME("s.valid_from")
#define S_AMOUNT PARTS_AMOUNT("s.amount")
#define MADE_OF                                                                                                        \
    "'elevations', (SELECT coalesce(jsonb_agg(jsonb_build_object('elevation_id', s.elevation_id, 'name', s.name,"      \
    " 'amount', " S_AMOUNT ", 'version', s.number, 'sha256', s.sha256, 'valid_from', " S_SINCE ") ||"                  \
    " jsonb_strip_nulls(jsonb_build_object('behind', s.behind, 'problem', s.problem)) ORDER BY s.elevation_id),"       \
    " '[]') FROM s WHERE s.state = 'read'), 'is_whole', NOT EXISTS (SELECT FROM s WHERE " PARTS_LACKING "),"           \
    " 'not_in_it', (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object('elevation_id', s.elevation_id,"    \
    " 'name', s.name, 'state', s.state, 'error', s.error)) ORDER BY s.elevation_id), '[]') FROM s"                     \
    " WHERE s.state <> 'read')"
#define OF_PRESENT                                                                                                     \
    "(SELECT bom_document(array_agg(s.elevation_id), array_agg(s.number), array_agg(s.amount)) FROM s"                 \
    " WHERE s.state = 'read')"
/* The mark is of the same moment as the document, whatever happens between asking for one and the other. */
#define BOM(who, where, from, mark)                                                                                    \
    "WITH s AS MATERIALIZED (SELECT s.*, f.problem FROM " PARTS_STATES " WHERE " where ")"                             \
    " SELECT jsonb_build_object(" who ", " MADE_OF ") || " OF_PRESENT " AS document, (" mark ") AS mark FROM " from    \
    " o"

#define PROJECT_IS(o, value)                                                                                           \
    o " = (SELECT p.id FROM projects p WHERE p.deleted_at IS NULL AND (p.logikal_id = logikald_guid(" value            \
      ") OR p.id::text = " value ") ORDER BY p.logikal_id = logikald_guid(" value ") DESC LIMIT 1)"

#define ELEVATION_MARK   "SELECT " PARTS_MARK_OF(PARTS_FACTS) " FROM " PARTS_STATES " WHERE s.elevation_id = $1::int"
#define NAMED_PHASE_MARK PARTS_MARK_OF("o.name || " PARTS_MARK)
#define PHASE_MARK                                                                                                     \
    "SELECT " NAMED_PHASE_MARK " FROM phases o LEFT JOIN (" PARTS_STATES ") ON s.phase_id = o.id"                      \
    " WHERE o.id = $1::int AND o.deleted_at IS NULL GROUP BY o.id"
#define NAMED_PROJECT_MARK PARTS_MARK_OF("concat(o.logikal_id, ' ', o.name) || " PARTS_MARK)
#define PROJECT_IS_1       PROJECT_IS("o.id", "$1")
#define PROJECT_MARK                                                                                                   \
    "SELECT " NAMED_PROJECT_MARK " FROM projects o LEFT JOIN (" PARTS_STATES ") ON s.project_id = o.id"                \
    " WHERE " PROJECT_IS_1 " GROUP BY o.id"

#define BOM_ELEVATION BOM("'elevation_id', o.id", "elevation_id = $1::int", "elevations", ELEVATION_MARK)

const struct query query_bom_elevation = {
    .name = "bom_elevation",
    .is_exact = true,
    .is_slow = true,
    .sql = BOM_ELEVATION " WHERE o.id = $1::int AND o.deleted_at IS NULL",
};
/* A large one is kept under the name $2 among its kin $3, and not answered but read piece by piece; or it is told why
 * not. */
#define LARGE_BYTES "131072"
#define KEPT(bill)                                                                                                     \
    "WITH d AS MATERIALIZED (SELECT document::text, mark FROM (" bill ") b), l AS MATERIALIZED (SELECT d.*,"           \
    " octet_length(document) > " LARGE_BYTES " AS is_large FROM d), k AS MATERIALIZED (SELECT l.*, CASE WHEN is_large" \
    " THEN bom_keep_told($2, mark, nullif($3, ''), document) END AS why FROM l)"                                       \
    " SELECT CASE WHEN NOT is_large OR why IS NOT NULL THEN document END, mark, why FROM k"
/* Of the thing itself, however it was named. */
#define MARK_AND_ID(mark) "SELECT (" mark "), o.id FROM "
#define BOM_OF_PHASE                                                                                                   \
    BOM("'phase_id', o.id, 'name', o.name", "phase_id = $1::int", "phases", PHASE_MARK)                                \
    " WHERE o.id = $1::int AND o.deleted_at IS NULL"
#define BOM_OF_PROJECT                                                                                                 \
    BOM("'project_id', o.id, 'logikal_id', o.logikal_id, 'name', o.name", PROJECT_IS("project_id", "$1"), "projects",  \
        PROJECT_MARK)                                                                                                  \
    " WHERE " PROJECT_IS("o.id", "$1")

const struct query query_bom_phase = {
    .name = "bom_phase", .is_exact = true, .is_slow = true, .sql = KEPT(BOM_OF_PHASE)};
const struct query query_bom_project = {
    .name = "bom_project", .is_exact = true, .is_slow = true, .sql = KEPT(BOM_OF_PROJECT)};

const struct query query_bill_kept = {
    .name = "bill_kept",
    .sql = "SELECT octet_length(document) FROM parts_bills WHERE bill = $1 AND mark = $2",
};
const struct query query_bill_piece = {
    .name = "bill_piece",
    .is_binary = true,
    .sql = "SELECT substr(document, $3::int + 1, " BILL_PIECE_SQL ") FROM parts_bills WHERE bill = $1 AND mark = $2",
};

const struct query query_bom_phase_mark = {
    .name = "bom_phase_mark",
    .sql = MARK_AND_ID(PHASE_MARK) "phases o WHERE o.id = $1::int AND o.deleted_at IS NULL",
};
const struct query query_bom_project_mark = {
    .name = "bom_project_mark",
    .sql = MARK_AND_ID(PROJECT_MARK) "projects o WHERE " PROJECT_IS("o.id", "$1"),
};

/* ---- what became another ---- */

#define V_SINCE PARTS_TIME("v.valid_from")
#define VERSION_JSON                                                                                                   \
    "jsonb_build_object('number', v.number, 'sha256', v.sha256, 'valid_from', " V_SINCE                                \
    ", 'amount', " PARTS_AMOUNT("coalesce(v.amount, 1)") ")"
#define ONE(x) "ARRAY[" x ".elevation_id], ARRAY[" x ".number], ARRAY[coalesce(" x ".amount, 1)::double precision]"

#define ONE_A           ONE("a")
#define ONE_Z           ONE("z")
#define VERSIONS_MARK_1 PARTS_VERSIONS_MARK("$1")

const struct query query_bom_diff = {
    .name = "bom_diff",
    .is_exact = true,
    .is_slow = true,
    .sql = "WITH z AS (SELECT v.*, " VERSION_JSON " AS told FROM parts_versions v WHERE v.elevation_id = $1::int AND"
           " CASE WHEN $3::int IS NULL THEN v.valid_to IS NULL ELSE v.number = $3::int END),"
           " a AS (SELECT v.*, " VERSION_JSON " AS told FROM parts_versions v, z WHERE v.elevation_id = $1::int AND"
           " CASE WHEN $2::int IS NULL THEN v.number < z.number ELSE v.number = $2::int END"
           " ORDER BY v.number DESC LIMIT 1) SELECT a.parsed_at IS NOT NULL AND z.parsed_at IS NOT NULL,"
           " jsonb_build_object('elevation_id', z.elevation_id, 'from', a.told, 'to', z.told) || bom_difference(" ONE_A
           ", " ONE_Z "), s.name, s.state,"
           " coalesce(s.error, ''), concat_ws(', ', CASE WHEN a.parsed_at IS NULL THEN a.number END,"
           " CASE WHEN z.parsed_at IS NULL THEN z.number END), (" VERSIONS_MARK_1 ") FROM a, z, parts_states s"
           " WHERE s.elevation_id = $1::int",
};

const struct query query_bom_diff_lacks = {
    .name = "bom_diff_lacks",
    .sql = "SELECT count(*), coalesce(min(v.number), 0), coalesce(max(v.number), 0), coalesce(bool_or(v.valid_to IS"
           " NULL), false), coalesce(bool_or(v.number = $2::int), $2::int IS NULL), coalesce(bool_or(v.number ="
           " $3::int), $3::int IS NULL) FROM parts_versions v WHERE v.elevation_id = $1::int",
};

/* What was known at a time: the versions that were valid then, of elevations that are there today or were then. */
#define AT(time)                                                                                                       \
    "(SELECT array_agg(v.elevation_id) AS ids, array_agg(v.number) AS numbers,"                                        \
    " array_agg(coalesce(v.amount, 1)::double precision) AS amounts, count(*) AS n,"                                   \
    " count(*) FILTER (WHERE v.parsed_at IS NULL) AS unread FROM e JOIN parts_versions v ON v.elevation_id = e.id"     \
    " WHERE v.valid_from <= " time " AND (v.valid_to IS NULL OR v.valid_to > " time                                    \
    ") AND (e.deleted_at IS NULL OR e.deleted_at > " time "))"

/* What is ahead by another clock is now: nobody knows more. */
#define FROM_TIME "least($4::timestamptz, now())"
#define TO_TIME   "least(coalesce($5::timestamptz, now()), now())"
/* Elevations of that time whose version of then is not kept any more (of a vanished one without any, nobody knows
 * whether it had one): what they held is not in it. */
#define NOT_KEPT(time)                                                                                                 \
    "(SELECT count(*) FROM e LEFT JOIN LATERAL (SELECT min(v.number) AS number, min(v.valid_from) AS since"            \
    " FROM parts_versions v WHERE v.elevation_id = e.id) k ON true WHERE e.created_at <= " time                        \
    " AND (e.deleted_at IS NULL OR e.deleted_at > " time ") AND ((k.number > 1 AND k.since > " time ")"                \
    " OR (k.number IS NULL AND e.deleted_at IS NOT NULL)))"

#define IN_PROJECT  PROJECT_IS("coalesce(h.project_id, e.project_id)", "$1")
#define IS_PROJECT  PROJECT_IS("o.id", "$1")
#define AT_FROM     AT(FROM_TIME)
#define AT_TO       AT(TO_TIME)
#define FROM_TOLD   PARTS_TIME(FROM_TIME)
#define TO_TOLD     PARTS_TIME(TO_TIME)
#define FROM_UNKEPT NOT_KEPT(FROM_TIME)
#define TO_UNKEPT   NOT_KEPT(TO_TIME)

/* All versions of all its elevations, living or not: what was known at any time moves when one of them does. */
#define DIFF_FACTS                                                                                                     \
    "concat(o.logikal_id, string_agg(ROW(e.id, e.created_at, e.deleted_at, v.*, f.reader, f.read_at)::text, ','"       \
    " ORDER BY e.id, v.number))"
#define DIFF_FACTS_MARK PARTS_MARK_OF(DIFF_FACTS)
#define DIFF_MARK                                                                                                      \
    "SELECT " DIFF_FACTS_MARK " FROM projects o LEFT JOIN (elevations e LEFT JOIN phases h ON h.id ="                  \
    " e.phase_id) ON coalesce(h.project_id, e.project_id) = o.id LEFT JOIN parts_versions v ON v.elevation_id = e.id"  \
    " LEFT JOIN parts_files f ON f.sha256 = v.sha256 WHERE " PROJECT_IS_1 " GROUP BY o.id"

const struct query query_bom_project_diff_mark = {
    .name = "bom_project_diff_mark",
    .sql = MARK_AND_ID(DIFF_MARK) "projects o WHERE " IS_PROJECT,
};

#define DIFF_OF_PROJECT                                                                                                \
    "WITH e AS MATERIALIZED (SELECT e.id, e.created_at, e.deleted_at FROM elevations e"                                \
    " LEFT JOIN phases h ON h.id = e.phase_id WHERE " IN_PROJECT "),"                                                  \
    " a AS MATERIALIZED " AT_FROM ", z AS MATERIALIZED " AT_TO                                                         \
    " SELECT jsonb_build_object('project_id', o.id, 'logikal_id', o.logikal_id,"                                       \
    " 'from', jsonb_build_object('time', " FROM_TOLD                                                                   \
    ", 'elevations', a.n, 'unread', a.unread, 'not_kept', " FROM_UNKEPT "),"                                           \
    " 'to', jsonb_build_object('time', " TO_TOLD ", 'elevations', z.n, 'unread', z.unread, 'not_kept', " TO_UNKEPT     \
    ")) ||"                                                                                                            \
    " bom_difference(a.ids, a.numbers, a.amounts, z.ids, z.numbers, z.amounts) AS document, (" DIFF_MARK               \
    ") AS mark FROM a, z, projects o WHERE " IS_PROJECT

const struct query query_bom_project_diff = {
    .name = "bom_project_diff", .is_exact = true, .is_slow = true, .sql = KEPT(DIFF_OF_PROJECT)};

/* ---- what is ordered ---- */

/* How many there are, and the first one's id. */
#define OF_STATE(which) "count(s.elevation_id) FILTER (WHERE " which "), min(s.elevation_id) FILTER (WHERE " which ")"
#define TO_COME         OF_STATE("s.state IN ('waiting', 'moving', 'missing')")
#define FAILED          OF_STATE("s.state = 'failed'")
#define REFUSED         OF_STATE("s.state = 'refused'")
#define OLDER           OF_STATE("s.state = 'read' AND s.behind IS NOT NULL")
#define UNREAD_FROM     " FROM projects o LEFT JOIN (" PARTS_STATES ") ON s.project_id = o.id WHERE "

const struct query query_bom_unread = {
    .name = "bom_unread",
    .sql = "SELECT count(s.elevation_id) FILTER (WHERE " PARTS_LACKING "), coalesce((SELECT"
           " string_agg(x, ', ') FROM unnest((array_agg(left(s.name, 60) || ' (' || CASE WHEN s.behind IS NULL THEN "
           "s.state ELSE "
           "'an older one' END || ')' ORDER BY s.elevation_id)"
           " FILTER (WHERE " PARTS_LACKING "))[1:20]) x), ''), " PARTS_MARK
           ", jsonb_build_object('project', o.name, 'job', o.job_number, 'offer', o.offer_number, 'person',"
           " o.person_in_charge, 'at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI \"UTC\"')), " TO_COME
           ", " FAILED ", " REFUSED ", " OLDER UNREAD_FROM PROJECT_IS("o.id", "$1") " GROUP BY o.id",
};

#define OF_PROJECT                                                                                                     \
    "(SELECT array_agg(s.elevation_id) AS ids, array_agg(s.number) AS numbers, array_agg(s.amount) AS amounts"         \
    " FROM parts_states s WHERE s.state = 'read' AND " PROJECT_IS("s.project_id", "$3") ") p"
#define PRESENT_MARK                                                                                                   \
    "(SELECT " PARTS_MARK " FROM projects o LEFT JOIN (" PARTS_STATES                                                  \
    ") ON s.project_id = o.id WHERE " PROJECT_IS("o.id", "$3") " GROUP BY o.id)"
/* rows: with a number "line" in their order. 'c': they are not of the lists with the mark that is asked for. */
#define ORDER_SQL(rows)                                                                                                \
    "SELECT count(*), max(line), coalesce(string_agg(row_to_json(t)::text, E',\n' ORDER BY line), ''), 0, NULL,"       \
    " CASE WHEN " PRESENT_MARK " = $4 THEN 't' ELSE 'c' END FROM (SELECT * FROM (" rows ") q WHERE line > $1::int"     \
    " AND $5::text IS NULL AND NOT $6::boolean ORDER BY line LIMIT $2::int) t"

/* A pane, a length or an article of an order: bom_figure tells a number without zeros at its end. */
const struct query query_glass_order = {
    .name = "glass_order",
    .is_exact = true,
    .is_slow = true,
    .sql = ORDER_SQL(
        "SELECT row_number() OVER (ORDER BY l.supplier_name, l.supplier, l.code, l.name, l.width DESC, l.height DESC,"
        " l.spacer, l.size_unit, l.area_unit, l.weight_unit) AS line, l.supplier, l.supplier_name, l.code, l.name, "
        "bom_figure(l.width) AS width,"
        " bom_figure(l.height) AS height, l.size_unit, bom_figure(l.spacer) AS spacer, bom_figure(sum(l.n)) AS amount,"
        " bom_figure(sum(l.area * l.n)) AS area, l.area_unit, bom_figure(sum(l.weight * l.n)) AS"
        " weight, l.weight_unit, jsonb_agg(jsonb_strip_nulls(jsonb_build_object('elevation_id',"
        " l.elevation_id, 'elevation', e.name, 'position', l.position, 'amount', bom_figure(l.n)))"
        " ORDER BY e.name, l.elevation_id, l.line) AS positions, count(*) FILTER (WHERE l.n IS NULL) AS"
        " lines_without_amount, count(*) FILTER (WHERE l.unread) AS lines_unread FROM " OF_PROJECT ","
        " bom_lines(p.ids, p.numbers, p.amounts) l JOIN elevations e ON e.id = l.elevation_id WHERE l.kind = 'glass'"
        " GROUP BY l.supplier, l.supplier_name, l.code, l.name, l.width, l.height, l.size_unit, l.spacer, l.area_unit,"
        " l.weight_unit"),
};

const struct query query_cutting_list = {
    .name = "cutting_list",
    .is_exact = true,
    .is_slow = true,
    .sql = ORDER_SQL(
        "SELECT row_number() OVER (ORDER BY l.code, l.colour, l.length DESC, l.angle_left, l.angle_right,"
        " l.length_unit, min(l.description), l.supplier_name, l.supplier, l.supplier_code) AS line, l.code,"
        " l.supplier_code,"
        " min(l.description) AS description, l.colour, bom_figure(l.length) AS length, l.length_unit,"
        " bom_figure(l.angle_left) AS angle_left, bom_figure(l.angle_right) AS angle_right, bom_figure(sum(l.n)) AS"
        " amount, bom_figure(sum(l.length * l.n)) AS total_length, l.supplier_name, count(*)"
        " FILTER (WHERE l.n IS NULL) AS lines_without_amount, jsonb_agg(jsonb_strip_nulls(jsonb_build_object("
        "'elevation_id', l.elevation_id, 'elevation', e.name, 'amount', bom_figure(l.n))) ORDER BY e.name,"
        " l.elevation_id, l.line) AS positions, count(*) FILTER (WHERE l.unread) AS lines_unread FROM " OF_PROJECT
        ", bom_lines(p.ids, p.numbers, p.amounts) l JOIN elevations e ON e.id = l.elevation_id WHERE l.kind = 'profile'"
        " GROUP BY l.code, CASE WHEN l.code IS NULL THEN l.description END, l.colour, l.length, l.length_unit,"
        " l.angle_left, l.angle_right, l.supplier, l.supplier_name, l.supplier_code"),
};

/* So many packs that hold them: a quotient is rounded somewhere, what is left of a division is not. */
#define PACKS                                                                                                          \
    "CASE WHEN b.pack_size > 0 THEN bom_figure(div(b.amount, b.pack_size) + (mod(b.amount,"                            \
    " b.pack_size) > 0)::int) END"

const struct query query_stock_list = {
    .name = "stock_list",
    .is_exact = true,
    .is_slow = true,
    .sql = ORDER_SQL(
        "SELECT row_number() OVER (ORDER BY b.supplier_name, b.code, b.colour, b.key) AS line, b.supplier,"
        " b.supplier_name, b.code, b.supplier_code, b.description, b.colour, b.amount, b.units, b.unit, b.pack_size,"
        " " PACKS " AS packs, b.price, b.prices, b.lines_without_amount, b.lines_unread FROM " OF_PROJECT
        ", bom_rows(p.ids, p.numbers, p.amounts) b WHERE b.kind = 'article'"),
};
