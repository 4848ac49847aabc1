/* Elevations as the old admin pages ask for them: one with all about it, as a tree, by words; and read anew. */
#include <string.h>

#include "services/store/web/elevation_tree_read.h"
#include "services/web/api/sync_api.h"
#include "services/web/cache/like.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"

void web_explorer_detail(struct req *r)
{
    req_json(r, &query_elevation_detail, 1, (const char *[]){req_param(r, 0)}, "Elevation not found");
}

void web_explorer_tree(struct req *r)
{
    const char *search = req_arg(r, "search");
    if (search && !*search) search = NULL;
    req_json(r, &query_elevation_tree, 2, (const char *[]){search, search ? like_pattern(r, search) : NULL}, NULL);
}

void web_explorer_search(struct req *r)
{
    const char *q = req_arg(r, "q");
    req_json(r, &query_elevation_search, 3, (const char *[]){like_pattern(r, q), q, req_arg(r, "limit")}, NULL);
}

/* An elevation is read anew with the project that it lies in. */
static void then_refresh(struct req *r, const PGresult *result)
{
    cJSON *ids = cJSON_Parse(PQgetvalue(result, 0, 0)), *kwargs = cJSON_CreateObject();
    const char *id = cJSON_GetStringValue(cJSON_GetArrayItem(ids, 0));
    if (id) {
        cJSON_AddStringToObject(kwargs, "project_id", id);
        sync_run(r, TASK_SYNC "force_sync_project_task", "sync", kwargs, NULL);
    } else {
        cJSON_Delete(kwargs);
        reply_detail(r, 404, "Elevation not found");
    }
    cJSON_Delete(ids);
}

void web_explorer_refresh(struct req *r)
{
    const char *values[] = {"elevation", req_printf(r, "[\"%s\"]", req_param(r, 0))};
    req_query(r, &query_projects_of_objects, 2, values, then_refresh);
}

void web_explorer_parse(struct req *r)
{
    web_enrichment_trigger(r);
}
