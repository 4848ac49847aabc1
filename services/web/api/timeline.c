/* The timeline for programs. While PostgreSQL is away: what the run directory holds, and that it is not all. */
#include "services/store/web/watch/timeline_read.h"

#include <stdio.h>
#include <stdlib.h>

#include "services/web/gate/handlers.h"
#include "services/web/http/fault.h"
#include "services/web/http/reply.h"
#include "services/web/watch/timeline/timeline_file.h"

static void answer_from_file(struct req *r, const char *why)
{
    const struct timeline_filter *filter = r->state;
    cJSON *out = timeline_from_file(r->web, filter);
    cJSON_AddStringToObject(
        out, "note", req_printf(r, "%s. Only what the supervisor here has recorded of its processes is shown", why));
    reply_cjson_take(r, 200, out);
}

static void on_rows(void *arg, const PGresult *result, const struct err *err)
{
    struct req *r = arg;
    cJSON *out = err || PQntuples(result) == 0 ? NULL : cJSON_Parse(PQgetvalue(result, 0, 0));
    if (!out) {
        answer_from_file(r, err ? fault_told_of_statement(r, err) : "PostgreSQL has not answered");
        return;
    }
    cJSON_AddTrueToObject(out, "is_whole");
    reply_cjson_take(r, 200, out);
}

void web_timeline(struct req *r)
{
    const char *before = req_arg(r, "before"), *limit = req_arg(r, "limit");
    struct timeline_filter *f = r->state = req_alloc(r, sizeof *f);
    char days[16];
    if (before && *before && !timeline_is_cursor(before)) {
        reply_invalid(r, "query", "before", "cursor", "next of the page before");
        return;
    }
    *f = (struct timeline_filter){.kind = req_arg(r, "kind"),
                                  .since = req_arg(r, "since"),
                                  .until = req_arg(r, "until"),
                                  .before = before,
                                  .limit = (int)strtol(limit ? limit : "100", NULL, 10)};
    const char *why = timeline_why_not(r->web);
    snprintf(days, sizeof days, "%d", (int)conf_int(r->web->conf, SET_TIMELINE_DAYS));
    const char *values[] = {f->kind, f->since, f->until, before, limit ? limit : "100", days};
    if (why)
        answer_from_file(r, why);
    else if (!pool_query(r->web->pool, &query_timeline, 6, values, on_rows, r))
        answer_from_file(r, "No memory");
}
