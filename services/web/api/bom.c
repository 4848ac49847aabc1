/* Bills of materials of an elevation, a phase, a project, and what became another between two of them. */
#include "services/store/web/bom_read.h"
#include "services/store/web/parts_read.h"
#include "services/web/api/parts_ready.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"

static void ask_elevation(struct req *r, const struct parts_ready *ready)
{
    (void)ready;
    req_json(r, &query_bom_elevation, 1, (const char *[]){req_param(r, 0)}, "Elevation not found");
}

void web_bom_elevation(struct req *r)
{
    parts_ready(r, false, ask_elevation);
}

void web_bom_phase(struct req *r)
{
    req_json(r, &query_bom_phase, 1, (const char *[]){req_param(r, 0)}, "Phase not found");
}

void web_bom_project(struct req *r)
{
    req_json(r, &query_bom_project, 1, (const char *[]){req_param(r, 0)}, "Project not found");
}

void web_parts_versions(struct req *r)
{
    req_json(r, &query_parts_versions, 1, (const char *[]){req_param(r, 0)}, "Elevation not found");
}

static void then_difference(struct req *r, const PGresult *result)
{
    if (PQntuples(result) == 0)
        reply_detail(r, 404, "There is no such version: /api/v1/elevations/%s/versions lists those that are kept",
                     req_param(r, 0));
    else if (*PQgetvalue(result, 0, 0) != 't')
        reply_unavailable(r, 30, "A version of the two is not read yet, or could not be: ask again");
    else
        reply_json(r, 200, PQgetvalue(result, 0, 1));
}

void web_bom_diff(struct req *r)
{
    const char *values[] = {req_param(r, 0), req_arg(r, "from"), req_arg(r, "to")};
    req_query(r, &query_bom_diff, 3, values, then_difference);
}

void web_bom_project_diff(struct req *r)
{
    const char *values[] = {req_param(r, 0), req_arg(r, "from"), req_arg(r, "to")};
    req_json(r, &query_bom_project_diff, 3, values, "Project not found");
}
