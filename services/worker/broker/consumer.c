/* Fetches messages, as many as there is room for, and waits in the server while the queues are empty. */
#include "services/worker/broker/consumer.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "ipc/queue/queue.h"
#include "ipc/redis/script_call.h"
#include "services/worker/complaint.h"
#include "services/worker/delivery.h"
#include "services/worker/dispatch/dispatch.h"
#include "services/worker/dispatch/intake.h"

#define POLL_MS       200
#define REST_MS       20 /* more is due than was moved at once: a Redis that is full moves nothing */
#define WAIT_S        "4"
#define WAIT_LIMIT_MS 12000
#define IN_HAND_BYTES (4 << 20)       /* of messages; a larger one comes alone */
#define PILE_MAX      (4 * BATCH_MAX) /* outcomes that Redis has not taken: no more work until it does */
#define ALONG_MAX     32              /* messages that come with the wake-up */
#define ALONG_BYTES   (128 << 10)     /* of them together; what is larger is fetched */
#define EMPTY_US      5000            /* for so long queues that were found empty are waited for, not looked at */

/* A fetch under way. */
struct asked {
    struct worker *worker;
    struct queue_waiter *waiter; /* NULL = the worker's own connection */
    bool is_out;
    int first, limit; /* queue served first */
    int64_t tag;      /* number of the first */
    char epoch[72];
};

struct queue_waiter {
    struct worker *worker;
    struct redis *redis;
    char queue[128];
    bool is_armed, is_paused, is_woken;
    struct asked asked;
};

struct consumer {
    struct queue_waiter *waiters[QUEUE_NAMES_MAX];
    int count, first;
    struct event *poll;
    struct redis_sub *resumed;
    struct asked asked;
    int64_t next_tag, empty_us; /* when all lists were found empty */
    struct complaint refused;
    void (*on_doubt)(struct worker *w);
    void (*on_lost)(struct worker *w);
    bool (*may_fetch)(const struct worker *w);
};

static void on_fetched(void *arg, const struct redis_answer *answer);

static void poll_in(struct worker *w, int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    evtimer_add(w->consumer->poll, &tv);
}

static bool may_fetch(const struct worker *w)
{
    return !w->is_stopping && w->consumer->count > 0 && redis_is_up(w->redis) && w->consumer->may_fetch &&
           w->consumer->may_fetch(w);
}

/* How many more messages may come in. */
static int room(const struct worker *w)
{
    int piled = deliveries_count(w, DELIVERY_OVER) + deliveries_count(w, DELIVERY_ENDING);
    int ready = deliveries_count(w, DELIVERY_READY), sent = deliveries_count(w, DELIVERY_SENT);
    if (piled > PILE_MAX || deliveries_count(w, DELIVERY_RETURNING) > PILE_MAX) return 0;
    if (deliveries_bytes(w) >= IN_HAND_BYTES) return 0;
    return dispatch_want(w) - ready - sent;
}

/* ---- fetching ---- */
static bool fetch(struct worker *w, struct asked *a, struct redis *redis, int limit, int64_t bytes)
{
    static const char *const names[] = {
        KEY_UNACKED,   KEY_UNACKED_INDEX,      KEY_HELD,          KEY_HISTORY, KEY_REGISTERED,
        KEY_SCHEDULED, KEY_SCHEDULED_MESSAGES, KEY_SCHEDULED_IDS, KEY_PAUSED};
    struct consumer *in = w->consumer;
    struct script_call c = {0};
    char key[QUEUE_KEY_SIZE];
    script_call_keys(&c, &w->keys, names, 9, 1u << 2, w->id);
    for (int step = 0; step < w->keys.step_count; step++)
        for (int i = 0; i < in->count; i++)
            script_call_key(&c, queue_step_key(&w->keys, key, in->waiters[(in->first + i) % in->count]->queue, step));
    a->first = in->first;
    a->limit = limit;
    a->tag = in->next_tag;
    in->next_tag += limit;
    memcpy(a->epoch, w->epoch, sizeof a->epoch);
    script_call_text(&c, w->id);
    script_call_text(&c, w->epoch);
    script_call_number(&c, a->tag);
    script_call_number(&c, limit);
    script_call_number(&c, bytes);
    script_call_text(&c, a->waiter ? "1" : "0");
    script_call_number(&c, in->count);
    for (int i = 0; i < in->count; i++) script_call_text(&c, in->waiters[(in->first + i) % in->count]->queue);
    a->is_out = script_call_run(&c, redis, "fetch", on_fetched, a) == 0;
    return a->is_out;
}

