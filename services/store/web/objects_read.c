/* Statements on projects, phases and elevations as cached lists and single objects. Each list comes in two forms, with
 * and without its filter, so that each gets the plan that suits it. */
#include "services/store/web/objects_read.h"
#include "services/store/web/list_sql.h"

/* A page's rows are chosen first, so that nothing is joined for the others, whatever the planner knows. */
#define PAGE(table, more)                                                                                              \
    "(SELECT * FROM " table " WHERE id > $1::int AND deleted_at IS NULL AND " more " ORDER BY id LIMIT $2::int)"
#define UNFILTERED "$3::text IS NULL"
#define PAGE_MORE(table, more)                                                                                         \
    "(SELECT * FROM " table " WHERE " LIST_MORE_OF("") " AND $4::text IS NULL AND " more " ORDER BY id LIMIT $2::int)"

/* ---- projects ---- */
#define PROJECT(source) PROJECT_AND("", source)
#define PROJECT_AND(more, source)                                                                                      \
    "SELECT p.logikal_id, p.name, p.description, p.directory_id, p.status, p.id, p.created_at, p.updated_at,"          \
    " p.last_sync_date, p.last_update_date, d.name AS directory_name,"                                                 \
    " " PROJECT_IS_STALE " AS is_stale" more " FROM " source " p"                                                      \
    " LEFT JOIN directories d ON d.id = p.directory_id LEFT JOIN "                                                     \
    "project_cursors k ON k.project_id = p.id"

const struct query query_projects_page = {
    .name = "projects_page",
    .sql = LIST_PAGE_SQL(PROJECT(PAGE("projects", UNFILTERED))),
};
const struct query query_projects_of_directory = {
    .name = "projects_of_directory",
    .sql = LIST_PAGE_SQL(PROJECT(PAGE("projects", "directory_id = $3::int"))),
};
const struct query query_projects_more = {
    .name = "projects_more",
    .is_slow = true,
    .sql = LIST_MORE_SQL(PROJECT_AND(", p.deleted_at", PAGE_MORE("projects", UNFILTERED))),
};
const struct query query_projects_of_directory_more = {
    .name = "projects_of_directory_more",
    .is_slow = true,
    .sql = LIST_MORE_SQL(PROJECT_AND(", p.deleted_at", PAGE_MORE("projects", "directory_id = $3::int"))),
};
#define ANY_PROJECT PROJECT("projects")

const struct query query_project_get = {
    .name = "project_get",
    .sql = "SELECT row_to_json(t) FROM (" ANY_PROJECT " WHERE p.deleted_at IS NULL"
           " AND (p.logikal_id = logikald_guid($1) OR p.id::text = $1) ORDER BY p.logikal_id = logikald_guid($1) DESC"
           " LIMIT 1) t",
};

/* ---- phases ---- */
#define PHASE(source) PHASE_AND("", source)
#define PHASE_AND(more, source)                                                                                        \
    "SELECT h.logikal_id, h.name, h.description, h.project_id, h.status, h.id, h.created_at, h.updated_at,"            \
    " h.last_sync_date, h.last_update_date, h.synced_at, h.sync_status, p.name AS project_name,"                       \
    " " PHASE_IS_STALE " AS is_stale" more " FROM " source " h"                                                        \
    " LEFT JOIN projects p ON p.id = h.project_id LEFT JOIN "                                                          \
    "project_cursors k ON k.project_id = h.project_id"

const struct query query_phases_page = {
    .name = "phases_page",
    .is_slow = true,
    .sql = LIST_PAGE_SQL(PHASE(PAGE("phases", UNFILTERED))),
};
const struct query query_phases_of_project = {
    .name = "phases_of_project",
    .is_slow = true,
    .sql = LIST_PAGE_SQL(PHASE(PAGE("phases", "project_id = $3::int"))),
};
const struct query query_phases_more = {
    .name = "phases_more",
    .is_slow = true,
    .sql = LIST_MORE_SQL(PHASE_AND(", h.deleted_at", PAGE_MORE("phases", UNFILTERED))),
};
const struct query query_phases_of_project_more = {
    .name = "phases_of_project_more",
    .is_slow = true,
    .sql = LIST_MORE_SQL(PHASE_AND(", h.deleted_at", PAGE_MORE("phases", "project_id = $3::int"))),
};

/* ---- elevations ---- */
#define ELEVATION(source) ELEVATION_AND("", source)
#define ELEVATION_AND(more, source)                                                                                    \
    "SELECT e.id, e.logikal_id, e.name, e.description, e.phase_id, e.status, e.created_at, e.updated_at,"              \
    " e.last_sync_date, e.last_update_date, e.synced_at, e.sync_status, e.image_path, e.parse_status, e.parse_error,"  \
    " e.data_parsed_at, e.has_parts_data, h.name AS phase_name, p.name AS project_name, d.name AS directory_name,"     \
    " d.id AS directory_id, " ELEVATION_IS_STALE " AS is_stale" more " FROM " source " e"                              \
    " LEFT JOIN phases h ON h.id = e.phase_id LEFT JOIN projects p "                                                   \
    "ON p.id = coalesce(e.project_id, h.project_id)"                                                                   \
    " LEFT JOIN directories d ON d.id = p.directory_id LEFT JOIN "                                                     \
    "project_cursors k ON k.project_id = p.id"

