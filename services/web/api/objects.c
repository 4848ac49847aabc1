/* Directories, projects, phases and elevations: cached lists, single objects, exclusions from the sync. */
#include "services/store/web/directories_read.h"
#include "services/store/web/objects_read.h"
#include "services/web/cache/cache.h"
#include "services/web/cache/list.h"
#include "services/web/cache/list_more.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"

#define TABLES_LISTS (TABLES_TREE | TABLE(INTERVALS))

/* ---- lists that say more ---- */

#define DIRECTORY_COLUMNS                                                                                              \
    "logikal_id,name,full_path,level,parent_id,exclude_from_sync,id,synced_at,last_api_sync,api_created_date,"         \
    "api_changed_date,sync_status,created_at,updated_at,is_excluded_by_parent,can_toggle_exclusion,last_sync_date,"    \
    "is_stale,deleted_at"
#define PROJECT_COLUMNS                                                                                                \
    "logikal_id,name,description,directory_id,status,id,created_at,updated_at,last_sync_date,last_update_date,"        \
    "directory_name,is_stale,deleted_at"
#define PHASE_COLUMNS                                                                                                  \
    "logikal_id,name,description,project_id,status,id,created_at,updated_at,last_sync_date,last_update_date,"          \
    "synced_at,sync_status,project_name,is_stale,deleted_at"
#define ELEVATION_COLUMNS                                                                                              \
    "id,logikal_id,name,description,phase_id,status,created_at,updated_at,last_sync_date,last_update_date,synced_at,"  \
    "sync_status,image_path,parse_status,parse_error,data_parsed_at,has_parts_data,phase_name,project_name,"           \
    "directory_name,directory_id,is_stale,deleted_at"
#define MORE(name, columns)                                                                                            \
    {                                                                                                                  \
        &query_##name, columns, "{\"success\":true,\"data\":[", list_more_tail, .page = 0                              \
    }

static const struct list_more directories_more = MORE(directories_more, DIRECTORY_COLUMNS);
static const struct list_more syncable_more = MORE(directories_syncable_more, DIRECTORY_COLUMNS);
static const struct list_more projects_more = MORE(projects_more, PROJECT_COLUMNS);
static const struct list_more of_directory_more = MORE(projects_of_directory_more, PROJECT_COLUMNS);
static const struct list_more phases_more = MORE(phases_more, PHASE_COLUMNS);
static const struct list_more of_project_more = MORE(phases_of_project_more, PHASE_COLUMNS);
static const struct list_more elevations_more = MORE(elevations_more, ELEVATION_COLUMNS);
static const struct list_more of_phase_more = MORE(elevations_of_phase_more, ELEVATION_COLUMNS);

static void list(struct req *r, const struct query *query, const struct list_more *more, const char *filter,
                 unsigned tables)
{
    if (list_more_is_wanted(r))
        list_more_reply(r, more, filter, NULL);
    else
        list_reply(r, query, filter, tables);
}

/* ---- directories ---- */

void web_directories_cached(struct req *r)
{
    list(r, &query_directories_page, &directories_more, NULL, TABLE(DIRECTORIES) | TABLE(INTERVALS));
}

void web_directories_syncable(struct req *r)
{
    list(r, &query_directories_syncable, &syncable_more, NULL, TABLE(DIRECTORIES) | TABLE(INTERVALS));
}

void web_directory_get(struct req *r)
{
    cache_json(r, &query_directory_get, 1, (const char *[]){req_param(r, 0)}, TABLE(DIRECTORIES),
               "Directory not found");
}

static void then_excluded(struct req *r, const PGresult *result)
{
    if (PQntuples(result) == 0 || PQgetisnull(result, 0, 0))
        reply_detail(r, 400, "There is no such directory");
    else
        reply_json(r, 200, PQgetvalue(result, 0, 0));
}

void web_directory_exclude(struct req *r)
{
    const char *values[] = {req_param(r, 0), req_body_text(r, "exclude")};
    req_query(r, &query_directory_exclude, 2, values, then_excluded);
}

void web_directories_exclude(struct req *r)
{
    const char *values[] = {req_body_text(r, "directory_ids"), req_body_text(r, "exclude")};
    req_json(r, &query_directories_exclude, 2, values, NULL);
}

/* ---- projects and phases ---- */

void web_projects_cached(struct req *r)
{
    const char *directory = req_arg(r, "directory_id");
    list(r, directory ? &query_projects_of_directory : &query_projects_page,
         directory ? &of_directory_more : &projects_more, directory, TABLES_LISTS);
}

void web_projects_list(struct req *r)
{
    list(r, &query_projects_page, &projects_more, NULL, TABLES_LISTS);
}

void web_project_get(struct req *r)
{
    cache_json(r, &query_project_get, 1, (const char *[]){req_param(r, 0)}, TABLES_LISTS, "Project not found");
}

void web_phases_cached(struct req *r)
{
    const char *project = req_arg(r, "project_id");
    list(r, project ? &query_phases_of_project : &query_phases_page, project ? &of_project_more : &phases_more, project,
         TABLES_LISTS);
}

/* ---- elevations ---- */

void web_elevations_cached(struct req *r)
{
    const char *phase = req_arg(r, "phase_id");
    list(r, phase ? &query_elevations_of_phase : &query_elevations_page, phase ? &of_phase_more : &elevations_more,
         phase, TABLES_LISTS);
}

void web_elevation_get(struct req *r)
{
    cache_json(r, &query_elevation_get, 1, (const char *[]){req_param(r, 0)}, TABLES_PARTS, "Elevation not found");
}

void web_elevation_enrichment(struct req *r)
{
    cache_json(r, &query_elevation_enrichment, 1, (const char *[]){req_param(r, 0)}, TABLES_PARTS,
               "Elevation not found");
}

void web_enrichment_status(struct req *r)
{
    cache_json(r, &query_enrichment_status, 0, NULL, TABLES_PARTS, NULL);
}
