/* What Celery's monitors hear: worker and task events, as PUBLISHes that are lost when nobody listens. So that work is
 * not slowed by events nobody wants, task events are made only while somebody listens: each heartbeat (every 2 s)
 * tells how many have received it, and a monitor that starts asks for one. Task events go out in batches. */
#include "services/worker/events/events.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "conf/version.h"

#define HEARTBEAT_S 2
#define BATCH_COUNT 64

struct events {
    struct event *beat, *flush;
    bool (*on_beat)(struct worker *w);
    struct buf batch;
    int count;
    bool has_listeners, are_tasks_muted; /* muted: by remote control */
    int64_t clock, done;
};

/* Hours west of UTC, rounded down, of this machine's zone now: what monitors correct our timestamps by. */
static int utc_offset(void)
{
    time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    long west = -local.tm_gmtoff;
    return (int)(west >= 0 ? west / 3600 : -((-west + 3599) / 3600));
}

int64_t events_clock(const struct worker *w)
{
    return w->events->clock;
}

int64_t events_tick(struct worker *w)
{
    return ++w->events->clock;
}

bool events_have_listeners(const struct worker *w)
{
    return w->events->has_listeners && !w->events->are_tasks_muted;
}

bool events_of_tasks(struct worker *w, bool is_on)
{
    bool is_news = w->events->are_tasks_muted == is_on;
    w->events->are_tasks_muted = !is_on;
    return is_news;
}

void events_count_done(struct worker *w)
{
    w->events->done++;
}

int64_t events_done_count(const struct worker *w)
{
    return w->events->done;
}

void events_heard(struct worker *w, int64_t clock)
{
    struct events *e = w->events;
    if (clock > e->clock && clock < INT64_MAX / 2) e->clock = clock;
    e->clock++;
}

static void add_common(struct worker *w, struct buf *out, const char *type)
{
    buf_printf(
        out,
        "{\"hostname\": \"%s\", \"utcoffset\": %d, \"pid\": %d, \"clock\": %lld, \"timestamp\": %.6f, \"type\": \"%s\"",
        w->node, utc_offset(), (int)getpid(), (long long)events_tick(w), (double)wall_us() / 1e6, type);
}

static void on_published(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    if (answer->fault == REDIS_FINE && answer->reply->type == REDIS_REPLY_INTEGER)
        w->events->has_listeners = answer->reply->integer > 0;
}

static void publish(struct worker *w, const char *routing_key, const struct buf *body, redis_fn fn)
{
    char channel[QUEUE_KEY_SIZE], headers[350];
    struct buf message = {0};
    snprintf(headers, sizeof headers, "{\"hostname\": \"%s\"}", w->node);
    message_wrap(&message, body->data, body->len, headers, w->keys.events, routing_key);
    const char *argv[] = {"PUBLISH", queue_event_channel(&w->keys, channel, routing_key), message.data};
    const size_t lens[] = {7, strlen(channel), message.len};
    if (!message.failed && !body->failed) redis_command(w->redis, fn, w, 3, argv, lens);
    buf_free(&message);
}

void events_worker(struct worker *w, const char *type)
{
    double load[3] = {0};
    char routing_key[64];
    struct buf body = {0};
    if (!redis_is_up(w->redis)) return;
    getloadavg(load, 3);
    add_common(w, &body, type);
    buf_printf(&body,
               ", \"freq\": %d.0, \"active\": %d, \"processed\": %lld, \"loadavg\": [%.2f, %.2f, %.2f], "
               "\"sw_ident\": \"logikald\", \"sw_ver\": \"%s\", \"sw_sys\": \"Linux\"}",
               HEARTBEAT_S, deliveries_count(w, DELIVERY_SENT), (long long)w->events->done, load[0], load[1], load[2],
               version_text);
    snprintf(routing_key, sizeof routing_key, "%s", type);
    for (char *c = routing_key; *c; c++)
        if (*c == '-') *c = '.';
    publish(w, routing_key, &body, on_published);
    buf_free(&body);
}

static void flush(struct worker *w)
{
    struct events *e = w->events;
    if (e->count == 0) return;
    buf_char(&e->batch, ']');
    if (redis_is_up(w->redis)) publish(w, "task.multi", &e->batch, NULL);
    buf_reset(&e->batch);
    e->count = 0;
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    flush(arg);
}

