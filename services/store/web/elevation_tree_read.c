/* Elevations with all that a page shows of them, as a tree, and by words. */
#include "services/store/web/elevation_tree_read.h"

#define NAMED(x) "CASE WHEN " x ".id IS NOT NULL THEN json_build_object('id', " x ".id, 'name', " x ".name) END"
#define NEIGHBOUR(order, compare)                                                                                      \
    "(SELECT json_build_object('id', n.id, 'name', n.name) FROM elevations n WHERE n.phase_id = e.phase_id AND"        \
    " n.deleted_at IS NULL AND n.id " compare " e.id ORDER BY n.id " order " LIMIT 1)"
#define COUNT_BELOW(compare)                                                                                           \
    "(SELECT count(*) FROM elevations n WHERE n.phase_id = e.phase_id AND n.deleted_at IS NULL" compare ")"

#define THE_DIRECTORY NAMED("d")
#define THE_PROJECT   NAMED("p")
#define THE_PHASE     NAMED("h")
#define PREVIOUS      NEIGHBOUR("DESC", "<")
#define NEXT          NEIGHBOUR("ASC", ">")
#define CURRENT_INDEX COUNT_BELOW(" AND n.id <= e.id")
#define TOTAL_COUNT   COUNT_BELOW("")
#define GLASS                                                                                                          \
    "(SELECT coalesce(json_agg(json_build_object('id', g.id, 'glass_id', g.glass_id, 'name', g.name, 'created_at',"    \
    " g.created_at) ORDER BY g.id), '[]') FROM elevation_glass g WHERE g.elevation_id = e.id)"
#define HIERARCHY                                                                                                      \
    "json_build_object('directory', " THE_DIRECTORY ", 'project', " THE_PROJECT ", 'phase', " THE_PHASE ")"
#define NAVIGATION                                                                                                     \
    "json_build_object('previous', " PREVIOUS ", 'next', " NEXT ", 'current_index', " CURRENT_INDEX ","                \
    " 'total_count', " TOTAL_COUNT ")"
#define ENRICHED                                                                                                       \
    "json_build_object('descriptions', json_build_object('auto_description', e.auto_description,"                      \
    " 'auto_description_short', e.auto_description_short), 'dimensions', json_build_object('width_out', e.width_out,"  \
    " 'width_unit', e.width_unit, 'height_out', e.height_out, 'height_unit', e.height_unit, 'weight_out',"             \
    " e.weight_out, 'weight_unit', e.weight_unit, 'area_output', e.area_output, 'area_unit', e.area_unit),"            \
    " 'system', json_build_object('code', e.system_code, 'name', e.system_name, 'long_name', e.system_long_name,"      \
    " 'color_base', e.color_base_long), 'glass_specifications', " GLASS ")"
#define ELEVATION                                                                                                      \
    "json_build_object('id', e.id, 'logikal_id', e.logikal_id, 'name', e.name, 'description', e.description,"          \
    " 'status', e.status, 'dimensions', json_build_object('width', e.width, 'height', e.height, 'depth', e.depth),"    \
    " 'created_at', e.created_at, 'updated_at', e.updated_at, 'last_sync_date', e.last_sync_date,"                     \
    " 'last_update_date', e.last_update_date, 'sync_status', e.sync_status, 'synced_at', e.synced_at,"                 \
    " 'has_parts_data', e.has_parts_data, 'parts_count', e.parts_count, 'parts_synced_at', e.parts_synced_at,"         \
    " 'parse_status', e.parse_status, 'parse_error', e.parse_error, 'parse_retry_count', e.parse_retry_count,"         \
    " 'data_parsed_at', e.data_parsed_at, 'parts_file_hash', e.parts_file_hash, 'thumbnail_url', CASE WHEN EXISTS"     \
    " (SELECT FROM elevation_thumbnails t WHERE t.elevation_id = e.id AND t.content IS NOT NULL) THEN"                 \
    " '/api/v1/elevations/' || e.id || '/thumbnail' END, 'image_path', e.image_path)"

const struct query query_elevation_detail = {
    .name = "elevation_detail",
    .sql = "SELECT json_build_object('success', true, 'data', json_build_object('elevation', " ELEVATION ","
           " 'hierarchy', " HIERARCHY ", 'navigation', " NAVIGATION ", 'enriched_data', " ENRICHED "))"
           " FROM elevations e LEFT JOIN phases h ON h.id = e.phase_id LEFT JOIN projects p ON p.id"
           " = coalesce(e.project_id, h.project_id) LEFT JOIN directories d ON d.id = p.directory_id"
           " WHERE e.id = $1::int",
};

