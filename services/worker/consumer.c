/* see consumer.h. */
#include "services/worker/consumer.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "ipc/queue.h"
#include "ipc/script_call.h"
#include "services/worker/complaint.h"
#include "services/worker/dispatch.h"
#include "services/worker/events.h"
#include "services/worker/handback.h"
#include "services/worker/outcome.h"
#include "services/worker/revoked.h"

#define POLL_MS       200
#define WAIT_S        "4"
#define WAIT_LIMIT_MS 12000
#define EARLY_US      2000            /* an eta this near runs now */
#define IN_HAND_BYTES (4 << 20)       /* of messages; a larger one comes alone */
#define PILE_MAX      (4 * BATCH_MAX) /* outcomes that Redis has not taken: no more work until it does */
#define FETCH_HEAD    3               /* elements before the messages */
#define FETCH_WIDTH   5

struct waiter {
    struct worker *worker;
    struct redis *redis;
    char queue[128];
    bool is_armed, is_paused;
};

struct consumer {
    struct waiter *waiters[QUEUE_NAMES_MAX];
    int count, first, fetched_first;
    struct event *poll;
    struct redis_sub *resumed;
    bool is_fetching;
    int64_t next_tag;
    struct complaint refused;
    void (*on_doubt)(struct worker *w);
    bool (*may_fetch)(const struct worker *w);
};

static void arm_waiters(struct worker *w);

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

/* ---- waiting ---- */
static void on_waiter(void *arg, const struct redis_answer *answer)
{
    struct waiter *t = arg;
    t->is_armed = false;
    if (answer->fault != REDIS_FINE) return; /* the poll goes on */
    if (answer->reply->type == REDIS_REPLY_NIL)
        arm_waiters(t->worker);
    else
        consumer_wake(t->worker);
}

static void arm_waiters(struct worker *w)
{
    char key[QUEUE_KEY_SIZE];
    if (!may_fetch(w) || room(w) <= 0) return;
    for (int i = 0; i < w->consumer->count; i++) {
        struct waiter *t = w->consumer->waiters[i];
        if (t->is_armed || t->is_paused || !redis_is_up(t->redis)) continue;
        queue_list_key(&w->keys, key, t->queue, 0);
        const char *argv[] = {"BLMOVE", key, key, "RIGHT", "RIGHT", WAIT_S};
        t->is_armed = redis_command_within(t->redis, WAIT_LIMIT_MS, on_waiter, t, 6, argv, NULL) == 0;
    }
}

static void on_waiter_state(void *arg, bool is_up, const char *why)
{
    (void)why;
    struct waiter *t = arg;
    if (is_up) consumer_wake(t->worker);
}

/* ---- what a message is worth ---- */
static void judge(struct worker *w, struct delivery *d)
{
    int64_t now = wall_us();
    int most = (int)conf_int(w->conf, SET_TASK_MAX_DELIVERIES);
    if (!d->def) {
        outcome_unknown(w, d);
    } else if (revoked_has(w, d->m.id)) {
        outcome_revoked(w, d, "revoked");
    } else if (d->m.expires_us && d->m.expires_us <= now) {
        outcome_revoked(w, d, "expired");
    } else if (d->deliveries > most) {
        outcome_lost(w, d, d->deliveries - 1);
    } else {
        if (!d->is_known) events_task(w, EVENT_RECEIVED, d, NULL, NULL, 0);
        d->is_known = d->is_known || events_have_listeners(w);
        if (d->m.eta_us > now + EARLY_US) outcome_later(w, d, (d->m.eta_us - now) / 1000);
    }
}

static void take(struct worker *w, redisReply *const *e)
{
    struct err err = {0};
    struct fetched f = {.tag = e[0]->str,
                        .list = e[1]->str,
                        .queue = e[2]->str,
                        .history = e[3]->str,
                        .raw = e[4]->str,
                        .len = (size_t)e[4]->len};
    struct delivery *d = delivery_new(w, &f, &err);
    if (!d || err.code == ERR_NOMEM) {
        log_critical("%s", err.text);
        abort(); /* it is in Redis with this worker's name on it: the successor takes it */
    }
    if (w->is_stopping)
        handback_return(w, d, "it came after the worker was told to stop");
    else if (err.code != ERR_NONE)
        outcome_malformed(w, d, err.text);
    else
        judge(w, d);
}

static bool is_page(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements % FETCH_WIDTH != FETCH_HEAD) return false;
    for (size_t i = 0; i < reply->elements; i++)
        if (reply->element[i]->type != (i < 2 ? REDIS_REPLY_INTEGER : REDIS_REPLY_STRING)) return false;
    return true;
}

/* The queue served last goes to the end of the line. */
static void rotate(struct consumer *in, const char *queue)
{
    for (int i = 0; i < in->count; i++)
        if (strcmp(in->waiters[i]->queue, queue) == 0) in->first = (i + 1) % in->count;
}