static void add_received(struct buf *out, const struct delivery *d)
{
    buf_json_member(out, "name", d->m.name);
    buf_json_member(out, "args", d->m.args_repr);
    buf_json_member(out, "kwargs", d->m.kwargs_repr);
    buf_json_member(out, "root_id", d->m.root_id);
    buf_json_member(out, "parent_id", d->m.parent_id);
    buf_printf(out, ", \"retries\": %d", d->m.retries);
    buf_json_member(out, "eta", d->m.eta);
    buf_json_member(out, "expires", d->m.expires);
}

static void add_end(struct buf *out, const char *text, const char *traceback)
{
    buf_json_member(out, "exception", text ? text : "");
    buf_json_member(out, "traceback", traceback ? traceback : "");
}

static void add_revoked(struct buf *out, const char *word)
{
    bool is_terminated = word && strcmp(word, "terminated") == 0;
    buf_printf(out, ", \"terminated\": %s, \"signum\": %s, \"expired\": %s", is_terminated ? "true" : "false",
               is_terminated ? "15" : "null", word && strcmp(word, "expired") == 0 ? "true" : "false");
}

static void begin(struct worker *w, const char *type, const char *id)
{
    struct events *e = w->events;
    buf_str(&e->batch, e->count == 0 ? "[" : ", ");
    add_common(w, &e->batch, type);
    buf_json_member(&e->batch, "uuid", id);
}

static void end(struct worker *w)
{
    struct events *e = w->events;
    buf_char(&e->batch, '}');
    if (e->batch.failed) { /* events may be lost, work may not */
        buf_reset(&e->batch);
        e->count = 0;
    } else if (++e->count >= BATCH_COUNT) {
        flush(w);
    } else {
        event_active(e->flush, EV_TIMEOUT, 0);
    }
}

void events_task(struct worker *w, enum event_kind kind, const struct delivery *d, const char *text,
                 const char *traceback, int64_t runtime_us)
{
    static const char *const types[] = {"task-received", "task-started", "task-succeeded",
                                        "task-failed",   "task-retried", "task-revoked"};
    struct buf *out = &w->events->batch;
    if (!events_have_listeners(w) || !d->m.id) return;
    begin(w, types[kind], d->m.id);
    switch (kind) {
    case EVENT_RECEIVED: add_received(out, d); break;
    case EVENT_STARTED: break;
    case EVENT_SUCCEEDED:
        buf_json_member(out, "result", text ? text : "None");
        buf_printf(out, ", \"runtime\": %.6f", (double)runtime_us / 1e6);
        break;
    case EVENT_FAILED:
    case EVENT_RETRIED: add_end(out, text, traceback); break;
    case EVENT_REVOKED: add_revoked(out, text); break;
    }
    end(w);
}

void events_revoked_id(struct worker *w, const char *task_id)
{
    if (!events_have_listeners(w)) return;
    begin(w, "task-revoked", task_id);
    add_revoked(&w->events->batch, "revoked");
    end(w);
}

static void on_heartbeat(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *w = arg;
    if (w->events->on_beat && w->events->on_beat(w)) events_worker(w, "worker-heartbeat");
}

void events_on_heartbeat(struct worker *w, bool (*beat)(struct worker *w))
{
    w->events->on_beat = beat;
}

int events_open(struct worker *w, struct err *err)
{
    struct timeval tv = {.tv_sec = HEARTBEAT_S};
    struct events *e = w->events = calloc(1, sizeof *e);
    if (e) e->beat = event_new(w->base, -1, EV_PERSIST, on_heartbeat, w);
    if (e) e->flush = event_new(w->base, -1, 0, on_flush, w);
    if (!e || !e->beat || !e->flush || event_add(e->beat, &tv) != 0)
        return err_set(err, ERR_NOMEM, "no memory for a timer");
    return 0;
}

void events_close(struct worker *w)
{
    struct events *e = w->events;
    if (!e) return;
    if (e->beat) event_free(e->beat);
    if (e->flush) event_free(e->flush);
    buf_free(&e->batch);
    free(e);
    w->events = NULL;
}
