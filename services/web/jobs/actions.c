/* See actions.h. Asking the queue for its workers comes first; what runs in a child is in child.c. */
#include "services/web/jobs/actions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/event.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "ipc/queue/queue.h"
#include "ipc/queue/task_counts.h"
#include "services/web/jobs/child.h"
#include "services/web/jobs/feed_watch.h"
#include "services/web/jobs/past.h"

/* What actions.h shows, and what is needed to run it. */
struct work {
    struct action shown; /* first, so that both are one address */
    struct actions *actions;
    struct work *next;
    char queue[64];
    action_fn fn;
    void *arg;
    struct result_wait *wait;
    struct job_child *child;
    int64_t child_since_us;
    struct event *deadline;
};

struct actions {
    struct web *web;
    struct work *list; /* newest first */
};

static void work_free(struct work *w)
{
    result_wait_cancel(w->wait);
    job_child_free(w->child);
    if (w->deadline) event_free(w->deadline);
    cJSON_Delete(w->shown.kwargs);
    cJSON_Delete(w->shown.result);
    free(w);
}

/* Forgets the oldest finished ones beyond what is kept. */
static void trim(struct actions *a)
{
    int kept = 0;
    for (struct work **at = &a->list, *w; (w = *at) != NULL;) {
        bool is_over = w->shown.state >= ACTION_DONE && !w->fn;
        if (!is_over || (w->shown.is_local && ++kept <= ACTION_KEPT)) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        work_free(w);
    }
}

static void tell(struct work *w, const cJSON *result, const struct err *err)
{
    action_fn fn = w->fn;
    w->fn = NULL;
    if (fn) fn(w->arg, result, err);
}

static void finish(struct work *w, const cJSON *result, const struct err *err)
{
    w->shown.state = err ? ACTION_FAILED : ACTION_DONE;
    w->shown.ended_ms = wall_ms();
    if (w->deadline) event_free(w->deadline);
    w->deadline = NULL;
    tell(w, result, err);
}

/* ---- in a child ---- */

static enum err_code code_of(const cJSON *result)
{
    static const enum err_code codes[] = {ERR_CONFIG,   ERR_INPUT, ERR_LIMIT, ERR_TIMEOUT, ERR_CANCELLED, ERR_NOT_FOUND,
                                          ERR_CONFLICT, ERR_AUTH,  ERR_REDIS, ERR_DB,      ERR_UPSTREAM};
    const char *word = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(result, "error_type"));
    for (size_t i = 0; word && i < sizeof codes / sizeof *codes; i++)
        if (strcmp(word, err_code_name(codes[i])) == 0) return codes[i];
    return ERR_SYSTEM;
}

/* For /metrics; what a worker runs, the worker counts. */
static void count(const struct work *w, enum err_code code, int status)
{
    struct web *web = w->actions->web;
    enum task_end end = code == ERR_CANCELLED ? TASK_REVOKED : code || status ? TASK_FAILURE : TASK_SUCCESS;
    task_counts_add(web->task_counts, w->shown.task, end, end == TASK_REVOKED ? -1 : mono_us() - w->child_since_us);
    task_counts_tell(web->task_counts, web->redis);
}

static void note_past(const struct work *w, const struct err *err, int status)
{
    const cJSON *message = cJSON_GetObjectItemCaseSensitive(w->shown.result, "message");
    bool is_failed = err->code || status;
    past_note(w->actions->web, &w->shown, w->queue,
              err->code == ERR_CANCELLED ? "revoked"
              : is_failed                ? "failure"
                                         : "success",
              err->code    ? err->text
              : !is_failed ? NULL
              : message    ? cJSON_GetStringValue(message)
                           : "its result says that it did not succeed",
              mono_us() - w->child_since_us);
}

static void on_child_end(void *arg, const char *output, int status)
{
    struct work *w = arg;
    struct err err = {0};
    w->child = NULL;
    w->shown.result = cJSON_Parse(output);
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(w->shown.result, "error_type");
    if (!w->shown.result)
        err_set(&err, ERR_SYSTEM, "the task ended without a result (%s %d)", status < 0 ? "signal" : "exit status",
                abs(status));
    else if (error && cJSON_GetObjectItemCaseSensitive(w->shown.result, "error"))
        err_set(&err, code_of(w->shown.result), "%s",
                cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(w->shown.result, "error")));
    count(w, err.code, status);
    note_past(w, &err, status);
    finish(w, err.code ? NULL : w->shown.result, err.code ? &err : NULL);
    feed_watch_look(w->actions->web->feed_watch);
    trim(w->actions);
}

static int children(const struct actions *a)
{
    int n = 0;
    for (const struct work *w = a->list; w; w = w->next) n += w->child != NULL;
    return n;
}

static void run_local(struct work *w)
{
    struct err err = {0};
    char *kwargs = cJSON_PrintUnformatted(w->shown.kwargs);
    w->shown.is_local = true;
    if (children(w->actions) >= ACTION_CHILDREN_MAX)
        err_set(&err, ERR_LIMIT, "%d manual tasks are running already; try again later", ACTION_CHILDREN_MAX);
    else if (kwargs)
        w->child = job_child_start(w->actions->web->base, w->shown.task, w->shown.id, kwargs, on_child_end, w, &err);
    cJSON_free(kwargs);
    w->child_since_us = mono_us();
    w->shown.state = ACTION_RUNNING;
    if (!w->child) finish(w, NULL, &err);
}

