/* How fresh a project is, and bringing it up to date when it is not. */
#include <string.h>

#include "conf/clock.h"
#include "services/store/web/odoo_read.h"
#include "services/store/web/sync_state_read.h"
#include "services/web/api/odoo_stream.h"
#include "services/web/api/sync_api.h"
#include "services/web/cache/cache.h"
#include "services/web/gate/auth.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/fault.h"
#include "services/web/http/reply.h"
#include "services/web/http/told.h"
#include "services/web/jobs/actions.h"

void web_sync_status_project(struct req *r)
{
    req_json(r, &query_project_sync_status, 1, (const char *[]){req_param(r, 0)}, NULL);
}

void web_sync_status_summary(struct req *r)
{
    req_json(r, &query_sync_summary, 0, NULL, NULL);
}

void web_sync_status_mark(struct req *r)
{
    const char *date = req_arg(r, "update_date"), *values[] = {req_param(r, 0), date};
    int64_t us;
    if (date && clock_parse_iso(date, &us) != 0) {
        reply_detail(r, 400, "update_date is no ISO 8601 date and time");
        return;
    }
    req_json(r, &query_project_mark_updated, 2, values, "Project not found");
}

/* ---- syncing when needed ---- */

struct needed {
    cJSON *status;
    void (*then)(struct req *r, const cJSON *result, const struct err *err);
};

static void forget_status(void *needed)
{
    struct needed *n = needed;
    cJSON_Delete(n->status);
    n->status = NULL;
}

static void on_synced(void *arg, const cJSON *result, const struct err *err)
{
    struct req *r = arg;
    struct needed *n = r->state;
    cJSON *out = cJSON_CreateObject();
    const char *message = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(result, "message"));
    bool is_good = !err && !cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(result, "success"));
    bool is_late = err && (err->code == ERR_TIMEOUT || err->code == ERR_CANCELLED),
         is_refused = err && err->code == ERR_DB;
    cJSON_AddBoolToObject(out, "success", is_good || is_late);
    cJSON_AddBoolToObject(out, "synced", is_good);
    if (is_good) {
        char now[CLOCK_TEXT_SIZE];
        cJSON_AddStringToObject(out, "synced_at", clock_iso_us(wall_us(), now));
    }
    cJSON_AddStringToObject(out, "project_id", req_param(r, 0));
    cJSON_AddItemToObject(out, "reason", cJSON_Duplicate(cJSON_GetObjectItem(n->status, "reason"), true));
    const char *why = err ? fault_told(r, err) : message ? fault_without_places(r, message) : "The sync failed";
    if (is_good)
        cJSON_AddNullToObject(out, "error");
    else
        cJSON_AddStringToObject(out, "error", why);
    if (is_refused) cJSON_AddStringToObject(out, "detail", why); /* as in every refusal */
    cJSON_AddItemToObject(out, "sync_status", cJSON_Duplicate(n->status, true));
    cJSON_AddItemToObject(out, "sync_result", result ? cJSON_Duplicate(result, true) : cJSON_CreateNull());
    told_reply_take(r, is_late ? 202 : is_refused ? 503 : 200, out);
}

static void start(struct req *r, bool is_forced)
{
    struct err err = {0};
    cJSON *kwargs = cJSON_CreateObject();
    cJSON_AddStringToObject(kwargs, "project_id", req_param(r, 0));
    cJSON_AddBoolToObject(kwargs, "force_sync", is_forced);
    if (!action_start(r->web->actions, TASK_SYNC "sync_project_task", "sync", kwargs,
                      conf_int(r->web->conf, SET_HTTP_FORCE_TIMEOUT) * 1000, on_synced, r, &err))
        reply_err(r, &err);
}

static void then_status(struct req *r, const PGresult *result)
{
    struct needed *n = req_alloc(r, sizeof *n);
    n->status = cJSON_Parse(PQgetvalue(result, 0, 0));
    r->state = n;
    req_on_end(r, forget_status, n);
    bool is_forced = req_arg_bool(r, "force_sync");
    if (is_forced || cJSON_IsTrue(cJSON_GetObjectItem(n->status, "sync_needed"))) {
        start(r, is_forced);
        return;
    }
    cJSON *out = cJSON_CreateObject();
    cJSON_AddBoolToObject(out, "success", true);
    cJSON_AddBoolToObject(out, "synced", false);
    cJSON_AddStringToObject(out, "project_id", req_param(r, 0));
    cJSON_AddStringToObject(out, "reason", "The project is up to date");
    cJSON_AddItemToObject(out, "sync_status", cJSON_Duplicate(n->status, true));
    reply_cjson_take(r, 200, out);
}

void web_sync_status_sync(struct req *r)
{
    req_query(r, &query_project_sync_status, 1, (const char *[]){req_param(r, 0)}, then_status);
}

/* ---- the ERP's complete project, brought up to date first ---- */

static void complete(struct req *r)
{
    cache_json_or(r, &query_odoo_complete, 1, (const char *[]){req_param(r, 0)}, TABLES_PARTS, "Project not found",
                  odoo_stream_complete);
}

/* Whatever the sync said: what is stored is what can be answered. */
static void on_refreshed(void *arg, const cJSON *result, const struct err *err)
{
    struct req *r = arg;
    bool is_good = !err && !cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(result, "success"));
    reply_header(r, "X-Sync", is_good ? "done" : "failed");
    r->versions = NULL; /* they are older than the sync */
    complete(r);
}

static void then_freshness(struct req *r, const PGresult *result)
{
    cJSON *status = cJSON_Parse(PQgetvalue(result, 0, 0)), *kwargs = cJSON_CreateObject();
    bool is_needed = cJSON_IsTrue(cJSON_GetObjectItem(status, "sync_needed"));
    bool exists = cJSON_IsTrue(cJSON_GetObjectItem(status, "exists"));
    cJSON_Delete(status);
    cJSON_AddStringToObject(kwargs, "project_id", req_param(r, 0));
    cJSON_AddBoolToObject(kwargs, "force_sync", false);
    if (!is_needed || !exists) {
        cJSON_Delete(kwargs);
        complete(r);
    } else if (!action_start(r->web->actions, TASK_SYNC "sync_project_task", "sync", kwargs,
                             conf_int(r->web->conf, SET_HTTP_FORCE_TIMEOUT) * 1000, on_refreshed, r, NULL)) {
        complete(r);
    }
}

void web_odoo_complete(struct req *r)
{
    if (req_arg_bool(r, "auto_sync") && !r->is_head && auth_may_start(r))
        req_query(r, &query_project_sync_status, 1, (const char *[]){req_param(r, 0)}, then_freshness);
    else
        complete(r);
}
