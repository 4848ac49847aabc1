/* Sync intervals: what is synced how often (object_sync_configs). Changes take effect with the
 * scheduler's next tick. */
#include <string.h>

#include "services/store/web/intervals_read.h"
#include "services/store/web/intervals_write.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"

#define NO_SUCH_TYPE "No such object type"

void web_intervals_list(struct req *r)
{
    req_json(r, &query_intervals_list, 0, NULL, NULL);
}

void web_intervals_get(struct req *r)
{
    req_json(r, &query_intervals_get, 1, (const char *[]){req_param(r, 0)}, NO_SUCH_TYPE);
}

void web_intervals_order(struct req *r)
{
    req_json(r, &query_intervals_order, 0, NULL, NULL);
}

void web_intervals_summary(struct req *r)
{
    req_json(r, &query_intervals_summary, 0, NULL, NULL);
}

void web_intervals_reset(struct req *r)
{
    req_json(r, &query_intervals_reset, 0, NULL, NULL);
}

void web_interval_toggle(struct req *r)
{
    req_json(r, &query_interval_toggle, 1, (const char *[]){req_param(r, 0)}, NO_SUCH_TYPE);
}

void web_interval_delete(struct req *r)
{
    req_json(r, &query_interval_delete, 1, (const char *[]){req_param(r, 0)}, NO_SUCH_TYPE);
}

/* ---- adding and changing: first the dependencies are checked ---- */

static void store(struct req *r, const struct query *q, const char *object_type, const char *otherwise)
{
    const char *values[] = {object_type,
                            req_body_str(r, "display_name"),
                            req_body_str(r, "description"),
                            req_body_text(r, "sync_interval_minutes"),
                            req_body_text(r, "is_sync_enabled"),
                            req_body_text(r, "staleness_threshold_minutes"),
                            req_body_text(r, "priority"),
                            req_body_text(r, "depends_on"),
                            req_body_text(r, "cascade_sync"),
                            req_body_text(r, "batch_size"),
                            req_body_text(r, "max_retry_attempts"),
                            req_body_text(r, "retry_delay_minutes")};
    req_json(r, q, 12, values, otherwise);
}

static bool has_problem(struct req *r, const PGresult *result)
{
    if (PQgetisnull(result, 0, 0)) return false;
    reply_invalid(r, "body", "depends_on", "value_error", PQgetvalue(result, 0, 0));
    return true;
}

static void then_change(struct req *r, const PGresult *result)
{
    if (!has_problem(r, result)) store(r, &query_interval_change, req_param(r, 0), NO_SUCH_TYPE);
}

void web_interval_change(struct req *r)
{
    const char *depends = req_body_text(r, "depends_on");
    req_query(r, &query_interval_problem, 2, (const char *[]){req_param(r, 0), depends ? depends : "[]"}, then_change);
}

static void then_known(struct req *r, const PGresult *result)
{
    if (PQntuples(result) > 0)
        reply_detail(r, 400, "This object type is configured already");
    else
        store(r, &query_interval_add, req_body_str(r, "object_type"), "The object type could not be added");
}

static void then_add(struct req *r, const PGresult *result)
{
    if (has_problem(r, result)) return;
    req_query(r, &query_intervals_get, 1, (const char *[]){req_body_str(r, "object_type")}, then_known);
}

void web_interval_add(struct req *r)
{
    const char *type = req_body_str(r, "object_type"), *depends = req_body_text(r, "depends_on");
    if (strspn(type, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(type))
        reply_invalid(r, "body", "object_type", "value_error", "Only a-z, 0-9 and _");
    else
        req_query(r, &query_interval_problem, 2, (const char *[]){type, depends ? depends : "[]"}, then_add);
}
