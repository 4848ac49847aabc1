/* Statements for looking around in the stored elevations, and at their parts lists waiting to be read. */
#include "services/store/web/explorer_read.h"

#define NAMED(x) "CASE WHEN " x ".id IS NOT NULL THEN json_build_object('id', " x ".id, 'name', " x ".name) END"
#define NEIGHBOUR(order, compare)                                                                                      \
    "(SELECT json_build_object('id', n.id, 'name', n.name) FROM elevations n WHERE n.phase_id = e.phase_id AND"        \
    " n.deleted_at IS NULL AND n.id " compare " e.id ORDER BY n.id " order " LIMIT 1)"
#define COUNT_BELOW(compare)                                                                                           \
    "(SELECT count(*) FROM elevations n WHERE n.phase_id = e.phase_id AND n.deleted_at IS NULL" compare ")"

const struct query query_elevation_detail = {
    .name = "elevation_detail",
    .sql =
        "SELECT json_build_object('success', true, 'data', json_build_object('elevation', "
        "json_build_object('id', e.id,"
        " 'logikal_id', e.logikal_id, 'name', e.name, 'description', e.description, 'status', e.status, "
        "'dimensions',"
        " json_build_object('width', e.width, 'height', e.height, 'depth', e.depth), 'created_at', "
        "e.created_at,"
        " 'updated_at', e.updated_at, 'last_sync_date', e.last_sync_date, 'last_update_date', "
        "e.last_update_date,"
        " 'sync_status', e.sync_status, 'synced_at', e.synced_at, 'has_parts_data', e.has_parts_data, "
        "'parts_count',"
        " e.parts_count, 'parts_synced_at', e.parts_synced_at, 'parse_status', e.parse_status, "
        "'parse_error',"
        " e.parse_error, 'parse_retry_count', e.parse_retry_count, 'data_parsed_at', e.data_parsed_at,"
        " 'parts_file_hash', e.parts_file_hash, 'thumbnail_url', CASE WHEN EXISTS (SELECT FROM "
        "elevation_thumbnails t"
        " WHERE t.elevation_id = e.id AND t.content IS NOT NULL) THEN '/api/v1/elevations/' || e.id || "
        "'/thumbnail'"
        " END, 'image_path', e.image_path), 'hierarchy', json_build_object('directory', " NAMED(
            "d") ", 'project', " NAMED("p") ", 'phase', " NAMED("h") "), 'navigation', "
                                                                     "json_build_object('previous',"
                                                                     " " NEIGHBOUR(
                                                                         "DESC",
                                                                         "<") ", "
                                                                              "'next',"
                                                                              " " NEIGHBOUR(
                                                                                  "ASC",
                                                                                  ">") ", "
                                                                                       "'current_"
                                                                                       "index',"
                                                                                       " " COUNT_BELOW(
                                                                                           " AND n.id "
                                                                                           "<= e.id") ", "
                                                                                                      "'total_count',"
                                                                                                      " " COUNT_BELOW(
                                                                                                          "") "), "
                                                                                                              "'enric"
                                                                                                              "hed_"
                                                                                                              "data',"
                                                                                                              " json_"
                                                                                                              "build_"
                                                                                                              "object"
                                                                                                              "('"
                                                                                                              "descri"
                                                                                                              "ptions"
                                                                                                              "', "
                                                                                                              "json_"
                                                                                                              "build_"
                                                                                                              "object"
                                                                                                              "('"
                                                                                                              "auto_"
                                                                                                              "descri"
                                                                                                              "ption'"
                                                                                                              ","
                                                                                                              " e."
                                                                                                              "auto_"
                                                                                                              "descri"
                                                                                                              "ption,"
                                                                                                              " '"
                                                                                                              "auto_"
                                                                                                              "descri"
                                                                                                              "ption_"
                                                                                                              "short'"
                                                                                                              ", "
                                                                                                              "e."
                                                                                                              "auto_"
                                                                                                              "descri"
                                                                                                              "ption_"
                                                                                                              "short)"
                                                                                                              ", "
                                                                                                              "'dimen"
                                                                                                              "sions'"
                                                                                                              ", "
                                                                                                              "json_"
                                                                                                              "build_"
                                                                                                              "object"
                                                                                                              "("
                                                                                                              "'width"
                                                                                                              "_out',"
                                                                                                              " e."
                                                                                                              "width_"
                                                                                                              "out, "
                                                                                                              "'width"
                                                                                                              "_unit'"
                                                                                                              ", "
                                                                                                              "e."
                                                                                                              "width_"
                                                                                                              "unit, "
                                                                                                              "'heigh"
                                                                                                              "t_out'"
                                                                                                              ", "
                                                                                                              "e."
                                                                                                              "height"
                                                                                                              "_out, "
                                                                                                              "'heigh"
                                                                                                              "t_"
                                                                                                              "unit',"
                                                                                                              " e."
                                                                                                              "height"
                                                                                                              "_unit,"
                                                                                                              " '"
                                                                                                              "weight"
                                                                                                              "_out',"
                                                                                                              " e."
                                                                                                              "weight"
                                                                                                              "_out, "
                                                                                                              "'weigh"
                                                                                                              "t_"
                                                                                                              "unit',"
                                                                                                              " e."
                                                                                                              "weight"
                                                                                                              "_unit,"
                                                                                                              " '"
                                                                                                              "area_"
                                                                                                              "output"
                                                                                                              "', "
                                                                                                              "e."
                                                                                                              "area_"
                                                                                                              "output"
                                                                                                              ", "
                                                                                                              "'area_"
                                                                                                              "unit',"
                                                                                                              " e."
                                                                                                              "area_"
                                                                                                              "unit),"
                                                                                                              " '"
                                                                                                              "system"
                                                                                                              "', "
                                                                                                              "json_"
                                                                                                              "build_"
                                                                                                              "object"
                                                                                                              "('"
                                                                                                              "code',"
                                                                                                              " e."
                                                                                                              "system"
                                                                                                              "_code,"
                                                                                                              " '"
                                                                                                              "name',"
                                                                                                              " e."
                                                                                                              "system"
                                                                                                              "_name,"
                                                                                                              " '"
                                                                                                              "long_"
                                                                                                              "name',"
                                                                                                              " e."
                                                                                                              "system"
                                                                                                              "_long_"
                                                                                                              "name, "
                                                                                                              "'color"
                                                                                                              "_base'"
                                                                                                              ", "
                                                                                                              "e."
                                                                                                              "color_"
                                                                                                              "base_"
                                                                                                              "long),"
                                                                                                              " '"
                                                                                                              "glass_"
                                                                                                              "specif"
                                                                                                              "icatio"
                                                                                                              "ns', "
                                                                                                              "(SELEC"
                                                                                                              "T "
                                                                                                              "coales"
                                                                                                              "ce("
                                                                                                              "json_"
                                                                                                              "agg("
                                                                                                              "json_"
                                                                                                              "build_"
                                                                                                              "object"
                                                                                                              "('id',"
                                                                                                              " g.id,"
                                                                                                              " '"
                                                                                                              "glass_"
                                                                                                              "id', "
                                                                                                              "g."
                                                                                                              "glass_"
                                                                                                              "id, "
                                                                                                              "'name'"
                                                                                                              ", "
                                                                                                              "g."
                                                                                                              "name, "
                                                                                                              "'creat"
                                                                                                              "ed_at'"
                                                                                                              ", "
                                                                                                              "g."
                                                                                                              "create"
                                                                                                              "d_at) "
                                                                                                              "ORDER "
                                                                                                              "BY "
                                                                                                              "g.id),"
                                                                                                              " '[]')"
                                                                                                              " FROM "
                                                                                                              "elevat"
                                                                                                              "ion_"
                                                                                                              "glass "
                                                                                                              "g "
                                                                                                              "WHERE "
                                                                                                              "g."
                                                                                                              "elevat"
                                                                                                              "ion_"
                                                                                                              "id = "
                                                                                                              "e.id))"
                                                                                                              "))"
                                                                                                              " FROM "
                                                                                                              "elevat"
                                                                                                              "ions "
                                                                                                              "e "
                                                                                                              "LEFT "
                                                                                                              "JOIN "
                                                                                                              "phases"
                                                                                                              " h ON "
                                                                                                              "h.id "
                                                                                                              "= "
                                                                                                              "e."
                                                                                                              "phase_"
                                                                                                              "id "
                                                                                                              "LEFT "
                                                                                                              "JOIN "
                                                                                                              "projec"
                                                                                                              "ts p "
                                                                                                              "ON "
                                                                                                              "p.id ="
                                                                                                              " coale"
                                                                                                              "sce(e."
                                                                                                              "projec"
                                                                                                              "t_id, "
                                                                                                              "h."
                                                                                                              "projec"
                                                                                                              "t_id) "
                                                                                                              "LEFT "
                                                                                                              "JOIN "
                                                                                                              "direct"
                                                                                                              "ories "
                                                                                                              "d ON "
                                                                                                              "d.id "
                                                                                                              "= "
                                                                                                              "p."
                                                                                                              "direct"
                                                                                                              "ory_"
                                                                                                              "id "
                                                                                                              "WHERE "
                                                                                                              "e.id "
                                                                                                              "= "
                                                                                                              "$1::"
                                                                                                              "int",
};

