/* What the ERP reads: projects with their phases and elevations. Answers come from the cache while nothing changed. */
#include "services/store/web/odoo_read.h"
#include "services/web/api/odoo_stream.h"
#include "services/web/cache/cache.h"
#include "services/web/cache/like.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"

void web_odoo_projects(struct req *r)
{
    cache_json(r, &query_odoo_projects, 1, (const char *[]){r->who.name}, TABLES_TREE, NULL);
}

void web_odoo_project(struct req *r)
{
    cache_json_or(r, &query_odoo_project, 1, (const char *[]){req_param(r, 0)}, TABLES_PARTS, "Project not found",
                  odoo_stream_project);
}

void web_odoo_phases(struct req *r)
{
    cache_json(r, &query_odoo_phases, 1, (const char *[]){req_param(r, 0)}, TABLES_TREE, "Project not found");
}

void web_odoo_elevations(struct req *r)
{
    const char *values[] = {req_param(r, 0), req_param(r, 1)};
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
