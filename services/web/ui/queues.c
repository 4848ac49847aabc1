/* What administrators do to queues and dead letters: pause, resume, empty, send again, delete. */
#include <string.h>

#include "ipc/queue/queue.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"

static void on_changed(void *arg, int64_t count, const struct err *err)
{
    struct req *r = arg;
    if (err)
        reply_err(r, err);
    else
        reply_json(r, 200, req_printf(r, "{\"count\":%lld}", (long long)count));
}

static bool has_queue(struct req *r)
{
    if (!r->web->queue) reply_unavailable(r, 60, "Redis is not configured: there are no queues");
    return r->web->queue != NULL;
}

/* ---- pause, resume ---- */

static void said(struct req *r, const struct err *err, const char *text)
{
    if (err) {
        reply_err(r, err);
        return;
    }
    cJSON *out = cJSON_CreateObject();
    cJSON_AddTrueToObject(out, "success");
    cJSON_AddStringToObject(out, "message", text);
    reply_cjson_take(r, 200, out);
}

static void on_paused(void *arg, int64_t count, const struct err *err)
{
    struct req *r = arg;
    said(r, err,
         req_printf(r,
                    count > 0 ? "Queue %s is paused. What workers hold already they finish."
                              : "Queue %s was paused already.",
                    req_param(r, 0)));
}

void web_queue_pause(struct req *r)
{
    struct err err = {0};
    if (!has_queue(r)) return;
    if (queue_pause(r->web->queue, req_param(r, 0), r->who.name, on_paused, r, &err) < 0) reply_err(r, &err);
}

/* Nothing was changed, since there is no such queue: answered. */
static bool is_misspelt(struct req *r, int64_t count, const struct err *err)
{
    struct err why = {0};
    if (err || count > 0 || queue_check_name(r->web->queue, req_param(r, 0), &why) == 0) return false;
    reply_err(r, &why);
    return true;
}

static void on_resumed(void *arg, int64_t count, const struct err *err)
{
    struct req *r = arg;
    if (is_misspelt(r, count, err)) return;
    said(r, err, req_printf(r, count > 0 ? "Queue %s is served again." : "Queue %s was not paused.", req_param(r, 0)));
}

void web_queue_resume(struct req *r)
{
    struct err err = {0};
    if (!has_queue(r)) return;
    if (queue_resume(r->web->queue, req_param(r, 0), on_resumed, r, &err) < 0) reply_err(r, &err);
}

/* ---- messages ---- */

static void on_letter(struct req *r, int64_t count, const struct err *err, const char *one, const char *many)
{
    if (err) {
        reply_err(r, err);
    } else {
        cJSON *out = cJSON_CreateObject();
        cJSON_AddNumberToObject(out, "count", (double)count);
        cJSON_AddStringToObject(out, "message", count == 1 ? one : req_printf(r, "%lld %s", (long long)count, many));
        reply_cjson_take(r, 200, out);
    }
}

static void on_task_retried(void *arg, int64_t count, const struct err *err)
{
    on_letter(arg, count, err, "Sent again.", "dead letters were sent again.");
}

static void on_retried(void *arg, int64_t count, bool is_whole, const cJSON *entries, const struct err *err)
{
    struct req *r = arg;
    (void)is_whole, (void)entries;
    if (!err && count == 0 && req_body_str(r, "letter"))
        reply_detail(r, 404, "There is no such dead letter any more, or it names no queue to go to");
    else
        on_letter(r, count, err, "Sent again.", "dead letters were sent again.");
}

static void on_deleted(void *arg, int64_t count, bool is_whole, const cJSON *entries, const struct err *err)
{
    (void)is_whole, (void)entries;
    if (!err && count == 0)
        reply_detail(arg, 404, "There is no such dead letter any more");
    else
        on_letter(arg, count, err, "Deleted.", "dead letters were deleted.");
}

/* "/dead-letters/" is one whose name is missing, and no word for all of them. */
static bool is_without_name(const struct req *r)
{
    return r->path[strlen(r->path) - 1] == '/';
}

void web_dead_letter_delete(struct req *r)
{
    struct err err = {0};
    struct queue_sweep what = {.view = QUEUE_DEAD, .letter = req_param(r, 0)};
    if (!has_queue(r)) return;
    if (queue_sweep(r->web->queue, &what, SWEEP_DELETE, on_deleted, r, &err) < 0) reply_err(r, &err);
}

void web_dead_letters_retry(struct req *r)
{
    struct err err = {0};
    if (!has_queue(r)) return;
    struct queue_sweep what = {.view = QUEUE_DEAD, .letter = req_body_str(r, "letter")};
    const char *id = req_body_str(r, "task_id");
    int rc = id ? queue_retry_dead(r->web->queue, id, on_task_retried, r, &err)
                : queue_sweep(r->web->queue, &what, SWEEP_RETRY, on_retried, r, &err);
    if (rc < 0) reply_err(r, &err);
}

void web_dead_letters_purge(struct req *r)
{
    struct err err = {0};
    if (is_without_name(r)) {
        reply_detail(r, 404, "There is no such dead letter any more");
        return;
    }
    if (!has_queue(r)) return;
    if (queue_purge_dead(r->web->queue, on_changed, r, &err) < 0) reply_err(r, &err);
}

static void on_purged(void *arg, int64_t count, const struct err *err)
{
    if (!is_misspelt(arg, count, err)) on_changed(arg, count, err);
}

void web_queue_messages_purge(struct req *r)
{
    struct err err = {0};
    if (!has_queue(r)) return;
    if (queue_purge(r->web->queue, req_param(r, 0), on_purged, r, &err) < 0) reply_err(r, &err);
}
