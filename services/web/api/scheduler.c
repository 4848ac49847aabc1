/* Background tasks: what runs, what waits, who works, starting and cancelling. Looks into Redis; without settings for
 * Redis only what runs in children of this process is there to be seen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "conf/text/json.h"
#include "ipc/queue/queue.h"
#include "services/schedule/schedule.h"
#include "services/store/web/intervals_read.h"
#include "services/web/api/sync_api.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/fault.h"
#include "services/web/http/reply.h"
#include "services/web/jobs/actions.h"

static void add_now(cJSON *out, const char *name)
{
    char text[CLOCK_TEXT_SIZE];
    cJSON_AddStringToObject(out, name, clock_iso_us(wall_us(), text));
}

static cJSON *copy_or(const cJSON *object, const char *name, cJSON *(*other)(void))
{
    const cJSON *found = json_member(object, name);
    return found && !cJSON_IsNull(found) ? cJSON_Duplicate(found, true) : other();
}

static void add_text(cJSON *out, const char *name, const cJSON *object, const char *from)
{
    const cJSON *found = json_member(object, from);
    cJSON_AddStringToObject(out, name, cJSON_IsString(found) ? found->valuestring : "");
}

/* ---- looking ---- */

static void add_tasks(cJSON *list, const cJSON *entries)
{
    const cJSON *e;
    cJSON_ArrayForEach(e, entries) {
        cJSON *t = cJSON_CreateObject();
        const cJSON *running = json_member(e, "running_ms");
        add_text(t, "id", e, "id");
        add_text(t, "name", e, "task");
        cJSON_AddItemToObject(t, "args", copy_or(e, "args", cJSON_CreateArray));
        cJSON_AddItemToObject(t, "kwargs", copy_or(e, "kwargs", cJSON_CreateObject));
        add_text(t, "type", e, "task");
        add_text(t, "hostname", e, "worker");
        add_text(t, "worker", e, "worker");
        if (cJSON_IsNumber(running))
            cJSON_AddNumberToObject(t, "time_start", ((double)wall_ms() - running->valuedouble) / 1000);
        else if (running)
            cJSON_AddNullToObject(t, "time_start"); /* its worker has not told yet */
        if (json_member(e, "eta")) cJSON_AddItemToObject(t, "eta", cJSON_Duplicate(json_member(e, "eta"), true));
        if (json_member(e, "expires"))
            cJSON_AddItemToObject(t, "expires", cJSON_Duplicate(json_member(e, "expires"), true));
        cJSON_AddItemToArray(list, t);
    }
}

static void add_local(cJSON *list, const struct web *web)
{
    for (const struct action *a = NULL; (a = action_next(web->actions, a)) != NULL;) {
        if (!a->is_local || a->state != ACTION_RUNNING) continue;
        cJSON *t = cJSON_CreateObject();
        cJSON_AddStringToObject(t, "id", a->id);
        cJSON_AddStringToObject(t, "name", a->task);
        cJSON_AddItemToObject(t, "args", cJSON_CreateArray());
        cJSON_AddItemToObject(t, "kwargs", cJSON_Duplicate(a->kwargs, true));
        cJSON_AddStringToObject(t, "type", a->task);
        cJSON_AddStringToObject(t, "hostname", "web");
        cJSON_AddStringToObject(t, "worker", "web");
        cJSON_AddNumberToObject(t, "time_start", (double)a->started_ms / 1000);
        cJSON_AddItemToArray(list, t);
    }
}

static cJSON *active_tasks(const struct web *web, const cJSON *entries)
{
    cJSON *out = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(out, "active_tasks");
    add_tasks(list, entries);
    add_local(list, web);
    cJSON_AddNumberToObject(out, "total_active", cJSON_GetArraySize(list));
    add_now(out, "checked_at");
    return out;
}

static cJSON *worker_stats(const cJSON *entries)
{
    cJSON *out = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(out, "workers");
    const cJSON *e;
    cJSON_ArrayForEach(e, entries) {
        cJSON *w = cJSON_CreateObject();
        add_text(w, "name", e, json_member(e, "node") ? "node" : "id");
        cJSON_AddStringToObject(w, "status", "online");
        cJSON_AddItemToObject(w, "stats", cJSON_Duplicate(e, true));
        cJSON_AddItemToArray(list, w);
    }
    cJSON_AddNumberToObject(out, "total_workers", cJSON_GetArraySize(list));
    add_now(out, "checked_at");
    return out;
}

struct worker_view {
    void (*then)(struct req *r, const cJSON *entries);
    cJSON *workers; /* of the status page, which looks twice */
};

static void on_entries(void *arg, const cJSON *entries, const struct err *err)
{
    struct req *r = arg;
    struct worker_view *v = r->state;
    if (err)
        reply_err(r, err);
    else
        v->then(r, entries);
}