/* ---- waiting ---- */
static void on_waiter(void *arg, const struct redis_answer *answer)
{
    struct queue_waiter *t = arg;
    t->is_armed = t->asked.is_out;
    t->is_woken = answer->fault == REDIS_FINE && answer->reply->type != REDIS_REPLY_NIL;
    if (t->is_woken && !t->is_armed) consumer_wake(t->worker); /* the fetch behind it could not be sent */
}

/* The fetch stands behind the wait on one connection: the server does it as soon as there is something, and the
 * messages come with the wake-up, without another round trip. */
static void arm_waiters(struct worker *w)
{
    char key[QUEUE_KEY_SIZE];
    int limit = may_fetch(w) ? room(w) : 0;
    if (limit <= 0) return;
    if (limit > ALONG_MAX) limit = ALONG_MAX;
    for (int i = 0; i < w->consumer->count; i++) {
        struct queue_waiter *t = w->consumer->waiters[i];
        if (t->is_armed || t->is_paused || !redis_is_up(t->redis)) continue;
        queue_step_key(&w->keys, key, t->queue, 0);
        const char *argv[] = {"BLMOVE", key, key, "RIGHT", "RIGHT", WAIT_S};
        t->is_woken = false;
        t->is_armed = redis_command_within(t->redis, WAIT_LIMIT_MS, on_waiter, t, 6, argv, NULL) == 0;
        if (t->is_armed) fetch(w, &t->asked, t->redis, limit, ALONG_BYTES);
    }
}

static void on_waiter_state(void *arg, bool is_up, const char *why)
{
    (void)why;
    struct queue_waiter *t = arg;
    if (is_up) consumer_wake(t->worker);
}

/* The queue served last goes to the end of the line. */
static void rotate(struct consumer *in, const char *queue)
{
    for (int i = 0; i < in->count; i++)
        if (strcmp(in->waiters[i]->queue, queue) == 0) in->first = (i + 1) % in->count;
}

/* One who waits for a paused queue would find its messages at once, again and again; the poll sees when it goes on. */
static void note_paused(struct consumer *in, int first, long long bits)
{
    for (int i = 0; i < in->count; i++) {
        struct queue_waiter *t = in->waiters[(first + i) % in->count];
        bool is_paused = bits >> i & 1;
        if (t->is_paused != is_paused) log_info("queue %s is %s", t->queue, is_paused ? "paused" : "served again");
        t->is_paused = is_paused;
    }
}

/* What is due for a list that is not served here: whoever serves it shall find it there. */
static void move_due(struct worker *w, const char *list)
{
    static const char *const names[] = {KEY_SCHEDULED, KEY_SCHEDULED_MESSAGES, KEY_SCHEDULED_IDS};
    struct script_call c = {0};
    script_call_keys(&c, &w->keys, names, 3, 0, "");
    script_call_key(&c, list);
    script_call_run(&c, w->redis, "due", NULL, NULL);
}

static void on_refused(struct worker *w, const struct asked *a, const struct redis_answer *answer)
{
    struct consumer *in = w->consumer;
    if (answer->fault != REDIS_LOST && answer->fault != REDIS_LATE && answer->fault != REDIS_CLOSED) {
        if (complaint_is_due(&in->refused, answer->text))
            log_warning("messages cannot be fetched, will be tried again: %s", answer->text);
    } else if (a->waiter && answer->fault != REDIS_CLOSED && in->on_lost) {
        in->on_lost(w); /* what came on that connection may be held for us without our knowing */
    }
    if (!w->is_stopping) poll_in(w, 1000);
}

