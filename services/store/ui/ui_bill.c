/* See ui_bill.h. Missing values are empty cells. */
#include "services/store/ui/ui_bill.h"
#include "services/store/ui/ui_lines.h"

#define GROUP(title, of_kind, columns)                                                                                 \
    "jsonb_build_object('title', '" title "', 'count', (SELECT count(*) FROM b WHERE b.kind = '" of_kind "'),"         \
    " 'more', (SELECT count(*) FROM b WHERE b.kind = '" of_kind                                                        \
    "') - (SELECT count(*) FROM shown WHERE kind = '" of_kind                                                          \
    "'), 'is_open', EXISTS (SELECT FROM b WHERE b.kind = '" of_kind "' AND " IS_OPEN "), 'columns', '" columns         \
    "'::jsonb, 'rows', (SELECT coalesce(jsonb_agg(jsonb_build_object('cells',"                                         \
    " cells) ORDER BY n), '[]') FROM shown WHERE kind = '" of_kind "'))"
#define WITH_UNIT(x, unit) "coalesce(" x " || coalesce(' ' || " unit ", ''), '')"
#define PRICE              "coalesce(b.price::text, (SELECT string_agg(p, ', ') FROM jsonb_array_elements_text(b.prices) p), '')"
#define CUTS                                                                                                           \
    "coalesce((SELECT string_agg(concat(c->>'amount', ' × ', c->>'length', ' (' || concat_ws('/', c->>'angle_left',"  \
    " c->>'angle_right') || '°)'), ', ') FROM jsonb_array_elements(b.cuts) c), '')"
/* A name as a segment of a path: percent-encoded but for letters, digits and what is plain. */
#define SEGMENT(name)                                                                                                  \
    "(SELECT string_agg(CASE WHEN c ~ '^[A-Za-z0-9_.~-]$' THEN c ELSE regexp_replace(upper(encode(convert_to(c,"       \
    " 'UTF8'), 'hex')), '(..)', '%\\1', 'g') END, '' ORDER BY i) FROM regexp_split_to_table(" name                     \
    ", '') WITH ORDINALITY AS y (c, i))"

#define AREA   WITH_UNIT("b.area", "b.area_unit")
#define WEIGHT WITH_UNIT("b.weight", "b.weight_unit")
#define LENGTH WITH_UNIT("b.length", "b.length_unit")
#define WIDTH  WITH_UNIT("b.width", "b.size_unit")
#define HEIGHT WITH_UNIT("b.height", "b.size_unit")
/* A sum that some lines are not in: of these nobody knows how much. */
#define IS_OPEN  "(b.lines_without_amount > 0 OR b.lines_unread > 0)"
#define SUM(x)   "concat_ws(' + ', " x ", CASE WHEN " IS_OPEN " THEN '?' END)"
#define AMOUNT   SUM("b.amount")
#define MATERIAL "concat(b.code), concat(b.description), concat(b.colour), " AMOUNT ", "
#define PANE_CELLS                                                                                                     \
    "concat(b.code), concat(b.name), " WIDTH ", " HEIGHT ", concat(b.spacer), " AMOUNT ", " AREA ", " WEIGHT           \
    ", concat(b.supplier_name)"
#define PROFILE_CELLS MATERIAL LENGTH ", " CUTS ", " PRICE
#define ARTICLE_CELLS MATERIAL "concat(b.unit), concat(b.pack_size), " PRICE ", concat(b.supplier_name)"
#define LABOUR_CELLS  "concat(b.what), concat(b.name), " SUM("b.minutes")
#define PANE_NAMES    "[\"Code\",\"Name\",\"Width\",\"Height\",\"Spacer\",\"Amount\",\"Area\",\"Weight\",\"Supplier\"]"
#define PROFILE_NAMES "[\"Code\",\"Description\",\"Colour\",\"Amount\",\"Length\",\"Cuts\",\"Price\"]"
#define ARTICLE_NAMES                                                                                                  \
    "[\"Code\",\"Description\",\"Colour\",\"Amount\",\"Unit\",\"Packing unit\",\"Price\",\"Supplier\"]"
#define LABOUR_NAMES "[\"What\",\"Where\",\"Minutes\"]"
#define PANES        GROUP("Panes", "glass", PANE_NAMES)
#define PROFILES     GROUP("Profiles", "profile", PROFILE_NAMES)
#define ARTICLES     GROUP("Articles", "article", ARTICLE_NAMES)
#define LABOUR       GROUP("Labour", "labour", LABOUR_NAMES)
/* A page stays one, however much a list holds: so many lines of each kind, and no more than so many bytes of them. */
#define SHOWN_BYTES "200000"
#define FIRST                                                                                                          \
    "(SELECT b.*, row_number() OVER (PARTITION BY b.kind ORDER BY b.code, b.what, CASE WHEN b.kind IN ('glass',"       \
    " 'labour') THEN b.name ELSE b.colour END, b.width DESC, b.key) AS n FROM b)"
#define CELLS                                                                                                          \
    "CASE b.kind WHEN 'glass' THEN jsonb_build_array(" PANE_CELLS                                                      \
    ") WHEN 'profile' THEN jsonb_build_array(" PROFILE_CELLS ") WHEN 'article' THEN jsonb_build_array(" ARTICLE_CELLS  \
    ") ELSE jsonb_build_array(" LABOUR_CELLS ") END"
#define CELL_CUT UI_CUT("y.c")
#define SHOWN                                                                                                          \
    "(SELECT * FROM (SELECT c.kind, c.n, c.cells, sum(octet_length(c.cells::text)) OVER (PARTITION BY c.kind"          \
    " ORDER BY c.n) AS bytes FROM (SELECT b.kind, b.n, (SELECT jsonb_agg(" CELL_CUT " ORDER BY y.i) FROM"              \
    " jsonb_array_elements_text(" CELLS ") WITH ORDINALITY AS y (c, i)) AS cells FROM " FIRST " b"                     \
    " WHERE b.n <= " UI_LINES ") c) c WHERE c.bytes <= " SHOWN_BYTES ")"
#define NAME_SEGMENT SEGMENT("t->>'name'")
#define TABLES                                                                                                         \
    "(SELECT coalesce(jsonb_agg(jsonb_build_object('name', t->>'name', 'rows', coalesce(t->>'rows', '?'),"             \
    " 'path', " NAME_SEGMENT ") ORDER BY n), '[]') FROM jsonb_array_elements(f.tables) WITH ORDINALITY AS x (t, n)"    \
    " WHERE n <= " UI_LINES ")"

const struct query ui_query_bill = {
    .name = "ui_bill",
    .sql =
        "WITH s AS (SELECT * FROM parts_states WHERE elevation_id = $1::int AND state = 'read'),"
        " b AS MATERIALIZED (SELECT b.* FROM s, bom_rows(ARRAY[s.elevation_id], ARRAY[s.number], ARRAY[s.amount]) b),"
        " shown AS MATERIALIZED " SHOWN " SELECT jsonb_build_object('version', s.number, 'times', s.amount, 'groups',"
        " jsonb_build_array(" PANES ", " PROFILES ", " ARTICLES ", " LABOUR "), 'tables', " TABLES ","
        " 'more_tables', greatest(jsonb_array_length(f.tables) - " UI_LINES ", 0))"
        " FROM s JOIN parts_files f ON f.sha256 = s.sha256",
};
