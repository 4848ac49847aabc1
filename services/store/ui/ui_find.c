/* See ui_find.h. What is found is found by logikald_find (a function of a migration, which tells how); here it gets its
 * names, ways and states. */
#include "services/store/ui/ui_find.h"

#include "services/store/ui/ui_csv.h"
#include "services/store/ui/ui_lines.h"

#define FOUND                                                                                                          \
    "logikald_find(coalesce($1, ''), coalesce($2, ''), coalesce($3, ''), nullif($4, '')::integer, coalesce($5, ''),"   \
    " $6::integer, "
/* The rows of an object and of what it lies in. */
#define ROWS                                                                                                           \
    " LEFT JOIN directories d ON h.kind = 'directory' AND d.id = h.id"                                                 \
    " LEFT JOIN elevations e ON h.kind = 'elevation' AND e.id = h.id"                                                  \
    " LEFT JOIN phases f ON f.id = CASE h.kind WHEN 'phase' THEN h.id ELSE e.phase_id END"                             \
    " LEFT JOIN projects j ON j.id = CASE h.kind WHEN 'project' THEN h.id ELSE coalesce(f.project_id, e.project_id) "  \
    "END LEFT JOIN projects o ON h.kind = 'project' AND o.id = h.id"                                                   \
    " LEFT JOIN project_cursors c ON c.project_id = o.id LEFT JOIN parts_states s ON s.elevation_id = e.id"
#define OF_KIND(member) "CASE h.kind WHEN 'directory' THEN d." member " WHEN 'phase' THEN f." member " END"
#define NAME            "coalesce(e.name, o.name, " OF_KIND("name") ")"
#define GUID            "coalesce(e.logikal_id, o.logikal_id, " OF_KIND("logikal_id") ")"
#define GONE_AT         "coalesce(e.deleted_at, o.deleted_at, " OF_KIND("deleted_at") ")"
#define PARTS           "CASE WHEN s.behind IS NOT NULL THEN 'not the newest' WHEN s.state <> 'none' THEN s.state END"
#define ERROR                                                                                                          \
    "coalesce(CASE WHEN c.failures > 0 THEN c.last_error END, s.behind, CASE WHEN s.state <> 'none' THEN s.error END)"

#define DESCRIBED UI_CUT("coalesce(e.auto_description_short, e.description, o.description)")
#define ERROR_CUT UI_CUT(ERROR)

const struct query ui_query_find = {
    .name = "ui_find",
    .sql = "WITH h AS MATERIALIZED (SELECT * FROM " FOUND "$7::bigint))"
           " SELECT json_build_object('total', (SELECT total FROM h LIMIT 1), 'gone', (SELECT gone FROM h LIMIT 1),"
           "  'stored', (SELECT count(*) FROM object_words w WHERE coalesce($2, '') IN ('', w.kind)),"
           "  'rows', (SELECT coalesce(json_agg(json_build_object('kind', h.kind, 'id', h.id, 'name', " NAME ","
           "    'url', CASE h.kind WHEN 'directory' THEN '/ui/browse?directory=' || h.id WHEN 'elevation' THEN"
           "     '/ui/browse/elevations/' || h.id ELSE '/ui/browse/projects/' || j.id END,"
           "    'way', (SELECT coalesce(json_agg(json_build_object('name', y.name, 'url', y.url) ORDER BY y.n), '[]')"
           "     FROM (SELECT g.n, x.name, '/ui/browse?directory=' || x.id AS url FROM unnest(h.way) WITH ORDINALITY"
           "       AS g (id, n) JOIN directories x ON x.id = g.id WHERE h.kind <> 'directory' OR x.id <> h.id"
           "      UNION ALL SELECT 100, j.name, '/ui/browse/projects/' || j.id WHERE h.kind IN ('phase', 'elevation')"
           "       AND j.id IS NOT NULL"
           "      UNION ALL SELECT 101, f.name, '/ui/browse/projects/' || j.id WHERE h.kind = 'elevation' AND f.id"
           "       IS NOT NULL) y),"
           "    'job', o.job_number, 'offer', o.offer_number, 'person', o.person_in_charge, 'amount', e.amount,"
           "    'width', e.width, 'height', e.height, 'described', " DESCRIBED ","
           "    'parts', " PARTS ", 'parts_tone', CASE WHEN s.behind IS NOT NULL THEN 'warn' WHEN s.state = 'read' THEN"
           "     'ok' WHEN s.state IN ('failed', 'refused') THEN 'bad' END,"
           " 'is_failing', coalesce(c.failures > 0, false),"
           "    'error', " ERROR_CUT ", 'is_excluded', h.is_excluded, 'changed', h.changed, 'read', h.read_at,"
           "    'gone_at', " GONE_AT ") ORDER BY h.n), '[]') FROM h" ROWS " WHERE h.kind IS NOT NULL))",
    .is_slow = true,
};