/* What came with a wake-up for nothing: the queue is paused, or what is there is too large to come along. */
static bool must_look(const struct asked *a, const struct page *page)
{
    return a->waiter && a->waiter->is_woken && page->count == 0 && (page->paused || page->has_left);
}

static void on_fetched(void *arg, const struct redis_answer *answer)
{
    struct asked *a = arg;
    struct worker *w = a->worker;
    struct consumer *in = w->consumer;
    struct page page;
    if (!in) return;
    a->is_out = false;
    if (a->waiter) a->waiter->is_armed = false;
    if (w->is_stopping) deliveries_changed(w); /* it waits for this answer */
    if (answer->fault != REDIS_FINE) {
        on_refused(w, a, answer);
        return;
    }
    if (!page_read(answer->reply, &page)) {
        if (in->on_doubt && strcmp(a->epoch, w->epoch) == 0) in->on_doubt(w);
        return;
    }
    if (!w->is_stopping && !a->waiter) note_paused(in, a->first, page.paused);
    if (page.other[0]) move_due(w, page.other);
    intake_take(w, &page, a->epoch, a->tag);
    if (w->is_stopping) return;
    in->empty_us = page.count < (size_t)a->limit && !page.has_left && !page.paused ? mono_us() : 0;
    if (page.count > 0) {
        rotate(in, page_last_queue(&page));
        deliveries_changed(w);
    } else if (must_look(a, &page)) {
        consumer_wake(w);
    } else {
        arm_waiters(w);
    }
    poll_in(w, page.due_ms == 0 ? REST_MS : page.due_ms > 0 && page.due_ms < POLL_MS ? page.due_ms : POLL_MS);
}

void consumer_wake(struct worker *w)
{
    struct consumer *in = w->consumer;
    if (!may_fetch(w) || in->asked.is_out) return;
    int more = room(w), want = dispatch_want(w);
    int have = deliveries_count(w, DELIVERY_READY) + deliveries_count(w, DELIVERY_SENT);
    /* Many short tasks: wait until half of them are done, then fetch that half at once. */
    if (more <= 0 || (have > 0 && want >= 16 && more < want / 2)) return;
    if (in->empty_us > 0 && mono_us() - in->empty_us < EMPTY_US) {
        arm_waiters(w);
        return;
    }
    int64_t bytes = (int64_t)IN_HAND_BYTES - (int64_t)deliveries_bytes(w);
    if (!fetch(w, &in->asked, w->redis, more < BATCH_MAX ? more : BATCH_MAX, bytes)) poll_in(w, 1000);
}

/* There is something, or it is time to look at what nobody waits for. */
static void look(struct worker *w)
{
    w->consumer->empty_us = 0;
    consumer_wake(w);
}

static void on_poll(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *w = arg;
    if (w->is_stopping) return;
    poll_in(w, POLL_MS);
    look(w);
}

/* ---- queues ---- */
int consumer_add_queue(struct worker *w, const char *name, struct err *err)
{
    struct consumer *in = w->consumer;
    char client[64];
    for (int i = 0; i < in->count; i++)
        if (strcmp(in->waiters[i]->queue, name) == 0) return 0;
    struct queue_waiter *t = calloc(1, sizeof *t);
    if (!t) return err_set(err, ERR_NOMEM, "no memory for a queue");
    if (in->count == QUEUE_NAMES_MAX || strlen(name) >= sizeof t->queue || strpbrk(name, "\"\\\n\x06")) {
        free(t);
        return err_set(err, ERR_LIMIT, "queue \"%s\" cannot be served: at most %d queues, plain names", name,
                       QUEUE_NAMES_MAX);
    }
    t->worker = t->asked.worker = w;
    t->asked.waiter = t;
    snprintf(t->queue, sizeof t->queue, "%s", name);
    snprintf(client, sizeof client, "logikald-wait-%d", in->count);
    t->redis = redis_new(w->base, &w->url, client, err);
    if (!t->redis) {
        free(t);
        return -ERR_SYSTEM;
    }
    in->waiters[in->count++] = t;
    in->empty_us = 0;
    redis_set_timeout(t->redis, WAIT_LIMIT_MS);
    redis_on_state(t->redis, on_waiter_state, t);
    redis_start(t->redis);
    return 0;
}