/* Asks the queue; without one the list is empty. */
static void look(struct req *r, enum queue_view what, void (*then)(struct req *r, const cJSON *entries))
{
    struct worker_view *v = r->state ? r->state : req_alloc(r, sizeof *v);
    struct err err = {0};
    v->then = then;
    r->state = v;
    if (!r->web->queue)
        then(r, NULL);
    else if (queue_list(r->web->queue, what, NULL, 0, 1000, on_entries, r, &err) != 0)
        reply_err(r, &err);
}

static void then_active(struct req *r, const cJSON *entries)
{
    reply_cjson_take(r, 200, active_tasks(r->web, entries));
}

void web_scheduler_active(struct req *r)
{
    look(r, QUEUE_UNACKED, then_active);
}

static void then_scheduled(struct req *r, const cJSON *entries)
{
    cJSON *out = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(out, "scheduled_tasks");
    add_tasks(list, entries);
    cJSON_AddNumberToObject(out, "total_scheduled", cJSON_GetArraySize(list));
    add_now(out, "checked_at");
    reply_cjson_take(r, 200, out);
}

void web_scheduler_scheduled(struct req *r)
{
    look(r, QUEUE_SCHEDULED, then_scheduled);
}

static void then_workers(struct req *r, const cJSON *entries)
{
    reply_cjson_take(r, 200, worker_stats(entries));
}

void web_scheduler_workers(struct req *r)
{
    look(r, QUEUE_WORKERS, then_workers);
}

/* ---- status and settings ---- */

/* Seconds between two runs; of a crontab, between the next one and that behind it. */
static int64_t seconds_between(const struct schedule_entry *e)
{
    if (e->every_ms) return e->every_ms / 1000;
    int64_t next_s = crontab_next(&e->crontab, wall_ms() / 1000);
    return next_s < 0 ? 0 : crontab_next(&e->crontab, next_s) - next_s;
}

static void add_schedule(cJSON *out, const struct schedule_entry *e)
{
    cJSON *s = cJSON_AddObjectToObject(out, e->name);
    cJSON_AddStringToObject(s, "task", e->task);
    cJSON_AddNumberToObject(s, "schedule", (double)seconds_between(e));
    cJSON_AddStringToObject(cJSON_AddObjectToObject(s, "options"), "queue", e->queue);
}

static void then_status_active(struct req *r, const cJSON *entries)
{
    struct worker_view *v = r->state;
    const struct conf *conf = r->web->conf;
    bool is_on = conf_bool(conf, SET_BACKGROUND_SYNC);
    struct schedule plan;
    struct err err = {0};
    if (schedule_from_conf(conf, &plan, &err) < 0) log_warning("%s", err.text); /* up to there it is right */
    cJSON *out = cJSON_CreateObject();
    cJSON_AddBoolToObject(out, "scheduler_enabled", is_on);
    cJSON *schedule = cJSON_AddObjectToObject(out, "beat_schedule");
    for (int i = 0; i < plan.count; i++) add_schedule(schedule, &plan.entries[i]);
    cJSON_AddItemToObject(out, "worker_stats", v->workers);
    cJSON_AddItemToObject(out, "active_tasks", active_tasks(r->web, entries));
    cJSON_AddBoolToObject(out, "background_sync_enabled", is_on);
    cJSON_AddNumberToObject(out, "sync_interval_seconds", (double)conf_int(conf, SET_SYNC_INTERVAL));
    add_now(out, "checked_at");
    v->workers = NULL;
    reply_cjson_take(r, 200, out);
}

static void forget_workers(void *view)
{
    struct worker_view *v = view;
    cJSON_Delete(v->workers);
    v->workers = NULL;
}

static void then_status_workers(struct req *r, const cJSON *entries)
{
    struct worker_view *v = r->state;
    v->workers = worker_stats(entries);
    req_on_end(r, forget_workers, v);
    look(r, QUEUE_UNACKED, then_status_active);
}

void web_scheduler_status(struct req *r)
{
    look(r, QUEUE_WORKERS, then_status_workers);
}

#define DAY_S (24 * 60 * 60)

/* Between two cleanups; 0: there are none. */
static int64_t cleanup_days(const struct conf *conf)
{
    struct schedule plan;
    struct err err = {0};
    if (schedule_from_conf(conf, &plan, &err) < 0) return 0;
    for (int i = 0; i < plan.count; i++)
        if (plan.entries[i].setting == SET_BEAT_CLEANUP) return (seconds_between(&plan.entries[i]) + DAY_S - 1) / DAY_S;
    return 0;
}

