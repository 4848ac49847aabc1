/* Statements for the ERP: projects with phases and elevations as Odoo's module reads them. Ids are Logikal's, times are
 * "YYYY-MM-DD HH:MM:SS" in UTC. */
#include "services/store/reads.h"

#define TIME(x) "to_char(" x " AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"

/* How much of what a parts list can tell is there, in percent. */
#define QUALITY                                                                                                        \
    "round((100.0 * ((e.auto_description IS NOT NULL)::int + (e.width_out IS NOT NULL)::int + (e.height_out IS NOT"    \
    " NULL)::int + (e.weight_out IS NOT NULL)::int + (e.area_output IS NOT NULL)::int + (e.system_code IS NOT"         \
    " NULL)::int + (e.system_name IS NOT NULL)::int + (e.color_base_long IS NOT NULL)::int +"                          \
    " e.has_parts_data::int + (g.list IS NOT NULL)::int) / 10)::numeric, 1)"
#define ELEVATION                                                                                                      \
    "json_build_object('id', e.logikal_id, 'name', e.name, 'description', e.description, 'phase_id', h.logikal_id,"    \
    " 'thumbnail_url', CASE WHEN t.has THEN '/api/v1/elevations/' || e.id || '/thumbnail' ELSE e.thumbnail_url END,"   \
    " 'width', e.width, 'height', e.height, 'depth', e.depth, 'created_at', " TIME(                                    \
        "e.created_at") ","                                                                                            \
                        " 'auto_description', e.auto_description, 'auto_description_short', e.auto_description_short," \
                        " 'width_out', e.width_out, 'width_unit', e.width_unit, 'height_out', e.height_out, "          \
                        "'height_unit', e.height_unit,"                                                                \
                        " 'weight_out', e.weight_out, 'weight_unit', e.weight_unit, 'area_output', e.area_output, "    \
                        "'area_unit', e.area_unit,"                                                                    \
                        " 'system_code', e.system_code, 'system_name', e.system_name, 'system_long_name', "            \
                        "e.system_long_name,"                                                                          \
                        " 'color_base_long', e.color_base_long, 'parts_count', e.parts_count, 'has_parts_data', "      \
                        "e.has_parts_data,"                                                                            \
                        " 'parts_synced_at', " TIME(                                                                   \
                            "e.parts_synced_at") ", 'parse_status', e.parse_status,"                                   \
                                                 " 'data_quality_score', " QUALITY                                     \
                                                 ", 'glass_specifications', coalesce(g.list, '[]'),"                   \
                                                 " 'last_sync_date', " TIME("e.last_sync_date") ", "                   \
                                                                                                "'last_update_date',"  \
                                                                                                " " TIME(              \
                                                                                                    "e.last_update_"   \
                                                                                                    "date") ")"
#define ELEVATION_JOINS                                                                                                \
    " LEFT JOIN LATERAL (SELECT json_agg(json_build_object('glass_id', x.glass_id, 'name', x.name) ORDER BY x.id) AS"  \
    " list FROM elevation_glass x WHERE x.elevation_id = e.id) g ON true"                                              \
    " LEFT JOIN LATERAL (SELECT x.content IS NOT NULL AS has FROM elevation_thumbnails x WHERE x.elevation_id = e.id)" \
    " t ON true"
#define ELEVATIONS_OF_H                                                                                                \
    "(SELECT coalesce(json_agg(" ELEVATION " ORDER BY e.id), '[]') FROM elevations e" ELEVATION_JOINS                  \
    " WHERE e.phase_id = h.id AND e.deleted_at IS NULL)"
#define COUNT_OF_H "(SELECT count(*) FROM elevations e WHERE e.phase_id = h.id AND e.deleted_at IS NULL)"
#define PHASE(elevations)                                                                                              \
    "json_build_object('id', h.logikal_id, 'name', h.name, 'description', h.description, 'project_id', p.logikal_id,"  \
    " 'status', h.status, 'elevations_count', " COUNT_OF_H ", 'elevations', " elevations ","                           \
    " 'created_at', " TIME("h.created_at") ")"
#define PHASES_OF_P(phase)                                                                                             \
    "(SELECT coalesce(json_agg(" phase " ORDER BY h.id), '[]') FROM phases h"                                          \
    " WHERE h.project_id = p.id AND h.deleted_at IS NULL)"
#define COUNTS_OF_P                                                                                                    \
    "'phases_count', (SELECT count(*) FROM phases h WHERE h.project_id = p.id AND h.deleted_at IS NULL),"              \
    " 'total_elevations', (SELECT count(*) FROM elevations e JOIN phases h ON h.id = e.phase_id"                       \
    " WHERE h.project_id = p.id AND h.deleted_at IS NULL AND e.deleted_at IS NULL)"
