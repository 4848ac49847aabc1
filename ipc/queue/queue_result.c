/* Reading and awaiting results: see queue.h.
 *
 * Waiting follows Celery's clients: subscribe to the result's channel, then read the key once, then listen. After a
 * lost connection both are done again. A Redis that came back without its memory would let the wait hang until its
 * deadline: each wait takes a number from a counter in Redis, and a counter that went back says that what we wait for
 * is gone. */
#include "ipc/queue/queue_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <event2/event.h>

#include "conf/clock.h"
#include "ipc/queue/result.h"

#define SHOWN_MAX    "4194304" /* bytes of a result; the preview of a dry run has no more */
#define WAIT_TICK_MS 250
#define FORGOTTEN_MS 5000 /* a worker that still holds the task gets this long to say so */

struct result_wait {
    LIST_ENTRY(result_wait) link;
    struct queue *q;
    struct redis_sub *sub;
    struct event *timer;
    result_fn progress, fn;
    void *arg;
    char id[256];
    int64_t deadline_ms, forgotten_ms; /* 0 = not forgotten */
    int64_t clock;                     /* our number; 0 = not known yet */
    bool must_read, is_reading;
};

static const char *reply_text(const struct redis_answer *answer, size_t *len)
{
    const redisReply *reply = answer->reply;
    *len = reply && reply->type == REDIS_REPLY_STRING ? (size_t)reply->len : 0;
    return *len > 0 ? reply->str : NULL;
}

static void on_result(void *arg, const struct redis_answer *answer)
{
    struct queue_op *op = arg;
    if (op->q) {
        struct err err;
        struct result result;
        cJSON *owner = NULL;
        size_t len;
        const struct err *fault = queue_fault(answer, &err);
        const char *json = reply_text(answer, &len);
        if (!fault) result_decode(json, len, op->text, &result, &owner, &op->q->error);
        op->fn.result(op->arg, fault ? NULL : &result, fault);
        cJSON_Delete(owner);
    }
    queue_op_free(op);
}

int result_get(struct queue *q, const char *task_id, result_fn fn, void *arg, struct err *err)
{
    char key[QUEUE_KEY_SIZE];
    struct queue_op *op = queue_op_new(q, arg, err);
    if (!op) return -ERR_NOMEM;
    op->fn.result = fn;
    snprintf(op->text, sizeof op->text, "%s", task_id);
    const char *argv[] = {queue_result_key(&q->keys, key, task_id), SHOWN_MAX};
    return queue_accepted(op, redis_script(q->redis, "result", on_result, op, 1, 2, argv, NULL), err);
}

void result_wait_cancel(struct result_wait *w)
{
    if (!w) return;
    LIST_REMOVE(w, link);
    redis_unsubscribe(w->sub);
    if (w->timer) event_free(w->timer);
    struct queue_op *op;
    LIST_FOREACH(op, &w->q->ops, link)
        if (op->wait == w) op->wait = NULL;
    free(w);
}

/* Ends the wait, then calls: the callback may start another one, or free the queue. */
static void finish(struct result_wait *w, const struct result *result, const struct err *err)
{
    result_fn fn = w->fn;
    void *arg = w->arg;
    result_wait_cancel(w);
    fn(arg, result, err);
}

static void take_json(struct result_wait *w, const char *json, size_t len)
{
    struct result result;
    cJSON *owner = NULL;
    char id[sizeof w->id];
    memcpy(id, w->id, sizeof id);
    result_decode(json, len, id, &result, &owner, &w->q->error);
    if (result.state != RESULT_PENDING) w->forgotten_ms = 0;
    if (result_is_ready(result.state))
        finish(w, &result, NULL);
    else if (w->progress && result.state != RESULT_PENDING)
        w->progress(w->arg, &result, NULL);
    cJSON_Delete(owner);
}

static void on_read(void *arg, const struct redis_answer *answer)
{
    struct queue_op *op = arg;
    struct result_wait *w = op->q ? op->wait : NULL;
    size_t len;
    queue_op_free(op);
    if (!w) return;
    w->is_reading = false;
    const char *json = reply_text(answer, &len);
    if (answer->fault != REDIS_FINE)
        w->must_read = true; /* by the next tick */
    else
        take_json(w, json, len);
}

