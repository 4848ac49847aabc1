/* One task by its id: first what this process started itself, then its result in Redis, then the sync's own record in
 * PostgreSQL, which is also there when Redis is not. */
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "ipc/queue/queue.h"
#include "ipc/queue/queue_message.h"
#include "services/store/web/sync_state_read.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"
#include "services/web/http/told.h"
#include "services/web/jobs/actions.h"

/* Clients know every member, with null where there is nothing to say. */
static void reply_task(struct req *r, cJSON *out)
{
    static const char *const names[] = {"current", "total", "result", "error", "meta", "completed_at", "failed_at"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!cJSON_GetObjectItemCaseSensitive(out, names[i])) cJSON_AddNullToObject(out, names[i]);
    json_shown(out); /* results of others hold numbers that a double does not */
    told_reply_take(r, 200, out);
}

static cJSON *task_new(const struct req *r, const char *status, const char *message)
{
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "task_id", req_param(r, 0));
    cJSON_AddStringToObject(out, "status", status);
    cJSON_AddStringToObject(out, "message", message);
    return out;
}

/* ---- in PostgreSQL ---- */

static void then_run(struct req *r, const PGresult *result)
{
    if (PQntuples(result) == 0) {
        reply_task(r, task_new(r, "PENDING", "The task waits, or its result has expired"));
        return;
    }
    const char *state = PQgetvalue(result, 0, 0);
    bool is_running = strcmp(state, "running") == 0,
         is_done = strcmp(state, "completed") == 0 || strcmp(state, "held") == 0;
    cJSON *out = task_new(r, is_running ? "PROGRESS" : is_done ? "SUCCESS" : "FAILURE", PQgetvalue(result, 0, 3));
    cJSON_AddNumberToObject(out, "current", strtod(PQgetvalue(result, 0, 1), NULL));
    cJSON_AddNumberToObject(out, "total", strtod(PQgetvalue(result, 0, 2), NULL));
    cJSON *stored = cJSON_Parse(PQgetvalue(result, 0, 4));
    const char *why = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(stored, "message"));
    if (!is_running && !is_done) cJSON_AddStringToObject(out, "error", why ? why : state);
    if (stored) cJSON_AddItemToObject(out, "result", stored);
    if (!is_running) cJSON_AddStringToObject(out, is_done ? "completed_at" : "failed_at", PQgetvalue(result, 0, 5));
    reply_task(r, out);
}

static void look_in_database(struct req *r)
{
    req_query(r, &query_task_run, 1, (const char *[]){req_param(r, 0)}, then_run);
}

/* ---- in Redis ---- */

static void add_progress(cJSON *out, const cJSON *value)
{
    static const char *const names[] = {"current", "total"};
    for (size_t i = 0; i < 2; i++) {
        const cJSON *n = cJSON_GetObjectItemCaseSensitive(value, names[i]);
        if (cJSON_IsNumber(n)) cJSON_AddNumberToObject(out, names[i], n->valuedouble);
    }
    const cJSON *status = cJSON_GetObjectItemCaseSensitive(value, "status");
    if (cJSON_IsString(status)) cJSON_ReplaceItemInObject(out, "message", cJSON_CreateString(status->valuestring));
    cJSON_AddItemToObject(out, "meta", cJSON_Duplicate(value, true));
}

static void on_result(void *arg, const struct result *result, const struct err *err)
{
    struct req *r = arg;
    if (err || result->state == RESULT_PENDING) {
        look_in_database(r);
        return;
    }
    static const char *const messages[] = {
        [RESULT_STARTED] = "The task has started",       [RESULT_PROGRESS] = "The task is running",
        [RESULT_RETRY] = "The task will be tried again", [RESULT_SUCCESS] = "The task has succeeded",
        [RESULT_FAILURE] = "The task has failed",        [RESULT_REVOKED] = "The task was cancelled",
        [RESULT_OTHER] = "The task is running"};
    cJSON *out = task_new(r, result->status, messages[result->state]);
    const char *done = result->date_done ? result->date_done : "";
    if (result->state == RESULT_SUCCESS) {
        cJSON_AddItemToObject(out, "result", cJSON_Duplicate(result->value, true));
        cJSON_AddStringToObject(out, "completed_at", done);
    } else if (result_is_ready(result->state)) {
        cJSON_AddStringToObject(out, "error", result->error ? result->error : result->status);
        cJSON_AddStringToObject(out, "failed_at", done);
    } else if (cJSON_IsObject(result->value)) {
        add_progress(out, result->value);
    }
    reply_task(r, out);
}

/* ---- here ---- */

static void show_local(struct req *r, const struct action *a)
{
    char text[CLOCK_TEXT_SIZE];
    bool is_failed = a->state == ACTION_FAILED || cJSON_IsFalse(cJSON_GetObjectItem(a->result, "success"));
    cJSON *out =
        task_new(r, is_failed ? "FAILURE" : "SUCCESS", is_failed ? "The task has failed" : "The task has succeeded");
    const char *why = cJSON_GetStringValue(cJSON_GetObjectItem(a->result, "message"));
    if (is_failed) cJSON_AddStringToObject(out, "error", why ? why : "The task ended without a result");
    if (a->result) cJSON_AddItemToObject(out, "result", cJSON_Duplicate(a->result, true));
    cJSON_AddStringToObject(out, is_failed ? "failed_at" : "completed_at", clock_iso_ms(a->ended_ms, text));
    reply_task(r, out);
}

void web_scheduler_task(struct req *r)
{
    const struct action *a = action_find(r->web->actions, req_param(r, 0));
    if (a && a->is_local && a->state >= ACTION_DONE)
        show_local(r, a);
    else if ((a && a->is_local) || !r->web->queue ||
             result_get(r->web->queue, req_param(r, 0), on_result, r, NULL) != 0)
        look_in_database(r);
}

/* ---- cancelling ---- */

static void cancelled(struct req *r)
{
    char text[CLOCK_TEXT_SIZE];
    cJSON *out = cJSON_CreateObject();
    cJSON_AddBoolToObject(out, "success", true);
    cJSON_AddStringToObject(out, "task_id", req_param(r, 0));
    cJSON_AddStringToObject(out, "cancelled_at", clock_iso_us(wall_us(), text));
    cJSON_AddNullToObject(out, "error");
    reply_cjson_take(r, 200, out);
}

static void on_revoked(void *arg, const struct err *err)
{
    if (err)
        reply_err(arg, err);
    else
        cancelled(arg);
}

void web_scheduler_cancel(struct req *r)
{
    const char *id = req_param(r, 0);
    struct err err = {0};
    if (action_terminate(r->web->actions, id))
        cancelled(r);
    else if (!r->web->queue)
        reply_detail(r, 404, "No task with this id runs here, and Redis is not configured");
    else if (queue_revoke(r->web->queue, (const char *const[]){id}, 1, true, on_revoked, r, &err) != 0)
        reply_err(r, &err);
}