#define PROJECT_HEAD                                                                                                   \
    "'id', p.logikal_id, 'name', p.name, 'description', p.description, 'status', p.status, " COUNTS_OF_P
#define PROJECT "json_build_object(" PROJECT_HEAD ", 'created_at', " TIME("p.created_at") ")"
#define PROJECT_WHOLE                                                                                                  \
    "json_build_object(" PROJECT_HEAD                                                                                  \
    ", 'phases', " PHASES_OF_P(PHASE(ELEVATIONS_OF_H)) ", 'created_at', " TIME("p.created_at") ")"
/* A document of more elevations than this is not built: it would have to be held in memory whole. */
#define TOO_LARGE                                                                                                      \
    "(SELECT count(*) > 10000 FROM (SELECT FROM elevations e JOIN phases h ON h.id = e.phase_id WHERE h.project_id = " \
    "p.id"                                                                                                             \
    " AND e.deleted_at IS NULL LIMIT 10001) t)"
#define UNLESS_TOO_LARGE(json) "CASE WHEN " TOO_LARGE " THEN NULL ELSE " json " END"
#define THE_PROJECT            " FROM projects p WHERE p.deleted_at IS NULL AND p.logikal_id = $1"

const struct query query_odoo_projects = {
    .name = "odoo_projects",
    .sql =
        "SELECT json_build_object('projects', coalesce(json_agg(" PROJECT " ORDER BY p.id), '[]'), 'count', count(*),"
        " 'summary', json_build_object('total_projects', count(*), 'client_id', $1::text))"
        " FROM projects p WHERE p.deleted_at IS NULL",
};
const struct query query_odoo_project = {.name = "odoo_project",
                                         .sql = "SELECT " UNLESS_TOO_LARGE(PROJECT_WHOLE) THE_PROJECT};
const struct query query_odoo_complete = {
    .name = "odoo_complete",
    .sql = "SELECT CASE WHEN " TOO_LARGE " THEN NULL ELSE json_build_object('project', " PROJECT_WHOLE
           ", 'phases_with_elevations', " PHASES_OF_P(
               "json_build_object('phase', json_build_object('id', h.logikal_id, 'name', h.name, 'description',"
               " h.description, 'status', h.status), 'elevations', " ELEVATIONS_OF_H ", 'elevations_count', " COUNT_OF_H
               ")") ", 'summary', json_build_object(" COUNTS_OF_P
                    ", 'project_name', p.name, 'project_id', p.logikal_id)) END" THE_PROJECT,
};
const struct query query_odoo_phases = {
    .name = "odoo_phases",
    .sql = "SELECT " PHASES_OF_P(PHASE("'[]'::json")) THE_PROJECT,
};
/* The default phase has the same id in every project, so both ids are needed. */
const struct query query_odoo_elevations = {
    .name = "odoo_elevations",
    .sql = "SELECT " UNLESS_TOO_LARGE(
        ELEVATIONS_OF_H) " FROM phases h JOIN projects p ON p.id = h.project_id WHERE p.logikal_id = $1"
                         " AND h.logikal_id = $2 AND p.deleted_at IS NULL AND h.deleted_at IS NULL",
};
const struct query query_odoo_search = {
    .name = "odoo_search",
    .sql = "SELECT json_build_object('results', coalesce(json_agg(" PROJECT " ORDER BY p.name, p.id), '[]'), 'query',"
           " $1::text, 'count', count(*)) FROM (SELECT * FROM projects WHERE deleted_at IS NULL AND (name ILIKE $2 OR"
           " description ILIKE $2 OR job_number ILIKE $2 OR offer_number ILIKE $2 OR logikal_id = $1)"
           " ORDER BY name, id LIMIT 200) p",
};
const struct query query_odoo_stats = {
    .name = "odoo_stats",
    .sql =
        "SELECT json_build_object('total_projects', (SELECT count(*) FROM projects WHERE deleted_at IS NULL),"
        " 'total_phases', (SELECT count(*) FROM phases WHERE deleted_at IS NULL),"
        " 'total_elevations', (SELECT count(*) FROM elevations WHERE deleted_at IS NULL),"
        " 'projects', (SELECT coalesce(json_agg(json_build_object('project_id', p.logikal_id, 'project_name', p.name,"
        " 'phases_count', coalesce(n.phases, 0)) ORDER BY p.id), '[]') FROM projects p LEFT JOIN (SELECT project_id,"
        " count(*) AS phases FROM phases WHERE deleted_at IS NULL GROUP BY project_id) n ON n.project_id = p.id"
        " WHERE p.deleted_at IS NULL))",
};
