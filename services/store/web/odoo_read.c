/* Statements for the ERP: projects with phases and elevations as Odoo's module reads them, as whole documents. */
#include "services/store/web/odoo_read.h"
#include "services/store/web/list_sql.h"
#include "services/store/web/odoo_sql.h"

#define ELEVATIONS_OF_H                                                                                                \
    "(SELECT coalesce(json_agg(" ODOO_ELEVATION " ORDER BY e.id), '[]') FROM elevations e" ODOO_ELEVATION_JOINS        \
    " WHERE e.phase_id = h.id AND e.deleted_at IS NULL)"
#define COUNT_OF_H "(SELECT count(*) FROM elevations e WHERE e.phase_id = h.id AND e.deleted_at IS NULL)"
#define PHASE(elevations)                                                                                              \
    "json_build_object('id', h.logikal_id, 'name', h.name, 'description', h.description, 'project_id', p.logikal_id,"  \
    " 'status', h.status, 'elevations_count', " COUNT_OF_H ", 'elevations', " elevations ","                           \
    " 'created_at', " ODOO_TIME("h.created_at") ")"
#define PHASES_OF_P(phase)                                                                                             \
    "(SELECT coalesce(json_agg(" phase " ORDER BY h.id), '[]') FROM phases h"                                          \
    " WHERE h.project_id = p.id AND h.deleted_at IS NULL)"
#define COUNTS_OF_P                                                                                                    \
    "'phases_count', (SELECT count(*) FROM phases h WHERE h.project_id = p.id AND h.deleted_at IS NULL),"              \
    " 'total_elevations', (SELECT count(*) FROM elevations e JOIN phases h ON h.id = e.phase_id"                       \
    " WHERE h.project_id = p.id AND h.deleted_at IS NULL AND e.deleted_at IS NULL)"
#define PROJECT_HEAD                                                                                                   \
    "'id', p.logikal_id, 'name', p.name, 'description', p.description, 'status', p.status, " COUNTS_OF_P
#define PROJECT "json_build_object(" PROJECT_HEAD ", 'created_at', " ODOO_TIME("p.created_at") ")"
#define PROJECT_WHOLE                                                                                                  \
    "json_build_object(" PROJECT_HEAD                                                                                  \
    ", 'phases', " PHASES_OF_P(PHASE(ELEVATIONS_OF_H)) ", 'created_at', " ODOO_TIME("p.created_at") ")"
/* A document of more elevations than this is not built: it would have to be held in memory whole (odoo_stream_read.c).
 */
#define TOO_LARGE                                                                                                      \
    "(SELECT count(*) > 1000 FROM (SELECT FROM elevations e JOIN phases h ON h.id = e.phase_id"                        \
    " WHERE h.project_id = p.id AND e.deleted_at IS NULL LIMIT 1001) t)"
#define PHASE_TOO_LARGE                                                                                                \
    "(SELECT count(*) > 1000 FROM (SELECT FROM elevations e WHERE e.phase_id = h.id AND e.deleted_at IS NULL"          \
    " LIMIT 1001) t)"
#define THE_PROJECT " FROM projects p WHERE p.deleted_at IS NULL AND p.logikal_id = logikald_guid($1)"

const struct query query_odoo_projects = {
    .name = "odoo_projects",
    .is_slow = true,
    .sql =
        "SELECT json_build_object('projects', coalesce(json_agg(" PROJECT " ORDER BY p.id), '[]'), 'count', count(*),"
        " 'summary', json_build_object('total_projects', count(*), 'client_id', $1::text))"
        " FROM projects p WHERE p.deleted_at IS NULL",
};
const struct query query_odoo_project = {.name = "odoo_project",
                                         .is_slow = true,
                                         .sql = "SELECT CASE WHEN " TOO_LARGE " THEN NULL ELSE " PROJECT_WHOLE
                                                " END" THE_PROJECT};