/* At most 5000 elevations, so that the tree stays readable and small; total_elevations tells them all. */
const struct query query_elevation_tree = {
    .name = "elevation_tree",
    .is_slow = true,
    .sql =
        "WITH found AS (SELECT e.*, h.project_id AS of_project FROM elevations e JOIN phases h ON h.id = e.phase_id"
        " WHERE e.deleted_at IS NULL AND ($1::text IS NULL OR e.name ILIKE $2) ORDER BY e.id LIMIT 5000),"
        " h AS (SELECT f.phase_id AS id, json_agg(json_build_object('id', f.id, 'name', f.name, 'logikal_id', "
        "f.logikal_id,"
        " 'type', 'elevation', 'status', f.status, 'parse_status', f.parse_status, 'has_parts_data', f.has_parts_data,"
        " 'description', f.description, 'created_at', f.created_at) ORDER BY f.id) AS children FROM found f GROUP BY "
        "1),"
        " p AS (SELECT x.project_id AS id, json_agg(json_build_object('id', x.id, 'name', x.name, 'type', 'phase',"
        " 'children', h.children) ORDER BY x.id) AS children FROM h JOIN phases x USING (id) GROUP BY 1),"
        " d AS (SELECT x.directory_id AS id, json_agg(json_build_object('id', x.id, 'name', x.name, 'type', 'project',"
        " 'children', p.children) ORDER BY x.id) AS children FROM p JOIN projects x USING (id) GROUP BY 1)"
        " SELECT json_build_object('success', true, 'data', (SELECT coalesce(json_agg(json_build_object('id',"
        " coalesce(x.id, 0), 'name', coalesce(x.name, 'No directory'), 'type', 'directory', 'children', d.children)"
        " ORDER BY x.id), '[]') FROM d LEFT JOIN directories x ON x.id = d.id), 'total_elevations', (SELECT count(*) "
        "FROM"
        " elevations WHERE deleted_at IS NULL AND ($1::text IS NULL OR name ILIKE $2)), 'search_term', $1::text)",
};