static void waiter_free(struct queue_waiter *t)
{
    redis_free(t->redis); /* answers what it waits for */
    free(t);
}

int consumer_drop_queue(struct worker *w, const char *name)
{
    struct consumer *in = w->consumer;
    for (int i = 0; i < in->count; i++) {
        if (strcmp(in->waiters[i]->queue, name) != 0) continue;
        waiter_free(in->waiters[i]);
        for (in->count--; i < in->count; i++) in->waiters[i] = in->waiters[i + 1];
        in->first = 0;
        if (in->on_lost) in->on_lost(w); /* it may just have taken something */
        return 0;
    }
    return -ERR_NOT_FOUND;
}

int consumer_queue_count(const struct worker *w)
{
    return w->consumer->count;
}

const char *consumer_queue(const struct worker *w, int i)
{
    return w->consumer->waiters[i]->queue;
}

static void on_resumed(void *arg, enum redis_sub_event event, const char *channel, const char *payload, size_t len)
{
    (void)channel, (void)payload, (void)len;
    if (event == REDIS_SUB_MESSAGE) look(arg);
}

/* ---- life ---- */
void consumer_on_doubt(struct worker *w, void (*fn)(struct worker *w), void (*on_lost)(struct worker *w),
                       bool (*may)(const struct worker *w))
{
    w->consumer->on_doubt = fn;
    w->consumer->on_lost = on_lost;
    w->consumer->may_fetch = may;
}

bool consumer_is_fetching(const struct worker *w)
{
    return w->consumer->asked.is_out;
}

bool consumer_may_bring(const struct worker *w, const char *tag)
{
    const struct consumer *in = w->consumer;
    const char *dot = strrchr(tag, '.');
    long long number = dot ? strtoll(dot + 1, NULL, 10) : -1;
    for (int i = 0; i < in->count; i++) {
        const struct asked *a = &in->waiters[i]->asked;
        if (!a->is_out || number < a->tag || number >= a->tag + a->limit) continue;
        if (strncmp(tag, a->epoch, (size_t)(dot - tag)) == 0 && a->epoch[dot - tag] == '\0') return true;
    }
    return false;
}

void consumer_cut(struct worker *w)
{
    w->consumer->asked.is_out = false;
}

int consumer_open(struct worker *w, struct err *err)
{
    struct consumer *in = w->consumer = calloc(1, sizeof *in);
    char names[QUEUE_NAMES_MAX][128], channel[QUEUE_KEY_SIZE];
    if (in) in->poll = evtimer_new(w->base, on_poll, w);
    if (!in || !in->poll) return err_set(err, ERR_NOMEM, "no memory for a timer");
    in->asked.worker = w;
    poll_in(w, POLL_MS);
    in->resumed = redis_subscribe(w->listener, queue_channel(&w->keys, channel, CHANNEL_RESUMED), on_resumed, w);
    if (!in->resumed) return err_set(err, ERR_NOMEM, "no memory for a subscription");
    int count = queue_names(conf_str(w->conf, SET_WORKER_QUEUES), names, QUEUE_NAMES_MAX), rc = 0;
    for (int i = 0; i < count && rc == 0; i++) rc = consumer_add_queue(w, names[i], err);
    if (rc == 0 && count == 0) rc = err_set(err, ERR_CONFIG, "WORKER_QUEUES names no queue");
    return rc;
}

void consumer_stop(struct worker *w)
{
    struct consumer *in = w->consumer;
    while (in->count > 0) waiter_free(in->waiters[--in->count]);
    if (in->poll) evtimer_del(in->poll);
}

void consumer_close(struct worker *w)
{
    if (!w->consumer) return;
    consumer_stop(w);
    if (w->consumer->poll) event_free(w->consumer->poll);
    redis_unsubscribe(w->consumer->resumed);
    free(w->consumer);
    w->consumer = NULL;
}