static void on_clock(void *arg, const struct redis_answer *answer)
{
    struct queue_op *op = arg;
    struct result_wait *w = op->q ? op->wait : NULL;
    if (w && answer->reply && answer->reply->type == REDIS_REPLY_INTEGER) {
        if (w->clock >= answer->reply->integer) w->forgotten_ms = mono_ms();
        w->clock = answer->reply->integer;
    }
    queue_op_free(op);
}

/* Counter first, then the result; both in one round trip. */
static void read_now(struct result_wait *w)
{
    char key[QUEUE_KEY_SIZE];
    struct queue *q = w->q;
    struct queue_op *clock = redis_is_up(q->redis) && !w->is_reading ? queue_op_new(q, NULL, NULL) : NULL;
    if (!clock) return;
    struct queue_op *read = queue_op_new(q, NULL, NULL);
    if (!read) {
        queue_op_free(clock);
        return;
    }
    clock->wait = read->wait = w;
    const char *count[] = {"INCR", queue_key(&q->keys, key, KEY_CLOCK, "")};
    if (queue_accepted(clock, redis_command(q->redis, on_clock, clock, 2, count, NULL), NULL) != 0) {
        queue_op_free(read);
        return;
    }
    const char *get[] = {"GET", queue_result_key(&q->keys, key, w->id)};
    if (queue_accepted(read, redis_command(q->redis, on_read, read, 2, get, NULL), NULL) != 0) return;
    w->is_reading = true;
    w->must_read = false;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct result_wait *w = arg;
    struct err err;
    int64_t now = mono_ms();
    if (w->forgotten_ms && now - w->forgotten_ms >= FORGOTTEN_MS) {
        err_set(&err, ERR_REDIS, "Redis has lost its data, and the task with it");
        finish(w, NULL, &err);
    } else if (now >= w->deadline_ms) {
        err_set(&err, ERR_TIMEOUT, "task %s is not ready in time", w->id);
        finish(w, NULL, &err);
    } else if (w->must_read || *redis_missing(w->q->redis)) { /* nobody may tell us */
        read_now(w);
    }
}

static void on_channel(void *arg, enum redis_sub_event event, const char *channel, const char *payload, size_t len)
{
    (void)channel;
    struct result_wait *w = arg;
    if (event == REDIS_SUB_MESSAGE) {
        take_json(w, payload, len);
    } else if (event == REDIS_SUB_READY) {
        w->must_read = true;
        read_now(w);
    }
}

static struct redis *listener(struct queue *q, struct err *err)
{
    if (q->listener) return q->listener;
    q->listener = redis_new(q->base, redis_where(q->redis), "logikald-results", err);
    if (q->listener) redis_start(q->listener);
    return q->listener;
}

struct result_wait *result_wait(struct queue *q, const char *task_id, int64_t timeout_ms, result_fn progress,
                                result_fn fn, void *arg, struct err *err)
{
    char channel[QUEUE_KEY_SIZE];
    struct redis *r = listener(q, err);
    struct result_wait *w = r ? calloc(1, sizeof *w) : NULL;
    if (!w) {
        if (r) err_set(err, ERR_NOMEM, "no memory to wait for a result");
        return NULL;
    }
    struct timeval tick = {.tv_usec = WAIT_TICK_MS * 1000};
    w->q = q;
    w->progress = progress;
    w->fn = fn;
    w->arg = arg;
    w->deadline_ms = mono_ms() + timeout_ms;
    snprintf(w->id, sizeof w->id, "%s", task_id);
    LIST_INSERT_HEAD(&q->waits, w, link);
    w->timer = event_new(q->base, -1, EV_PERSIST, on_tick, w);
    if (timeout_ms < WAIT_TICK_MS) tick.tv_usec = (suseconds_t)(timeout_ms > 0 ? timeout_ms * 1000 : 1000);
    w->sub = redis_subscribe(r, queue_result_key(&q->keys, channel, task_id), on_channel, w);
    if (!w->timer || !w->sub || event_add(w->timer, &tick) != 0) {
        err_set(err, ERR_NOMEM, "no memory to wait for a result");
        result_wait_cancel(w);
        return NULL;
    }
    return w;
}
