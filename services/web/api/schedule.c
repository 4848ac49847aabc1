/* The schedule, and what an administrator does to an entry of it: run it now, pause, resume. */
#include <string.h>

#include "ipc/queue/queue.h"
#include "services/schedule/schedule.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"
#include "services/web/jobs/schedule_link.h"

#define RETRY_S 60

static bool has_queue(struct req *r)
{
    if (!r->web->queue) reply_unavailable(r, RETRY_S, "Redis is not configured: there is no schedule");
    return r->web->queue != NULL;
}

static void reply_schedule(struct req *r, cJSON *schedule, const struct err *err)
{
    if (err)
        reply_err(r, err);
    else
        reply_cjson_take(r, 200, schedule);
}

void web_schedule(struct req *r)
{
    if (has_queue(r)) schedule_link_look(r, reply_schedule);
}

/* The entry that the path names; without it, or without Redis, it is answered. */
static bool find(struct req *r, struct schedule_entry *out)
{
    struct schedule schedule;
    struct err err = {0};
    if (!has_queue(r)) return false;
    if (schedule_from_conf(r->web->conf, &schedule, &err) != 0) {
        reply_err(r, &err);
        return false;
    }
    for (int i = 0; i < schedule.count; i++) {
        *out = schedule.entries[i];
        if (strcmp(out->name, req_param(r, 0)) == 0) return true;
    }
    reply_fault(r, 404, "NOT_FOUND", "The schedule has no such entry; GET /api/v1/admin/schedule lists them");
    return false;
}

static cJSON *said(const char *text)
{
    cJSON *out = cJSON_CreateObject();
    cJSON_AddTrueToObject(out, "success");
    cJSON_AddStringToObject(out, "message", text);
    return out;
}

/* ---- now ---- */

static void on_sent(void *arg, const struct err *err)
{
    struct req *r = arg;
    if (err) {
        reply_err(r, err);
        return;
    }
    queue_entry_note_run(r->web->queue, req_param(r, 0), r->who.name);
    cJSON *out = said(req_printf(r, "%s is sent: a worker does it next.", req_param(r, 0)));
    cJSON_AddStringToObject(out, "task_id", r->state);
    reply_cjson_take(r, 200, out);
}

void web_schedule_run(struct req *r)
{
    struct schedule_entry e;
    struct err err = {0};
    if (!find(r, &e)) return;
    const struct task_options options = {.queue = e.queue, .expires_ms = e.expires_ms};
    char *id = r->state = req_alloc(r, UUID_TEXT_SIZE);
    if (queue_send(r->web->queue, e.task, NULL, NULL, &options, id, on_sent, r, &err) < 0) reply_err(r, &err);
}

/* ---- pause, resume ---- */

static void reply_said(struct req *r, const struct err *err, const char *text)
{
    if (err)
        reply_err(r, err);
    else
        reply_cjson_take(r, 200, said(text));
}

static void on_paused(void *arg, int64_t count, const struct err *err)
{
    struct req *r = arg;
    reply_said(
        r, err,
        req_printf(r, count > 0 ? "%s is paused: its runs are left out until it is resumed." : "%s was paused already.",
                   req_param(r, 0)));
}

void web_schedule_pause(struct req *r)
{
    struct schedule_entry e;
    struct err err = {0};
    if (find(r, &e) && queue_entry_pause(r->web->queue, e.name, r->who.name, on_paused, r, &err) < 0)
        reply_err(r, &err);
}

static void on_resumed(void *arg, int64_t count, const struct err *err)
{
    struct req *r = arg;
    reply_said(
        r, err,
        req_printf(r, count > 0 ? "%s runs again, from its next time on." : "%s was not paused.", req_param(r, 0)));
}

void web_schedule_resume(struct req *r)
{
    struct schedule_entry e;
    struct err err = {0};
    if (find(r, &e) && queue_entry_resume(r->web->queue, e.name, on_resumed, r, &err) < 0) reply_err(r, &err);
}