/* ---- through the queue ---- */

static void on_result(void *arg, const struct result *result, const struct err *err)
{
    struct work *w = arg;
    struct err why = {0};
    w->wait = NULL;
    if (err) {
        if (err->code != ERR_TIMEOUT) log_warning("task %s: %s", w->shown.id, err->text);
        why = *err;
    } else if (result->state != RESULT_SUCCESS) {
        bool is_input = result->error && strncmp(result->error, "ValueError", 10) == 0;
        err_set(&why,
                result->state == RESULT_REVOKED ? ERR_CANCELLED
                : is_input                      ? ERR_INPUT
                                                : ERR_UPSTREAM,
                "%s", result->error ? result->error : result->status);
    }
    finish(w, why.code ? NULL : result->value, why.code ? &why : NULL);
    trim(w->actions);
}

static void run_queued(struct work *w, int64_t timeout_ms)
{
    struct queue *q = w->actions->web->queue;
    struct task_options options = {.queue = w->queue, .task_id = w->shown.id};
    struct err err = {0};
    if (queue_send(q, w->shown.task, NULL, w->shown.kwargs, &options, NULL, NULL, NULL, &err) != 0) {
        run_local(w);
        return;
    }
    w->shown.state = ACTION_QUEUED;
    if (w->fn) w->wait = result_wait(q, w->shown.id, timeout_ms, NULL, on_result, w, &err);
    if (w->fn && !w->wait)
        finish(w, NULL, &err);
    else if (!w->fn)
        finish(w, NULL, NULL);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct work *w = arg;
    struct err err = {0};
    if (w->shown.state == ACTION_QUEUED) return; /* the wait for its result has the same deadline */
    err_set(&err, ERR_TIMEOUT, "the task is still running");
    tell(w, NULL, &err);
}

struct worker_choice {
    struct actions *actions;
    char id[UUID_TEXT_SIZE];
    int64_t timeout_ms;
};

static void on_stats(void *arg, const struct queue_stats *stats, const struct err *err)
{
    struct worker_choice *c = arg;
    struct work *w = (struct work *)action_find(c->actions, c->id);
    if (w && !err && stats && stats->workers > 0)
        run_queued(w, c->timeout_ms);
    else if (w)
        run_local(w);
    if (w) trim(c->actions);
    free(c);
}

static void on_begin(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker_choice *c = arg;
    struct queue *q = c->actions->web->queue;
    if (!q || queue_stats(q, on_stats, c, NULL) != 0) on_stats(c, NULL, &(struct err){.code = ERR_REDIS});
}

const char *action_start(struct actions *a, const char *task, const char *queue, cJSON *kwargs, int64_t timeout_ms,
                         action_fn fn, void *arg, struct err *err)
{
    struct work *w = calloc(1, sizeof *w);
    struct worker_choice *c = malloc(sizeof *c);
    if (!w || !c || !kwargs || !(w->deadline = evtimer_new(a->web->base, on_deadline, w))) {
        cJSON_Delete(kwargs);
        free(w);
        free(c);
        return err_set(err, ERR_NOMEM, "no memory"), NULL;
    }
    random_uuid4(w->shown.id);
    snprintf(w->shown.task, sizeof w->shown.task, "%s", task);
    snprintf(w->queue, sizeof w->queue, "%s", queue);
    w->shown.started_ms = wall_ms();
    w->shown.kwargs = kwargs;
    w->actions = a;
    w->fn = fn;
    w->arg = arg;
    w->next = a->list;
    a->list = w;
    *c = (struct worker_choice){.actions = a, .timeout_ms = timeout_ms};
    memcpy(c->id, w->shown.id, sizeof c->id);
    if (fn) event_add(w->deadline, &(struct timeval){.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000});
    event_base_once(a->web->base, -1, EV_TIMEOUT, on_begin, c, &(struct timeval){0});
    return w->shown.id;
}

/* ---- looking and ending ---- */

const struct action *action_find(const struct actions *a, const char *id)
{
    for (struct work *w = a->list; w; w = w->next)
        if (strcmp(w->shown.id, id) == 0) return &w->shown;
    return NULL;
}

const struct action *action_next(const struct actions *a, const struct action *after)
{
    struct work *w = after ? ((struct work *)after)->next : a->list;
    return w ? &w->shown : NULL;
}

bool action_terminate(struct actions *a, const char *id)
{
    struct work *w = (struct work *)action_find(a, id);
    if (!w || !w->child) return false;
    child_terminate(w->child);
    return true;
}

struct actions *actions_new(struct web *web)
{
    struct actions *a = calloc(1, sizeof *a);
    if (a) a->web = web;
    return a;
}

void actions_drain(struct actions *a)
{
    struct err err = {0};
    err_set(&err, ERR_CANCELLED, "this process stops; the task goes on");
    for (struct work *w = a->list; w; w = w->next) {
        if (w->shown.state != ACTION_QUEUED || !w->wait) continue;
        result_wait_cancel(w->wait);
        w->wait = NULL;
        finish(w, NULL, &err);
    }
}

void actions_free(struct actions *a)
{
    if (!a) return;
    for (struct work *w; (w = a->list) != NULL;) {
        a->list = w->next;
        work_free(w);
    }
    free(a);
}