/* At most 5000 elevations, so that the tree stays readable and small; total_elevations tells them all. */
const struct query query_elevation_tree = {
    .name = "elevation_tree",
    .is_slow = true,
    .sql = "WITH found AS (SELECT e.*, h.project_id AS of_project FROM elevations e JOIN phases h ON h.id = e.phase_id"
           " WHERE e.deleted_at IS NULL AND ($1::text IS NULL OR e.name ILIKE $2) ORDER BY e.id LIMIT 5000),"
           " h AS (SELECT f.phase_id AS id, json_agg(json_build_object('id', f.id, 'name', f.name, 'logikal_id',"
           " f.logikal_id, 'type', 'elevation', 'status', f.status, 'parse_status', f.parse_status, 'has_parts_data',"
           " f.has_parts_data, 'description', f.description, 'created_at', f.created_at) ORDER BY f.id) AS children"
           " FROM found f GROUP BY 1),"
           " p AS (SELECT x.project_id AS id, json_agg(json_build_object('id', x.id, 'name', x.name, 'type', 'phase',"
           " 'children', h.children) ORDER BY x.id) AS children FROM h JOIN phases x USING (id) GROUP BY 1),"
           " d AS (SELECT x.directory_id AS id, json_agg(json_build_object('id', x.id, 'name', x.name, 'type',"
           " 'project', 'children', p.children) ORDER BY x.id) AS children FROM p JOIN projects x USING (id)"
           " GROUP BY 1)"
           " SELECT json_build_object('success', true, 'data', (SELECT coalesce(json_agg(json_build_object('id',"
           " coalesce(x.id, 0), 'name', coalesce(x.name, 'No directory'), 'type', 'directory', 'children', d.children)"
           " ORDER BY x.id), '[]') FROM d LEFT JOIN directories x ON x.id = d.id), 'total_elevations', (SELECT count(*)"
           " FROM elevations WHERE deleted_at IS NULL AND ($1::text IS NULL OR name ILIKE $2)), 'search_term',"
           " $1::text)",
};

const struct query query_elevation_search = {
    .name = "elevation_search",
    .sql = "SELECT json_build_object('success', true, 'data', coalesce(json_agg(json_build_object('id', e.id,"
           " 'name', e.name, 'hierarchy', json_build_object('directory', json_build_object('name', e.directory),"
           " 'project', json_build_object('name', e.project), 'phase', json_build_object('name', e.phase)),"
           " 'has_parts_data', e.has_parts_data, 'parse_status', e.parse_status) ORDER BY e.name, e.id), '[]'))"
           " FROM (SELECT e.id, e.name, d.name AS directory, p.name AS project, h.name AS phase, e.has_parts_data,"
           " e.parse_status FROM elevations e LEFT JOIN phases h ON h.id = e.phase_id LEFT JOIN projects p ON p.id"
           " = coalesce(e.project_id, h.project_id) LEFT JOIN directories d ON d.id = p.directory_id"
           " WHERE e.deleted_at IS NULL AND (e.name ILIKE $1 OR"
           " e.description ILIKE $1 OR e.logikal_id = logikald_guid($2)) ORDER BY e.name, e.id LIMIT $3::int) e",
};

/* The projects, by Logikal's ids, in which objects of a type lie. */
const struct query query_projects_of_objects = {
    .name = "projects_of_objects",
    .sql =
        "WITH wanted AS (SELECT value AS asked, logikald_guid(value) AS value, min(ordinality) AS n, count(*) AS times"
        "  FROM json_array_elements_text($2::json) WITH ORDINALITY GROUP BY 1),"
        " found AS (SELECT w.n, p.id FROM projects p JOIN wanted w ON w.value IN (p.logikal_id, p.id::text)"
        "   WHERE $1 = 'project'"
        "  UNION SELECT w.n, p.id FROM projects p JOIN directories d ON d.id = p.directory_id JOIN wanted w"
        "   ON w.value IN (d.logikal_id, d.id::text) WHERE $1 = 'directory'"
        "  UNION SELECT w.n, h.project_id FROM phases h JOIN wanted w ON w.value IN (h.logikal_id, h.id::text)"
        "   WHERE $1 = 'phase'"
        "  UNION SELECT w.n, h.project_id FROM elevations e JOIN phases h ON h.id = e.phase_id JOIN wanted w"
        "   ON w.value IN (e.logikal_id, e.id::text) WHERE $1 = 'elevation'),"
        " living AS (SELECT f.n, p.id, p.logikal_id FROM found f JOIN projects p USING (id)"
        "   WHERE p.deleted_at IS NULL)"
        " SELECT (SELECT coalesce(json_agg(d.logikal_id ORDER BY d.id), '[]') FROM (SELECT DISTINCT id, logikal_id"
        "  FROM living) d), (SELECT coalesce(json_agg(json_build_object('id', w.asked, 'times', w.times, 'projects',"
        "  (SELECT coalesce(json_agg(l.logikal_id), '[]') FROM living l WHERE l.n = w.n)) ORDER BY w.n), '[]')"
        "  FROM wanted w)",
};
