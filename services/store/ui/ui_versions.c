/* See ui_versions.h. Lines are told from each other by the key of bom_rows, as bom_difference does. */
#include "services/store/ui/ui_lines.h"
#include "services/store/ui/ui_versions.h"

#define LINES_OF(v)                                                                                                    \
    "(SELECT b.key, to_jsonb(b) - 'key' AS line FROM " v ", bom_rows(ARRAY[" v ".elevation_id], ARRAY[" v ".number],"  \
    " ARRAY[coalesce(" v ".amount, 1)::double precision]) b)"
#define SIZE(x) "concat_ws(' × ', " x "->>'width', " x "->>'height')"
/* How much of it there is: minutes of labour, pieces of the rest, with the length of profiles. */
#define MUCH(x)                                                                                                        \
    "concat_ws(', ', coalesce(" x "->>'minutes', " x "->>'amount'), CASE WHEN " x "->>'kind' = 'profile' THEN"         \
    " concat_ws(' ', " x "->>'length', " x "->>'length_unit') END)"
#define PRICE(x)                                                                                                       \
    "coalesce(" x "->>'price', (SELECT string_agg(p, ', ') FROM jsonb_array_elements_text(nullif(" x "->'prices', "    \
    "'null')) p), '')"
/* The members that differ, each with what it was and what it is. */
#define CHANGES                                                                                                        \
    "CASE WHEN d.mark = 'changed' THEN (SELECT string_agg(replace(m.key, '_', ' ') || CASE WHEN m.key = 'cuts' THEN"   \
    " '' ELSE ' ' || coalesce(d.before->>m.key, '-') || ' → ' || coalesce(m.value #>> '{}', '-') END, ', '"          \
    " ORDER BY m.key) FROM jsonb_each(d.after) m WHERE d.before->m.key IS DISTINCT FROM m.value) ELSE '' END"
#define D_SIZE       SIZE("d.l")
#define BEFORE_MUCH  MUCH("d.before")
#define AFTER_MUCH   MUCH("d.after")
#define BEFORE_PRICE PRICE("d.before")
#define AFTER_PRICE  PRICE("d.after")
#define ROW_OF_D                                                                                                       \
    "jsonb_build_object('mark', d.mark, 'kind', CASE d.l->>'kind' WHEN 'glass' THEN 'pane' ELSE d.l->>'kind' END,"     \
    " 'code', coalesce(d.l->>'code', d.l->>'what', ''), 'name', coalesce(d.l->>'name', d.l->>'description', ''),"      \
    " 'detail', concat_ws(' ', d.l->>'colour', nullif(" D_SIZE ", '')), 'before', " BEFORE_MUCH ","                    \
    " 'before_price', " BEFORE_PRICE ", 'after', " AFTER_MUCH ", 'after_price', " AFTER_PRICE ","                      \
    " 'changes', " CHANGES ")"
#define ORDER                                                                                                          \
    "array_position(ARRAY['glass', 'profile', 'article', 'labour'], d.l->>'kind'), d.l->>'code', d.l->>'name', d.key"
/* Of more lines than a page has room for those that differ come first. */
#define FIRST                                                                                                          \
    "(SELECT * FROM (SELECT d.*, row_number() OVER (ORDER BY d.mark = '', " ORDER                                      \
    ") AS n FROM d) d WHERE d.n <= " UI_LINES ")"
#define CUT_VALUE UI_CUT("m.value")
#define SHOWN                                                                                                          \
    "(SELECT * FROM (SELECT d.*, sum(octet_length(d.told::text)) OVER (ORDER BY d.n) AS bytes FROM (SELECT d.*,"       \
    " (SELECT jsonb_object_agg(m.key, " CUT_VALUE ") FROM jsonb_each_text(" ROW_OF_D ") m) AS told FROM " FIRST        \
    " d) d) d WHERE d.bytes <= " SHOWN_BYTES ")"
#define SHOWN_BYTES "400000"

#define LINES_OF_A LINES_OF("a")
#define LINES_OF_Z LINES_OF("z")

const struct query ui_query_versions = {
    .name = "ui_versions",
    .is_slow = true,
    .sql = "WITH v AS (SELECT * FROM parts_versions WHERE elevation_id = $1::int),"
           " z AS (SELECT * FROM v WHERE CASE WHEN $3::int IS NULL THEN valid_to IS NULL ELSE number = $3::int END),"
           " a AS (SELECT v.* FROM v, z WHERE CASE WHEN $2::int IS NULL THEN v.number < z.number ELSE v.number ="
           "  $2::int END ORDER BY v.number DESC LIMIT 1),"
           " x AS MATERIALIZED " LINES_OF_A ", y AS MATERIALIZED " LINES_OF_Z ","
           " d AS MATERIALIZED (SELECT key, coalesce(y.line, x.line) AS l, coalesce(x.line, '{}') AS before,"
           "  coalesce(y.line, '{}') AS after, CASE WHEN x.line IS NULL THEN 'added' WHEN y.line IS NULL THEN 'removed'"
           "  WHEN x.line <> y.line THEN 'changed' ELSE '' END AS mark FROM x FULL JOIN y USING (key)),"
           " shown AS MATERIALIZED " SHOWN
           " SELECT jsonb_build_object('versions', (SELECT jsonb_agg(jsonb_build_object('number', v.number, 'since',"
           "  v.valid_from, 'is_from', v.number = (SELECT number FROM a), 'is_to', v.number = (SELECT number FROM z))"
           "  ORDER BY v.number DESC) FROM v), 'from', (SELECT number FROM a), 'to', (SELECT number FROM z),"
           " 'is_alone', (SELECT count(*) FROM v) < 2, 'is_unread', (SELECT bool_or(t.parsed_at IS NULL)"
           " FROM (SELECT parsed_at FROM a UNION ALL SELECT parsed_at"
           "  FROM z) t), 'added', (SELECT count(*) FROM d WHERE mark = 'added'), 'removed', (SELECT count(*) FROM d"
           "  WHERE mark = 'removed'), 'changed', (SELECT count(*) FROM d WHERE mark = 'changed'), 'more',"
           " (SELECT count(*) FROM d) - (SELECT count(*) FROM shown), 'rows', (SELECT coalesce(jsonb_agg(d.told"
           " ORDER BY " ORDER "), '[]') FROM shown d)) WHERE (SELECT count(*) FROM v) > 1 OR $2::int IS NOT NULL OR"
           " $3::int IS NOT NULL",
};