const struct query query_odoo_complete = {
    .name = "odoo_complete",
    .is_slow = true,
    .sql = "SELECT CASE WHEN " TOO_LARGE " THEN NULL ELSE json_build_object('project', " PROJECT_WHOLE
           ", 'phases_with_elevations', " PHASES_OF_P(
               "json_build_object('phase', json_build_object('id', h.logikal_id, 'name', h.name, 'description',"
               " h.description, 'status', h.status), 'elevations', " ELEVATIONS_OF_H ", 'elevations_count', " COUNT_OF_H
               ")") ", 'summary', json_build_object(" COUNTS_OF_P
                    ", 'project_name', p.name, 'project_id', p.logikal_id)) END" THE_PROJECT,
};
const struct query query_odoo_phases = {
    .name = "odoo_phases",
    .is_slow = true,
    .sql = "SELECT " PHASES_OF_P(PHASE("'[]'::json")) THE_PROJECT,
};
/* The default phase has the same id in every project, so both ids are needed. */
const struct query query_odoo_elevations = {
    .name = "odoo_elevations",
    .is_slow = true,
    .sql = "SELECT CASE WHEN " PHASE_TOO_LARGE " THEN NULL ELSE " ELEVATIONS_OF_H " END"
           " FROM phases h JOIN projects p ON p.id = h.project_id WHERE p.logikal_id = logikald_guid($1)"
           " AND h.logikal_id = logikald_guid($2) AND p.deleted_at IS NULL AND h.deleted_at IS NULL",
};
const struct query query_odoo_search = {
    .name = "odoo_search",
    .is_slow = true,
    .sql = "SELECT json_build_object('results', coalesce(json_agg(" PROJECT " ORDER BY p.name, p.id), '[]'), 'query',"
           " $1::text, 'count', count(*)) FROM (SELECT * FROM projects WHERE deleted_at IS NULL AND (name ILIKE $2 OR"
           " description ILIKE $2 OR job_number ILIKE $2 OR offer_number ILIKE $2 OR logikal_id ="
           " logikald_guid($1))) p",
};
const struct query query_odoo_stats = {
    .name = "odoo_stats",
    .is_slow = true,
    .sql =
        "SELECT json_build_object('total_projects', (SELECT count(*) FROM projects WHERE deleted_at IS NULL),"
        " 'total_phases', (SELECT count(*) FROM phases WHERE deleted_at IS NULL),"
        " 'total_elevations', (SELECT count(*) FROM elevations WHERE deleted_at IS NULL),"
        " 'projects', (SELECT coalesce(json_agg(json_build_object('project_id', p.logikal_id, 'project_name', p.name,"
        " 'phases_count', coalesce(n.phases, 0)) ORDER BY p.id), '[]') FROM projects p LEFT JOIN (SELECT project_id,"
        " count(*) AS phases FROM phases WHERE deleted_at IS NULL GROUP BY project_id) n ON n.project_id = p.id"
        " WHERE p.deleted_at IS NULL))",
};

/* ---- with more to say ---- */

/* The object x, which says when its row x went. */
#define WITH_END(object, x)                                                                                            \
    "left(" object "::text, -1) || ', \"deleted_at\" : ' ||"                                                           \
    " coalesce(to_json(" ODOO_TIME(x ".deleted_at") ")::text, 'null') || '}'"
#define MORE(there, rows)                                                                                              \
    "SELECT count(*), max(id), coalesce(string_agg(line, E',\n' ORDER BY id), ''), 0, NULL, " there " FROM (" rows     \
    " LIMIT $2::int) t"
#define PROJECT_WITH_END   WITH_END(PROJECT, "p")
#define PHASE_WITH_END     WITH_END(PHASE("'[]'::json"), "h")
#define ELEVATION_WITH_END WITH_END(ODOO_ELEVATION, "e")
#define PROJECT_IS_3       "p.logikal_id = logikald_guid($3) AND ($6::boolean OR p.deleted_at IS NULL)"
#define PHASE_IS_4         "h.logikal_id = logikald_guid($4) AND ($6::boolean OR h.deleted_at IS NULL) AND " PROJECT_IS_3

const struct query query_odoo_projects_more = {
    .name = "odoo_projects_more",
    .is_slow = true,
    .sql = MORE("true", "SELECT p.id, " PROJECT_WITH_END " AS line FROM projects p WHERE $3::text IS NULL AND"
                        " $4::text IS NULL AND " LIST_MORE_OF("p.") " ORDER BY p.id"),
};
const struct query query_odoo_phases_more = {
    .name = "odoo_phases_more",
    .is_slow = true,
    .sql = MORE("EXISTS (SELECT FROM projects p WHERE " PROJECT_IS_3 ")",
                "SELECT h.id, " PHASE_WITH_END " AS line FROM phases h JOIN projects p"
                " ON p.id = h.project_id WHERE $4::text IS NULL AND " PROJECT_IS_3
                " AND " LIST_MORE_OF("h.") " ORDER BY h.id"),
};
const struct query query_odoo_elevations_more = {
    .name = "odoo_elevations_more",
    .is_slow = true,
    .sql = MORE("EXISTS (SELECT FROM phases h JOIN projects p ON p.id = h.project_id WHERE " PHASE_IS_4 ")",
                "SELECT e.id, " ELEVATION_WITH_END " AS line FROM phases h JOIN projects p"
                " ON p.id = h.project_id JOIN elevations e ON e.phase_id = h.id" ODOO_ELEVATION_JOINS
                " WHERE " PHASE_IS_4 " AND " LIST_MORE_OF("e.") " ORDER BY e.id"),
};
