/* Is the parts list of an elevation there, and read? See parts_ready.h. */
#include "services/web/api/parts/parts_ready.h"

#include <stdlib.h>
#include <string.h>

#include "services/store/web/parts/parts_read.h"
#include "services/web/http/reply.h"

#define RETRY_S 30

struct parts_asked {
    struct parts_ready ready;
    bool is_file_enough;
    void (*go)(struct req *r, const struct parts_ready *ready);
};

/* True = answered. */
static bool refuse(struct req *r, const PGresult *result, bool is_file_enough)
{
    const char *state = PQgetvalue(result, 0, 0), *error = PQgetvalue(result, 0, 1), *name = PQgetvalue(result, 0, 4);
    bool has_file = strcmp(state, "waiting") == 0 || strcmp(state, "failed") == 0;
    if (strcmp(state, "read") == 0 || (has_file && is_file_enough)) return false;
    if (strcmp(state, "refused") == 0)
        reply_detail(r, 409,
                     "The parts list of elevation \"%.120s\" was not taken: %.500s. It is asked for again with growing "
                     "delay, and at once by POST /api/v1/sync/force/project/{project_id}",
                     name, error);
    else if (strcmp(state, "none") == 0)
        reply_detail(r, 404, "The elevation has no parts list");
    else if (strcmp(state, "failed") == 0)
        reply_detail(r, 409,
                     "The parts list of elevation \"%.120s\" could not be read: %.500s. The file is at "
                     "/api/v1/elevations/%s/parts-list; POST /api/v1/elevations/%s/enrichment/trigger?force=true reads "
                     "it again, and it is read anew when it changes in Logikal",
                     name, *error ? error : "the log tells why", req_param(r, 0), req_param(r, 0));
    else if (strcmp(state, "waiting") == 0)
        reply_unavailable(r, RETRY_S, "The parts list waits to be read: ask again");
    else if (strcmp(state, "moving") == 0)
        reply_unavailable(r, RETRY_S, "The parts list is being taken over from an earlier version: ask again");
    else
        reply_unavailable(r, RETRY_S, "The parts list was not fetched yet%s%s", *error ? ": " : "", error);
    return true;
}

static void then_state(struct req *r, const PGresult *result, void *arg)
{
    struct parts_asked *a = arg;
    if (PQntuples(result) == 0) {
        reply_detail(r, 404, "Elevation not found");
        return;
    }
    if (refuse(r, result, a->is_file_enough)) return;
    a->ready.sha256 = req_strdup(r, PQgetvalue(result, 0, 2));
    a->ready.size = strtoll(PQgetvalue(result, 0, 3), NULL, 10);
    a->ready.name = req_strdup(r, PQgetvalue(result, 0, 4));
    a->ready.mark = req_strdup(r, PQgetvalue(result, 0, 5));
    a->ready.version = req_printf(r, "%s/%s", a->ready.elevation, PQgetvalue(result, 0, 6));
    a->go(r, &a->ready);
}

void parts_ready(struct req *r, bool is_file_enough, void (*go)(struct req *r, const struct parts_ready *ready))
{
    struct parts_asked *a = req_alloc(r, sizeof *a);
    *a = (struct parts_asked){.ready.elevation = req_param(r, 0), .is_file_enough = is_file_enough, .go = go};
    req_query_with(r, &query_parts_state, 1, (const char *[]){req_param(r, 0)}, then_state, a);
}
