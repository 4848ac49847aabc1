/* What Celery's monitors hear: worker and task events, as PUBLISHes that are lost when nobody listens. So that work is
 * not slowed by events nobody wants, task events are made only while somebody listens: each heartbeat (every 2 s)
 * tells how many have received it, and a monitor that starts asks for one. Task events go out in batches. */
#include "services/worker/worker_internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "conf/version.h"

#define HEARTBEAT_S 2
#define BATCH_COUNT 64

/* Hours west of UTC, rounded down, of this machine's zone now: what monitors correct our timestamps by. */
static int utc_offset(void)
{
    time_t now = time(NULL);
    struct tm local;
    localtime_r(&now, &local);
    long west = -local.tm_gmtoff;
    return (int)(west >= 0 ? west / 3600 : -((-west + 3599) / 3600));
}

int64_t events_clock(struct worker *w)
{
    return ++w->clock;
}

void events_heard(struct worker *w, int64_t clock)
{
    if (clock > w->clock && clock < INT64_MAX / 2) w->clock = clock;
    w->clock++;
}

static void add_common(struct worker *w, struct buf *out, const char *type)
{
    buf_printf(
        out,
        "{\"hostname\": \"%s\", \"utcoffset\": %d, \"pid\": %d, \"clock\": %lld, \"timestamp\": %.6f, \"type\": \"%s\"",
        w->node, utc_offset(), (int)getpid(), (long long)events_clock(w), (double)wall_us() / 1e6, type);
}

static void on_published(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    if (answer->fault == REDIS_FINE && answer->reply->type == REDIS_REPLY_INTEGER)
        w->has_listeners = answer->reply->integer > 0;
}

static void publish(struct worker *w, const char *routing_key, const struct buf *body, redis_fn fn)
{
    char channel[QUEUE_KEY_SIZE], headers[350], rest[128];
    struct buf message = {0};
    snprintf(headers, sizeof headers, "{\"hostname\": \"%s\"}", w->node);
    message_wrap(&message, body->data, body->len, headers, "celeryev", routing_key);
    snprintf(rest, sizeof rest, "celeryev/%s", routing_key);
    const char *argv[] = {"PUBLISH", queue_channel(&w->keys, channel, rest), message.data};
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
               HEARTBEAT_S, w->sent_count, (long long)w->pool.processed, load[0], load[1], load[2], version_text);
    snprintf(routing_key, sizeof routing_key, "%s", type);
    for (char *c = routing_key; *c; c++)
        if (*c == '-') *c = '.';
    publish(w, routing_key, &body, on_published);
    buf_free(&body);
}

static void flush(struct worker *w)
{
    if (w->event_count == 0) return;
    buf_char(&w->event_batch, ']');
    if (redis_is_up(w->redis)) publish(w, "task.multi", &w->event_batch, NULL);
    buf_reset(&w->event_batch);
    w->event_count = 0;
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    flush(arg);
}

static void add_text(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, ", \"%s\": ", name);
    if (value)
        buf_json_string(out, value, strlen(value));
    else
        buf_str(out, "null");
}

static void add_received(struct buf *out, const struct held *h)
{
    add_text(out, "name", h->m.name);
    add_text(out, "args", h->m.args_repr);
    add_text(out, "kwargs", h->m.kwargs_repr);
    add_text(out, "root_id", h->m.root_id);
    add_text(out, "parent_id", h->m.parent_id);
    buf_printf(out, ", \"retries\": %d", h->m.retries);
    add_text(out, "eta", h->m.eta);
    add_text(out, "expires", h->m.expires);
}

void events_task(struct worker *w, enum event_kind kind, const struct held *h, const char *text, const char *traceback,
                 int64_t runtime_us)
{
    static const char *const types[] = {"task-received", "task-started", "task-succeeded",
                                        "task-failed",   "task-retried", "task-revoked"};
    struct buf *out = &w->event_batch;
    if (!w->has_listeners || !h->m.id) return;
    buf_str(out, w->event_count == 0 ? "[" : ", ");
    add_common(w, out, types[kind]);
    add_text(out, "uuid", h->m.id);
    switch (kind) {
    case EVENT_RECEIVED: add_received(out, h); break;
    case EVENT_STARTED: break;
    case EVENT_SUCCEEDED:
        add_text(out, "result", text ? text : "None");
        buf_printf(out, ", \"runtime\": %.6f", (double)runtime_us / 1e6);
        break;
    case EVENT_FAILED:
    case EVENT_RETRIED:
        add_text(out, "exception", text ? text : "");
        add_text(out, "traceback", traceback ? traceback : "");
        break;
    case EVENT_REVOKED: {
        bool is_terminated = text && strcmp(text, "terminated") == 0;
        buf_printf(out, ", \"terminated\": %s, \"signum\": %s, \"expired\": %s", is_terminated ? "true" : "false",
                   is_terminated ? "15" : "null", text && strcmp(text, "expired") == 0 ? "true" : "false");
        break;
    }
    }
    buf_char(out, '}');
    if (out->failed) { /* events may be lost, work may not */
        buf_reset(out);
        w->event_count = 0;
    } else if (++w->event_count >= BATCH_COUNT) {
        flush(w);
    } else {
        event_active(w->event_flush, EV_TIMEOUT, 0);
    }
}

static void on_heartbeat(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *w = arg;
    if (!w->is_registered || w->is_leaving) return;
    events_worker(w, "worker-heartbeat");
    task_counts_tell(w->counts, w->redis); /* in the same round trip */
}

int events_open(struct worker *w, struct err *err)
{
    struct timeval tv = {.tv_sec = HEARTBEAT_S};
    w->beat_timer = event_new(w->base, -1, EV_PERSIST, on_heartbeat, w);
    w->event_flush = event_new(w->base, -1, 0, on_flush, w);
    if (!w->beat_timer || !w->event_flush || event_add(w->beat_timer, &tv) != 0)
        return err_set(err, ERR_NOMEM, "no memory for a timer");
    return 0;
}

void events_close(struct worker *w)
{
    if (w->beat_timer) event_free(w->beat_timer);
    if (w->event_flush) event_free(w->event_flush);
    buf_free(&w->event_batch);
}