/* One who waits for a paused queue would find its messages at once, again and again; the poll sees when it goes on. */
static void note_paused(struct consumer *in, long long bits)
{
    for (int i = 0; i < in->count; i++) {
        struct waiter *t = in->waiters[(in->fetched_first + i) % in->count];
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

static void on_fetched(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    struct consumer *in = w->consumer;
    const redisReply *reply = answer->reply;
    if (!in) return;
    in->is_fetching = false;
    if (w->is_stopping) deliveries_changed(w); /* it waits for this answer */
    if (answer->fault != REDIS_FINE) {
        if (answer->fault != REDIS_LOST && answer->fault != REDIS_CLOSED)
            if (complaint_is_due(&in->refused, answer->text))
                log_warning("messages cannot be fetched, will be tried again: %s", answer->text);
        if (!w->is_stopping) poll_in(w, 1000);
        return;
    }
    if (!is_page(reply)) {
        if (in->on_doubt) in->on_doubt(w);
        return;
    }
    size_t count = (reply->elements - FETCH_HEAD) / FETCH_WIDTH;
    if (!w->is_stopping) note_paused(in, reply->element[1]->integer);
    if (reply->element[2]->len > 0) move_due(w, reply->element[2]->str);
    for (size_t i = 0; i < count; i++) take(w, reply->element + FETCH_HEAD + i * FETCH_WIDTH);
    if (w->is_stopping) return;
    if (count > 0) {
        rotate(in, reply->element[reply->elements - FETCH_WIDTH + 2]->str);
        deliveries_changed(w);
    } else {
        arm_waiters(w);
    }
    long long due = reply->element[0]->integer;
    poll_in(w, due >= 0 && due < POLL_MS ? due : POLL_MS);
}

/* ---- fetching ---- */
static void fetch(struct worker *w, int limit)
{
    static const char *const names[] = {
        KEY_UNACKED,   KEY_UNACKED_INDEX,      KEY_HELD,          KEY_HISTORY, KEY_REGISTERED,
        KEY_SCHEDULED, KEY_SCHEDULED_MESSAGES, KEY_SCHEDULED_IDS, KEY_PAUSED};
    struct consumer *in = w->consumer;
    struct script_call c = {0};
    char key[QUEUE_KEY_SIZE];
    script_call_keys(&c, &w->keys, names, 9, 1u << 2, w->id);
    for (int step = 0; step < QUEUE_STEPS; step++)
        for (int i = 0; i < in->count; i++)
            script_call_key(&c,
                            queue_list_key(&w->keys, key, in->waiters[(in->first + i) % in->count]->queue, step * 3));
    in->fetched_first = in->first;
    script_call_text(&c, w->id);
    script_call_text(&c, w->epoch);
    script_call_number(&c, in->next_tag);
    script_call_number(&c, limit);
    script_call_number(&c, (int64_t)IN_HAND_BYTES - (int64_t)deliveries_bytes(w));
    script_call_number(&c, in->count);
    for (int i = 0; i < in->count; i++) script_call_text(&c, in->waiters[(in->first + i) % in->count]->queue);
    in->next_tag += limit;
    in->is_fetching = script_call_run(&c, w->redis, "fetch", on_fetched, w) == 0;
    if (!in->is_fetching) poll_in(w, 1000);
}

void consumer_wake(struct worker *w)
{
    struct consumer *in = w->consumer;
    if (!may_fetch(w) || in->is_fetching) return;
    int more = room(w), want = dispatch_want(w);
    int have = deliveries_count(w, DELIVERY_READY) + deliveries_count(w, DELIVERY_SENT);
    /* Many short tasks: wait until half of them are done, then fetch that half at once. */
    if (more <= 0 || (have > 0 && want >= 16 && more < want / 2)) return;
    fetch(w, more < BATCH_MAX ? more : BATCH_MAX);
}

static void on_poll(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *w = arg;
    if (w->is_stopping) return;
    poll_in(w, POLL_MS);
    consumer_wake(w);
}

/* ---- queues ---- */
int consumer_add_queue(struct worker *w, const char *name, struct err *err)
{
    struct consumer *in = w->consumer;
    char client[64];
    for (int i = 0; i < in->count; i++)
        if (strcmp(in->waiters[i]->queue, name) == 0) return 0;
    struct waiter *t = calloc(1, sizeof *t);
    if (!t) return err_set(err, ERR_NOMEM, "no memory for a queue");
    if (in->count == QUEUE_NAMES_MAX || strlen(name) >= sizeof t->queue || strpbrk(name, "\"\\\n\x06")) {
        free(t);
        return err_set(err, ERR_LIMIT, "queue \"%s\" cannot be served: at most %d queues, plain names", name,
                       QUEUE_NAMES_MAX);
    }
    t->worker = w;
    snprintf(t->queue, sizeof t->queue, "%s", name);
    snprintf(client, sizeof client, "logikald-wait-%d", in->count);
    t->redis = redis_new(w->base, &w->url, client, err);
    if (!t->redis) {
        free(t);
        return -ERR_SYSTEM;
    }
    in->waiters[in->count++] = t;
    redis_on_state(t->redis, on_waiter_state, t);
    redis_start(t->redis);
    return 0;
}

static void waiter_free(struct waiter *t)
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
    if (event == REDIS_SUB_MESSAGE) consumer_wake(arg);
}

/* ---- life ---- */
void consumer_on_doubt(struct worker *w, void (*fn)(struct worker *w), bool (*may)(const struct worker *w))
{
    w->consumer->on_doubt = fn;
    w->consumer->may_fetch = may;
}

bool consumer_is_fetching(const struct worker *w)
{
    return w->consumer->is_fetching;
}

void consumer_cut(struct worker *w)
{
    w->consumer->is_fetching = false;
}

int consumer_open(struct worker *w, struct err *err)
{
    struct consumer *in = w->consumer = calloc(1, sizeof *in);
    char names[QUEUE_NAMES_MAX][128], channel[QUEUE_KEY_SIZE];
    if (in) in->poll = evtimer_new(w->base, on_poll, w);
    if (!in || !in->poll) return err_set(err, ERR_NOMEM, "no memory for a timer");
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
