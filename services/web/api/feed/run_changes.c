/* What a sync has changed. */
#include "services/store/web/feed/run_changes_read.h"

#include "services/web/api/feed/change_cursor.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"
#include "services/web/http/told.h"

static void then_changes(struct req *r, const PGresult *result)
{
    if (PQntuples(result) == 0 || PQgetisnull(result, 0, 0))
        reply_detail(r, 404, "No such sync: it is older than what is kept, or never was");
    else
        told_reply_json(r, 200, PQgetvalue(result, 0, 0));
}

void web_run_changes(struct req *r)
{
    const char *after = req_arg(r, "after"), *limit = req_arg(r, "limit");
    struct change_cursor cursor;
    if (after && *after && (!change_cursor_read(&cursor, after) || cursor.snapshot)) {
        reply_invalid(r, "query", "after", "cursor", "next of the page before");
        return;
    }
    const char *values[] = {req_param(r, 0), req_arg(r, "type"), req_arg(r, "operation"), after,
                            limit ? limit : "1000"};
    req_query(r, &query_run_changes, 5, values, then_changes);
}