const struct query query_elevation_search = {
    .name = "elevation_search",
    .sql =
        "SELECT json_build_object('success', true, 'data', coalesce(json_agg(json_build_object('id', e.id, 'name', "
        "e.name,"
        " 'hierarchy', json_build_object('directory', json_build_object('name', e.directory), 'project',"
        " json_build_object('name', e.project), 'phase', json_build_object('name', e.phase)), 'has_parts_data',"
        " e.has_parts_data, 'parse_status', e.parse_status) ORDER BY e.name, e.id), '[]')) FROM (SELECT e.id, e.name,"
        " d.name AS directory, p.name AS project, h.name AS phase, e.has_parts_data, e.parse_status FROM elevations e"
        " LEFT JOIN phases h ON h.id = e.phase_id LEFT JOIN projects p ON p.id = coalesce(e.project_id, h.project_id)"
        " LEFT JOIN directories d ON d.id = p.directory_id WHERE e.deleted_at IS NULL AND (e.name ILIKE $1 OR"
        " e.description ILIKE $1 OR e.logikal_id = $2) ORDER BY e.name, e.id LIMIT $3::int) e",
};

/* The projects, by Logikal's ids, in which objects of a type lie. */
const struct query query_projects_of_objects = {
    .name = "projects_of_objects",
    .sql = "WITH wanted AS (SELECT value FROM json_array_elements_text($2::json)),"
           " found AS (SELECT p.id FROM projects p JOIN wanted w ON w.value IN (p.logikal_id, p.id::text) WHERE $1 = "
           "'project'"
           " UNION SELECT p.id FROM projects p JOIN directories d ON d.id = p.directory_id JOIN wanted w ON w.value IN"
           " (d.logikal_id, d.id::text) WHERE $1 = 'directory' UNION SELECT h.project_id FROM phases h JOIN wanted w"
           " ON w.value IN (h.logikal_id, h.id::text) WHERE $1 = 'phase' UNION SELECT h.project_id FROM elevations e"
           " JOIN phases h ON h.id = e.phase_id JOIN wanted w ON w.value IN (e.logikal_id, e.id::text) WHERE $1 ="
           " 'elevation') SELECT coalesce(json_agg(p.logikal_id ORDER BY p.id), '[]') FROM projects p JOIN found USING "
           "(id)"
           " WHERE p.deleted_at IS NULL",
};

