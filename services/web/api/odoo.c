/* What the ERP reads: projects with their phases and elevations. Answers come from the cache while nothing changed. */
#include "services/store/web/odoo_read.h"
#include "services/web/api/odoo_stream.h"
#include "services/web/cache/cache.h"
#include "services/web/cache/like.h"
#include "services/web/cache/list_more.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"

/* ---- lists that say more ---- */

static void tail_of_projects(struct req *r, struct buf *out, const struct list_totals *t, const char *next)
{
    (void)next;
    cJSON *client = cJSON_CreateString(r->who.name);
    char *quoted = client ? cJSON_PrintUnformatted(client) : NULL;
    buf_printf(out, "],\"count\":%lld,\"summary\":{\"total_projects\":%lld,\"client_id\":%s}}", (long long)t->count,
               (long long)t->count, quoted ? quoted : "null");
    cJSON_free(quoted);
    cJSON_Delete(client);
}

static void tail_of_rows(struct req *r, struct buf *out, const struct list_totals *t, const char *next)
{
    (void)r, (void)t, (void)next;
    buf_char(out, ']');
}

static const struct list_more projects_more = {
    &query_odoo_projects_more,
    "id,name,description,status,phases_count,total_elevations,created_at,deleted_at",
    "{\"projects\":[",
    tail_of_projects,
    NULL,
    .page = 0,
};
static const struct list_more phases_more = {
    &query_odoo_phases_more,
    "id,name,description,project_id,status,elevations_count,elevations,created_at,deleted_at",
    "[",
    tail_of_rows,
    "Project not found",
    .page = 0,
};
static const struct list_more elevations_more = {
    &query_odoo_elevations_more,
    "id,name,description,phase_id,thumbnail_url,width,height,depth,created_at,auto_description,auto_description_short,"
    "width_out,width_unit,height_out,height_unit,weight_out,weight_unit,area_output,area_unit,system_code,system_name,"
    "system_long_name,color_base_long,parts_count,has_parts_data,parts_synced_at,parse_status,data_quality_score,"
    "glass_specifications,last_sync_date,last_update_date,deleted_at",
    "[",
    tail_of_rows,
    "Phase not found",
    .page = 0,
};

/* ---- operations ---- */

void web_odoo_projects(struct req *r)
{
    if (list_more_is_wanted(r))
        list_more_reply(r, &projects_more, NULL, NULL);
    else
        cache_json(r, &query_odoo_projects, 1, (const char *[]){r->who.name}, TABLES_TREE, NULL);
}

void web_odoo_project(struct req *r)
{
    cache_json_or(r, &query_odoo_project, 1, (const char *[]){req_param(r, 0)}, TABLES_PARTS, "Project not found",
                  odoo_stream_project);
}

void web_odoo_phases(struct req *r)
{
    if (list_more_is_wanted(r))
        list_more_reply(r, &phases_more, req_param(r, 0), NULL);
    else
        cache_json(r, &query_odoo_phases, 1, (const char *[]){req_param(r, 0)}, TABLES_TREE, "Project not found");
}

void web_odoo_elevations(struct req *r)
{
    const char *values[] = {req_param(r, 0), req_param(r, 1)};
    if (list_more_is_wanted(r))
        list_more_reply(r, &elevations_more, req_param(r, 0), req_param(r, 1));
    else
        cache_json_or(r, &query_odoo_elevations, 2, values, TABLES_PARTS, "Phase not found", odoo_stream_elevations);
}

void web_odoo_search(struct req *r)
{
    const char *q = req_arg(r, "q");
    cache_json(r, &query_odoo_search, 2, (const char *[]){q, like_pattern(r, q)}, TABLES_TREE, NULL);
}

void web_odoo_stats(struct req *r)
{
    cache_json(r, &query_odoo_stats, 0, NULL, TABLES_TREE, NULL);
}
