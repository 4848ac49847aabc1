/* See ui_bill.h. Missing values are empty cells. */
#include "services/store/ui/ui_bill.h"

#define GROUP(title, of_kind, order, columns, cells)                                                                   \
    "jsonb_build_object('title', '" title "', 'count', (SELECT count(*) FROM b WHERE b.kind = '" of_kind "'),"         \
    " 'columns', '" columns "'::jsonb, 'rows', (SELECT coalesce(jsonb_agg(jsonb_build_object('cells',"                 \
    " jsonb_build_array(" cells ")) ORDER BY " order ", b.key), '[]') FROM b WHERE b.kind = '" of_kind "'))"
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

#define AREA     WITH_UNIT("b.area", "b.area_unit")
#define WEIGHT   WITH_UNIT("b.weight", "b.weight_unit")
#define LENGTH   WITH_UNIT("b.length", "b.length_unit")
#define WIDTH    WITH_UNIT("b.width", "b.size_unit")
#define HEIGHT   WITH_UNIT("b.height", "b.size_unit")
#define MATERIAL "concat(b.code), concat(b.description), concat(b.colour), concat(b.amount), "
#define PANE_CELLS                                                                                                     \
    "concat(b.code), concat(b.name), " WIDTH ", " HEIGHT ", concat(b.spacer), concat(b.amount), " AREA ", " WEIGHT     \
    ", concat(b.supplier_name)"
#define PROFILE_CELLS MATERIAL LENGTH ", " CUTS ", " PRICE
#define ARTICLE_CELLS MATERIAL "concat(b.unit), concat(b.pack_size), " PRICE ", concat(b.supplier_name)"
#define LABOUR_CELLS  "concat(b.what), concat(b.name), concat(b.minutes)"
#define PANE_NAMES    "[\"Code\",\"Name\",\"Width\",\"Height\",\"Spacer\",\"Amount\",\"Area\",\"Weight\",\"Supplier\"]"
#define PROFILE_NAMES "[\"Code\",\"Description\",\"Colour\",\"Amount\",\"Length\",\"Cuts\",\"Price\"]"
#define ARTICLE_NAMES                                                                                                  \
    "[\"Code\",\"Description\",\"Colour\",\"Amount\",\"Unit\",\"Packing unit\",\"Price\",\"Supplier\"]"
#define LABOUR_NAMES "[\"What\",\"Where\",\"Minutes\"]"
#define PANES        GROUP("Panes", "glass", "b.code, b.name, b.width DESC", PANE_NAMES, PANE_CELLS)
#define PROFILES     GROUP("Profiles", "profile", "b.code, b.colour", PROFILE_NAMES, PROFILE_CELLS)
#define ARTICLES     GROUP("Articles", "article", "b.code, b.colour", ARTICLE_NAMES, ARTICLE_CELLS)
#define LABOUR       GROUP("Labour", "labour", "b.what, b.name", LABOUR_NAMES, LABOUR_CELLS)
#define TABLES                                                                                                         \
    "(SELECT coalesce(jsonb_agg(jsonb_build_object('name', t->>'name', 'rows', coalesce(t->>'rows', '?'), 'path',"     \
    " " SEGMENT("t->>'name'") ") ORDER BY n), '[]') FROM jsonb_array_elements(f.tables) WITH ORDINALITY AS x (t, n))"

const struct query ui_query_bill = {
    .name = "ui_bill",
    .sql = "WITH s AS (SELECT * FROM parts_states WHERE elevation_id = $1::int AND state = 'read'),"
           " b AS MATERIALIZED (SELECT b.* FROM s, bom_rows(ARRAY[s.elevation_id], ARRAY[s.number], ARRAY[s.amount]) b)"
           " SELECT jsonb_build_object('version', s.number, 'times', s.amount, 'groups',"
           " jsonb_build_array(" PANES ", " PROFILES ", " ARTICLES ", " LABOUR "), 'tables', " TABLES ")"
           " FROM s JOIN parts_files f ON f.sha256 = s.sha256",
};