const struct query query_elevations_page = {
    .name = "elevations_page",
    .is_slow = true,
    .sql = LIST_PAGE_SQL(ELEVATION(PAGE("elevations", UNFILTERED))),
};
const struct query query_elevations_of_phase = {
    .name = "elevations_of_phase",
    .is_slow = true,
    .sql = LIST_PAGE_SQL(ELEVATION(PAGE("elevations", "phase_id = $3::int"))),
};
const struct query query_elevations_more = {
    .name = "elevations_more",
    .is_slow = true,
    .sql = LIST_MORE_SQL(ELEVATION_AND(", e.deleted_at", PAGE_MORE("elevations", UNFILTERED))),
};
const struct query query_elevations_of_phase_more = {
    .name = "elevations_of_phase_more",
    .is_slow = true,
    .sql = LIST_MORE_SQL(ELEVATION_AND(", e.deleted_at", PAGE_MORE("elevations", "phase_id = $3::int"))),
};

#define GLASS                                                                                                          \
    "(SELECT coalesce(json_agg(json_build_object('glass_id', g.glass_id, 'name', g.name) ORDER BY g.id), '[]')"        \
    " FROM elevation_glass g WHERE g.elevation_id = e.id)"
#define OUTER                                                                                                          \
    "json_build_object('width_out', e.width_out, 'width_unit', e.width_unit, 'height_out', e.height_out,"              \
    " 'height_unit', e.height_unit, 'weight_out', e.weight_out, 'weight_unit', e.weight_unit,"                         \
    " 'area_output', e.area_output, 'area_unit', e.area_unit)"
#define SYSTEM                                                                                                         \
    "json_build_object('code', e.system_code, 'name', e.system_name, 'long_name', e.system_long_name,"                 \
    " 'color_base', e.color_base_long)"

const struct query query_elevation_get = {
    .name = "elevation_get",
    .sql =
        "SELECT json_build_object('id', e.id, 'name', e.name, 'description', e.description, 'logikal_id', e.logikal_id,"
        " 'status', e.status, 'width', e.width, 'height', e.height, 'depth', e.depth, 'created_at', e.created_at,"
        " 'updated_at', e.updated_at, 'phase_name', h.name, 'project_name', p.name, 'directory_name', d.name,"
        " 'enrichment', json_build_object('status', e.parse_status, 'parsed_at', e.data_parsed_at,"
        " 'auto_description', e.auto_description, 'auto_description_short', e.auto_description_short,"
        " 'dimensions', " OUTER ", 'system', " SYSTEM ", 'glass_specifications', " GLASS "))"
        " FROM elevations e LEFT JOIN phases h ON h.id = e.phase_id"
        " LEFT JOIN projects p ON p.id = coalesce(e.project_id, h.project_id)"
        " LEFT JOIN directories d ON d.id = p.directory_id WHERE e.id = $1::int AND e.deleted_at IS NULL",
};

const struct query query_elevation_enrichment = {
    .name = "elevation_enrichment",
    .sql = "SELECT json_build_object('elevation_id', e.id, 'parse_status', e.parse_status, 'data_parsed_at',"
           " e.data_parsed_at, 'parse_error', e.parse_error, 'has_enriched_data', e.data_parsed_at IS NOT NULL OR"
           " e.system_code IS NOT NULL OR e.auto_description IS NOT NULL, 'enriched_fields', json_build_object("
           "'auto_description', e.auto_description, 'auto_description_short', e.auto_description_short,"
           " 'system_code', e.system_code, 'system_name', e.system_name, 'system_long_name', e.system_long_name,"
           " 'color_base_long', e.color_base_long, 'dimensions', " OUTER "), 'glass_specifications', " GLASS ")"
           " FROM elevations e WHERE e.id = $1::int AND e.deleted_at IS NULL",
};

const struct query query_enrichment_status = {
    .name = "enrichment_status",
    .sql = "SELECT json_build_object('total_elevations', coalesce(sum(n), 0), 'elevations_with_parts',"
           " coalesce(sum(with_parts), 0), 'parse_status_summary', coalesce(json_object_agg(parse_status, n), '{}'),"
           " 'enrichment_rate', coalesce(round(100.0 * sum(n) FILTER (WHERE parse_status = 'success') / sum(n), 2), 0))"
           " FROM (SELECT parse_status, count(*) AS n, count(*) FILTER (WHERE has_parts_data) AS with_parts"
           " FROM elevations WHERE deleted_at IS NULL GROUP BY parse_status) t",
};

const struct query query_elevation_has_parts = {
    .name = "elevation_has_parts",
    .sql = "SELECT l.sha256 IS NOT NULL FROM elevations e LEFT JOIN elevation_parts_lists l ON l.elevation_id = e.id"
           " WHERE e.id = $1::int AND e.deleted_at IS NULL",
};
