/* Bills of materials of an elevation, a phase, a project, and what became another between two of them. */
#include <string.h>

#include "services/store/web/parts/bom_read.h"
#include "services/store/web/parts/parts_read.h"
#include "services/web/api/parts/bill_kept.h"
#include "services/web/api/parts/parts_mark.h"
#include "services/web/api/parts/parts_ready.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"

static void ask_elevation(struct req *r, const struct parts_ready *ready)
{
    if (parts_unchanged(r, ready->mark)) return;
    parts_reply_marked(r, &query_bom_elevation, 1, (const char *[]){req_param(r, 0)}, "Elevation not found");
}

void web_bom_elevation(struct req *r)
{
    parts_ready(r, false, ask_elevation);
}

void web_bom_phase(struct req *r)
{
    static const struct bill bill = {&query_bom_phase_mark, &query_bom_phase, "Phase not found", {NULL}};
    bill_reply(r, &bill);
}

void web_bom_project(struct req *r)
{
    static const struct bill bill = {&query_bom_project_mark, &query_bom_project, "Project not found", {NULL}};
    bill_reply(r, &bill);
}

static void ask_versions(struct req *r)
{
    parts_reply_marked(r, &query_parts_versions, 1, (const char *[]){req_param(r, 0)}, "Elevation not found");
}

void web_parts_versions(struct req *r)
{
    parts_unless_unchanged(r, &query_parts_versions_mark, "Elevation not found", ask_versions);
}

/* A former version that was never read will not be; the present one is, unless it cannot be. */
static void refuse_unread(struct req *r, const PGresult *result)
{
    const char *state = PQgetvalue(result, 0, 3), *error = PQgetvalue(result, 0, 4);
    if (strcmp(state, "waiting") == 0 || strcmp(state, "moving") == 0)
        reply_unavailable(r, 30, "Version %s of elevation \"%.120s\" waits to be read: ask again",
                          PQgetvalue(result, 0, 5), PQgetvalue(result, 0, 2));
    else
        reply_detail(r, 409,
                     "Version %s of the parts list of elevation \"%.120s\" was not read%s%.500s: "
                     "/api/v1/elevations/%s/versions tells which ones are (parsed_at)",
                     PQgetvalue(result, 0, 5), PQgetvalue(result, 0, 2), *error ? ": " : "", error, req_param(r, 0));
}

/* Two versions that there are not: what there is, and what to ask for. */
static void then_lacks(struct req *r, const PGresult *result)
{
    enum { COUNT, FIRST, LAST, HAS_PRESENT, HAS_FROM, HAS_TO };
    const char *from = req_arg(r, "from"), *to = req_arg(r, "to"), *id = req_param(r, 0);
    const char *first = PQgetvalue(result, 0, FIRST), *last = PQgetvalue(result, 0, LAST);
    bool is_any = strcmp(PQgetvalue(result, 0, COUNT), "0") != 0,
         is_one = strcmp(PQgetvalue(result, 0, COUNT), "1") == 0;
    bool has_from = *PQgetvalue(result, 0, HAS_FROM) == 't', has_to = *PQgetvalue(result, 0, HAS_TO) == 't';
    if (!is_any)
        reply_detail(
            r, 404,
            "No version of its parts list is kept, so there is nothing to compare (/api/v1/elevations/%s/versions)",
            id);
    else if (!has_from || !has_to)
        reply_detail(r, 404, "Version %s is not kept: /api/v1/elevations/%s/versions lists those that are (%s to %s)",
                     has_from ? to : from, id, first, last);
    else if (!to && *PQgetvalue(result, 0, HAS_PRESENT) != 't')
        reply_invalid(r, "query", "to", "missing",
                      req_printf(r, "It has no parts list at present: say with which version to compare (%s to %s)",
                                 first, last));
    else if (!to && is_one)
        reply_detail(r, 404,
                     "Only version %s of its parts list is kept, so there is nothing to compare it with"
                     " (/api/v1/elevations/%s/versions)",
                     last, id);
    else
        reply_invalid(r, "query", "from", "missing",
                      req_printf(r,
                                 "Version %s is the first one that is kept, and none is before it: say with which"
                                 " version to compare it (%s to %s)",
                                 first, first, last));
}

static void then_difference(struct req *r, const PGresult *result)
{
    if (PQntuples(result) == 0)
        req_query(r, &query_bom_diff_lacks, 3, (const char *[]){req_param(r, 0), req_arg(r, "from"), req_arg(r, "to")},
                  then_lacks);
    else if (*PQgetvalue(result, 0, 0) != 't')
        refuse_unread(r, result);
    else if (!parts_unchanged(r, PQgetvalue(result, 0, 6)))
        reply_json(r, 200, PQgetvalue(result, 0, 1));
}

static void ask_difference(struct req *r)
{
    const char *values[] = {req_param(r, 0), req_arg(r, "from"), req_arg(r, "to")};
    req_query(r, &query_bom_diff, 3, values, then_difference);
}

void web_bom_diff(struct req *r)
{
    parts_unless_unchanged(r, &query_parts_versions_mark, "Elevation not found", ask_difference);
}

/* Without an end it is compared with now: the time alone, which is in it, makes it no other answer. */
void web_bom_project_diff(struct req *r)
{
    static const struct bill bill = {
        &query_bom_project_diff_mark, &query_bom_project_diff, "Project not found", {"from", "to"}};
    bill_reply(r, &bill);
}