const struct query ui_query_find_directories = {
    .name = "ui_find_directories",
    .sql = "SELECT json_build_object('list', (SELECT json_agg(json_build_object('id', d.id, 'name', d.name, 'is_here',"
           "   d.is_here) ORDER BY lower(d.name), d.id) FROM (SELECT id, coalesce(full_path, name) AS name,"
           "   id::text = $1 AS is_here FROM directories WHERE deleted_at IS NULL OR id::text = $1"
           "   ORDER BY id::text = $1 DESC, lower(coalesce(full_path, name)), id LIMIT 300) d),"
           "  'more', greatest(0, (SELECT count(*) FROM directories WHERE deleted_at IS NULL) - 300))",
};

#define WAY                                                                                                            \
    "concat_ws(' > ', (SELECT string_agg(x.name, ' > ' ORDER BY g.n) FROM unnest(h.way) WITH ORDINALITY AS g (id, n)"  \
    " JOIN directories x ON x.id = g.id WHERE h.kind <> 'directory' OR x.id <> h.id), CASE WHEN h.kind IN ('phase',"   \
    " 'elevation') THEN j.name END, CASE h.kind WHEN 'elevation' THEN f.name END)"

/* The fields of a line. */
#define OF_PROJECT UI_CSV("o.job_number") ", " UI_CSV("o.offer_number") ", " UI_CSV("o.person_in_charge")
#define OF_ELEVATION                                                                                                   \
    "coalesce(e.amount::text, ''), coalesce(e.width::text, ''), coalesce(e.height::text, ''), " UI_CSV(PARTS)
#define TIMES     "coalesce(h.changed::text, ''), coalesce(h.read_at::text, ''), coalesce(" GONE_AT "::text, '')"
#define CSV_NAME  UI_CSV(NAME)
#define CSV_WAY   UI_CSV(WAY)
#define CSV_GUID  UI_CSV(GUID)
#define CSV_ERROR UI_CSV(ERROR)
#define LINE                                                                                                           \
    "concat_ws(',', h.kind, h.id, " CSV_NAME ", " CSV_WAY ", " CSV_GUID ", " OF_PROJECT ", " OF_ELEVATION              \
    ", " CSV_ERROR ", " TIMES ", CASE WHEN h.is_excluded THEN 'yes' ELSE 'no' END)"
#define NAMES                                                                                                          \
    "'kind,id,name,way,guid,job,offer,person,amount,width_mm,height_mm,parts,error,changed,read,gone,excluded'"

const struct query ui_query_find_csv = {
    .name = "ui_find_csv",
    .sql = "WITH h AS MATERIALIZED (SELECT * FROM " FOUND "0))"
           " SELECT " NAMES " || E'\\r\\n' || coalesce(string_agg(" LINE " || E'\\r\\n', '' ORDER BY h.n), '')"
           "  || (SELECT CASE WHEN total > $6::integer THEN 'the first ' || $6 || ' of ' || total || ' are here:"
           " narrow the filter' || E'\\r\\n' ELSE '' END FROM h LIMIT 1) FROM h" ROWS " WHERE h.kind IS NOT NULL",
    .is_slow = true,
};
