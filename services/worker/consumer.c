/* Messages in. One fetch (fetch.lua) at a time takes as many as there is room for. When the queues are empty, one
 * connection per queue waits in the server (BLMOVE of a list's end onto itself: it changes nothing and returns as soon
 * as there is something), and a slow poll looks at the priority lists and at what has become due. Each message is
 * judged here: malformed, unknown, revoked, expired, too early - or ready to run. */
#include "services/worker/worker_internal.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"

#define POLL_MS       200
#define WAIT_S        "4"
#define WAIT_LIMIT_MS 12000
#define FETCH_BYTES   "16777216"
#define FETCH_KEYS    9    /* before the lists */
#define EARLY_US      2000 /* an eta this near runs now */

static void arm_waiters(struct worker *w);

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

static bool has_room(struct worker *w)
{
    return runners_want(w) > w->ready_count + w->sent_count;
}

static void arm_waiters(struct worker *w)
{
    char key[QUEUE_KEY_SIZE];
    if (w->is_stopping || !w->is_registered || !has_room(w)) return;
    for (int i = 0; i < w->queue_count; i++) {
        struct waiter *t = &w->waiters[i];
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
static void judge(struct worker *w, struct held *h)
{
    int64_t now = wall_us();
    if (!h->def) {
        outcome_unknown(w, h);
        return;
    }
    if (revoked_has(w, h->m.id)) {
        outcome_revoked(w, h, "revoked");
        return;
    }
    if (h->m.expires_us && h->m.expires_us <= now) {
        outcome_revoked(w, h, "expired");
        return;
    }
    events_task(w, EVENT_RECEIVED, h, NULL, NULL, 0);
    if (h->m.eta_us > now + EARLY_US) outcome_later(w, h, (h->m.eta_us - now) / 1000);
}

static void take(struct worker *w, redisReply *const *e)
{
    struct err err = {0};
    struct held *h = held_new(w, e[0]->str, e[1]->str, e[2]->str, (int)strtol(e[3]->str, NULL, 10) + 1, e[4]->str,
                              (size_t)e[4]->len, &err);
    if (!h || err.code == ERR_NOMEM) {
        log_critical("%s", err.text);
        abort(); /* it is in Redis with our name on it: the successor takes it */
    }
    if (err.code != ERR_NONE)
        outcome_malformed(w, h, err.text);
    else
        judge(w, h);
}

static bool is_page(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements % 5 != 2) return false;
    for (size_t i = 0; i < reply->elements; i++)
        if (reply->element[i]->type != (i < 2 ? REDIS_REPLY_INTEGER : REDIS_REPLY_STRING)) return false;
    return true;
}

static void poll_in(struct worker *w, int64_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    evtimer_add(w->poll, &tv);
}

/* The queue served last goes to the end of the line. */
static void rotate(struct worker *w, const char *queue)
{
    for (int i = 0; i < w->queue_count; i++)
        if (strcmp(w->waiters[i].queue, queue) == 0) w->first_queue = (i + 1) % w->queue_count;
}

/* One who waits for a paused queue would find its messages at once, again and again; the poll sees when it goes on. */
static void note_paused(struct worker *w, long long bits)
{
    for (int i = 0; i < w->queue_count; i++) {
        struct waiter *t = &w->waiters[(w->fetched_first + i) % w->queue_count];
        bool is_paused = bits >> i & 1;
        if (t->is_paused != is_paused) log_info("queue %s is %s", t->queue, is_paused ? "paused" : "served again");
        t->is_paused = is_paused;
    }
}

static void on_fetched(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    const redisReply *reply = answer->reply;
    w->is_fetching = false;
    if (answer->fault != REDIS_FINE) {
        if (answer->fault != REDIS_LOST && answer->fault != REDIS_CLOSED)
            log_warning("messages cannot be fetched, will be tried again: %s", answer->text);
        poll_in(w, 1000);
        return;
    }
    if (!is_page(reply)) {
        w->is_registered = false;
        standing_check(w);
        return;
    }
    note_paused(w, reply->element[1]->integer);
    for (size_t i = 2; i + 4 < reply->elements; i += 5) take(w, reply->element + i);
    if (reply->elements > 2) {
        rotate(w, reply->element[reply->elements - 3]->str);
        runners_feed(w);
        w->must_fetch = true; /* there may be more */
    }
    int64_t due = reply->element[0]->integer;
    if (w->must_fetch) {
        consumer_wake(w);
    } else {
        arm_waiters(w);
        poll_in(w, due >= 0 && due < POLL_MS ? due + 1 : POLL_MS);
    }
}

static void fetch(struct worker *w, int limit)
{
    static const char *const names[] = {
        KEY_UNACKED,   KEY_UNACKED_INDEX,      KEY_HELD,          KEY_DELIVERIES, KEY_WORKERS,
        KEY_SCHEDULED, KEY_SCHEDULED_MESSAGES, KEY_SCHEDULED_IDS, KEY_PAUSED};
    static char keys[FETCH_KEYS + QUEUE_NAMES_MAX * QUEUE_STEPS][QUEUE_KEY_SIZE];
    const char *argv[FETCH_KEYS + QUEUE_NAMES_MAX * QUEUE_STEPS + 4 + QUEUE_NAMES_MAX];
    char count[16], queues[16];
    int n = 0, nkeys;
    for (; n < FETCH_KEYS; n++) argv[n] = queue_key(&w->keys, keys[n], names[n], n == 2 ? w->id : "");
    for (int step = 0; step < QUEUE_STEPS; step++)
        for (int i = 0; i < w->queue_count; i++, n++)
            argv[n] =
                queue_list_key(&w->keys, keys[n], w->waiters[(w->first_queue + i) % w->queue_count].queue, step * 3);
    nkeys = n;
    w->fetched_first = w->first_queue;
    snprintf(count, sizeof count, "%d", limit);
    snprintf(queues, sizeof queues, "%d", w->queue_count);
    argv[n++] = w->id;
    argv[n++] = count;
    argv[n++] = FETCH_BYTES;
    argv[n++] = queues;
    for (int i = 0; i < w->queue_count; i++) argv[n++] = w->waiters[(w->first_queue + i) % w->queue_count].queue;
    w->is_fetching = redis_script(w->redis, "fetch", on_fetched, w, nkeys, n, argv, NULL) == 0;
    w->must_fetch = false;
    if (!w->is_fetching) poll_in(w, 1000);
}

void consumer_wake(struct worker *w)
{
    if (w->is_stopping || !w->is_registered || !redis_is_up(w->redis) || w->queue_count == 0) return;
    if (w->is_fetching) {
        w->must_fetch = true;
        return;
    }
    int want = runners_want(w), have = w->ready_count + w->sent_count, room = want - have;
    /* Many short tasks: wait until half of them are done, then fetch that half at once. */
    if (room <= 0 || (have > 0 && want >= 16 && room < want / 2)) return;
    fetch(w, room < BATCH_MAX ? room : BATCH_MAX);
}

static void on_poll(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *w = arg;
    if (w->is_stopping) return;
    poll_in(w, POLL_MS);
    if (w->must_trim) malloc_trim(0); /* a large message has gone */
    w->must_trim = false;
    runners_feed(w); /* rate limits may have passed */
    consumer_wake(w);
}

int consumer_add_queue(struct worker *w, const char *name, struct err *err)
{
    char client[64];
    for (int i = 0; i < w->queue_count; i++)
        if (strcmp(w->waiters[i].queue, name) == 0) return 0;
    if (w->queue_count == QUEUE_NAMES_MAX || strlen(name) >= sizeof w->waiters[0].queue || strpbrk(name, "\"\\\n\x06"))
        return err_set(err, ERR_LIMIT, "queue \"%s\" cannot be served: at most %d queues, plain names", name,
                       QUEUE_NAMES_MAX);
    struct waiter *t = &w->waiters[w->queue_count];
    *t = (struct waiter){.worker = w};
    snprintf(t->queue, sizeof t->queue, "%s", name);
    snprintf(client, sizeof client, "logikald-wait-%d", w->queue_count);
    t->redis = redis_new(w->base, &w->url, client, err);
    if (!t->redis) return -ERR_SYSTEM;
    w->queue_count++;
    redis_on_state(t->redis, on_waiter_state, t);
    redis_start(t->redis);
    return 0;
}

int consumer_drop_queue(struct worker *w, const char *name)
{
    for (int i = 0; i < w->queue_count; i++) {
        if (strcmp(w->waiters[i].queue, name) != 0) continue;
        char rest[QUEUE_NAMES_MAX][128];
        int count = 0;
        for (int k = 0; k < w->queue_count; k++)
            if (k != i) memcpy(rest[count++], w->waiters[k].queue, 128);
        for (int k = 0; k < w->queue_count; k++) redis_free(w->waiters[k].redis);
        w->queue_count = w->first_queue = 0;
        for (int k = 0; k < count; k++) consumer_add_queue(w, rest[k], NULL);
        return 0;
    }
    return -ERR_NOT_FOUND;
}

static void on_resumed(void *arg, enum redis_sub_event event, const char *channel, const char *payload, size_t len)
{
    (void)channel, (void)payload, (void)len;
    if (event == REDIS_SUB_MESSAGE) consumer_wake(arg);
}

int consumer_open(struct worker *w, struct err *err)
{
    char names[QUEUE_NAMES_MAX][128], channel[QUEUE_KEY_SIZE];
    int count = queue_names(conf_str(w->conf, SET_WORKER_QUEUES), names, QUEUE_NAMES_MAX), rc = 0;
    w->poll = evtimer_new(w->base, on_poll, w);
    if (!w->poll) return err_set(err, ERR_NOMEM, "no memory for a timer");
    poll_in(w, POLL_MS);
    w->resumed = redis_subscribe(w->listener, queue_channel(&w->keys, channel, CHANNEL_RESUMED), on_resumed, w);
    if (!w->resumed) return err_set(err, ERR_NOMEM, "no memory for a subscription");
    for (int i = 0; i < count && rc == 0; i++) rc = consumer_add_queue(w, names[i], err);
    if (rc == 0 && count == 0) rc = err_set(err, ERR_CONFIG, "WORKER_QUEUES names no queue");
    return rc;
}

void consumer_stop(struct worker *w)
{
    for (int i = 0; i < w->queue_count; i++) redis_free(w->waiters[i].redis);
    w->queue_count = 0;
    if (w->poll) evtimer_del(w->poll);
}

void consumer_close(struct worker *w)
{
    consumer_stop(w);
    if (w->poll) event_free(w->poll);
    redis_unsubscribe(w->resumed);
}