/* ---- parts lists ---- */
const struct query query_parsing_wanted = {
    .name = "parsing_wanted",
    .sql =
        "SELECT coalesce(json_agg(id ORDER BY id), '[]') FROM (SELECT id FROM elevations WHERE deleted_at IS NULL AND"
        " has_parts_data AND parse_status IN ('pending', 'failed', 'partial') ORDER BY id LIMIT 1000) e",
};

const struct query query_parsing_completed = {
    .name = "parsing_completed",
    .sql = "SELECT json_build_object('success', true, 'data', coalesce(json_object_agg(id, "
           "json_build_object('elevation_id',"
           " id, 'name', name, 'status', parse_status, 'error', parse_error, 'completed_at', data_parsed_at)), '{}'),"
           " 'count', count(*)) FROM (SELECT id, name, parse_status, parse_error, data_parsed_at FROM elevations WHERE"
           " data_parsed_at > coalesce((SELECT at FROM web_marks WHERE name = 'parsing_cleared'), now() -"
           " interval '1 day') ORDER BY data_parsed_at DESC LIMIT 500) e",
};

const struct query query_parsing_clear = {
    .name = "parsing_clear",
    .sql =
        "INSERT INTO web_marks (name, at) VALUES ('parsing_cleared', now()) ON CONFLICT (name) DO UPDATE SET at = now()"
        " RETURNING json_build_object('success', true, 'message', 'Finished tasks are no longer shown')",
};

const struct query query_parsing_counts = {
    .name = "parsing_counts",
    .sql = "SELECT coalesce(json_object_agg(parse_status, n), '{}') FROM (SELECT parse_status, count(*) AS n FROM"
           " elevations WHERE deleted_at IS NULL AND has_parts_data GROUP BY 1) t",
};

const struct query query_phase_constraint_fix = {
    .name = "phase_constraint_fix",
    .sql =
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'uq_phase_logikal_project' AND conrelid ="
        " 'phases'::regclass) THEN ALTER TABLE phases ADD CONSTRAINT uq_phase_logikal_project UNIQUE (logikal_id,"
        " project_id); END IF; END $$",
};

/* ---- tokens of clients that log in with Logikal's credentials ---- */
const struct query query_upstream_token_add = {
    .name = "upstream_token_add",
    .sql = "WITH old AS (DELETE FROM sessions WHERE expires_at < now() - interval '1 day')"
           " INSERT INTO sessions (token, username, base_url, expires_at, is_active) VALUES ($1, $2, $3,"
           " now() + make_interval(mins => $4::int), true) RETURNING to_json(expires_at)#>>'{}'",
};
const struct query query_upstream_token_get = {
    .name = "upstream_token_get",
    .sql = "SELECT username, to_json(expires_at)#>>'{}' FROM sessions WHERE token = $1 AND is_active AND expires_at > "
           "now()",
};
const struct query query_upstream_token_drop = {
    .name = "upstream_token_drop",
    .sql = "UPDATE sessions SET is_active = false, updated_at = now() WHERE token = $1 AND is_active RETURNING"
           " json_build_object('success', true, 'message', 'Logged out')",
};