/* Tries and delays are set for each type; told are the largest. */
static void then_config(struct req *r, const PGresult *result)
{
    const struct conf *conf = r->web->conf;
    cJSON *out = cJSON_CreateObject();
    cJSON_AddBoolToObject(out, "background_sync_enabled", conf_bool(conf, SET_BACKGROUND_SYNC));
    cJSON_AddNumberToObject(out, "sync_interval_seconds", (double)conf_int(conf, SET_SYNC_INTERVAL));
    cJSON_AddNumberToObject(out, "max_concurrent_tasks", (double)conf_int(conf, SET_WORKER_CONCURRENCY));
    cJSON_AddNumberToObject(out, "task_timeout_seconds", (double)conf_int(conf, SET_TASK_HARD_LIMIT));
    cJSON_AddNumberToObject(out, "retry_attempts", strtod(PQgetvalue(result, 0, 0), NULL));
    cJSON_AddNumberToObject(out, "retry_delay_seconds", strtod(PQgetvalue(result, 0, 1), NULL));
    cJSON_AddBoolToObject(out, "cleanup_enabled", conf_is_set(conf, SET_BEAT_CLEANUP));
    cJSON_AddNumberToObject(out, "cleanup_interval_days", (double)cleanup_days(conf));
    reply_cjson_take(r, 200, out);
}

void web_scheduler_config(struct req *r)
{
    req_query(r, &query_retry_limits, 0, NULL, then_config);
}

/* ---- starting ---- */

static void started(struct req *r, cJSON *out, const char *id, const struct err *err)
{
    cJSON_AddBoolToObject(out, "success", id != NULL);
    if (id) cJSON_AddStringToObject(out, "task_id", id);
    if (!id) {
        const char *why = fault_told(r, err);
        cJSON_AddStringToObject(out, "error", why);
        cJSON_AddStringToObject(out, "detail", why); /* as in every refusal */
    }
    add_now(out, "started_at");
    static const char *const names[] = {"task_id", "project_id", "project_ids", "project_count", "sync_type", "error"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) /* clients know every member */
        if (!cJSON_GetObjectItemCaseSensitive(out, names[i])) cJSON_AddNullToObject(out, names[i]);
    reply_cjson_take(r, id ? 200 : 503, out);
}

static const char *start(struct req *r, const char *task, cJSON *kwargs, struct err *err)
{
    const char *id = action_start(r->web->actions, task, "sync", kwargs, 0, NULL, NULL, err);
    return id ? req_strdup(r, id) : NULL;
}

void web_scheduler_sync_project(struct req *r)
{
    struct err err = {0};
    bool is_forced = req_arg_bool(r, "force_sync");
    cJSON *kwargs = cJSON_CreateObject(), *out = cJSON_CreateObject();
    cJSON_AddStringToObject(kwargs, "project_id", req_param(r, 0));
    cJSON_AddBoolToObject(kwargs, "force_sync", is_forced);
    if (req_arg_bool(r, "dry_run")) cJSON_AddTrueToObject(kwargs, "dry_run");
    cJSON_AddStringToObject(out, "project_id", req_param(r, 0));
    cJSON_AddStringToObject(out, "sync_type", "project");
    cJSON_AddBoolToObject(out, "force_sync", is_forced);
    started(r, out, start(r, TASK_SYNC "sync_project_task", kwargs, &err), &err);
}

void web_scheduler_sync_batch(struct req *r)
{
    struct err err = {0};
    if (cJSON_GetArraySize(r->body) == 0) {
        reply_detail(r, 400, "project_ids cannot be empty");
        return;
    }
    bool is_forced = req_arg_bool(r, "force_sync");
    cJSON *kwargs = cJSON_CreateObject(), *out = cJSON_CreateObject();
    cJSON_AddItemToObject(kwargs, "project_ids", cJSON_Duplicate(r->body, true));
    cJSON_AddBoolToObject(kwargs, "force_sync", is_forced);
    cJSON_AddItemToObject(out, "project_ids", cJSON_Duplicate(r->body, true));
    cJSON_AddNumberToObject(out, "project_count", cJSON_GetArraySize(r->body));
    cJSON_AddStringToObject(out, "sync_type", "batch");
    cJSON_AddBoolToObject(out, "force_sync", is_forced);
    started(r, out, start(r, TASK_SYNC "batch_sync_projects_task", kwargs, &err), &err);
}

void web_scheduler_sync_full(struct req *r)
{
    struct err err = {0};
    cJSON *kwargs = cJSON_CreateObject(), *out = cJSON_CreateObject();
    bool is_forced = req_arg_bool(r, "force_sync");
    cJSON_AddBoolToObject(kwargs, "force_sync", is_forced);
    if (req_arg_bool(r, "dry_run")) cJSON_AddTrueToObject(kwargs, "dry_run");
    cJSON_AddBoolToObject(out, "force_sync", is_forced);
    cJSON_AddStringToObject(out, "sync_type", "full");
    started(r, out, start(r, TASK_SYNC "full_sync_task", kwargs, &err), &err);
}
