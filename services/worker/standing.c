/* The worker's standing in Redis: registration, renewal of the lease on all it holds, taking over from the dead, giving
 * back. The lease is renewed from the event loop, so a task that runs for hours keeps its message; a worker that is
 * stopped or cut off loses all of it to others, and from then on writes nothing (the fence in finish.lua).
 *
 * After each connection what Redis says we hold and what we do hold are compared: fetched but never arrived goes back;
 * what Redis has forgotten is entered again. */
#include "services/worker/worker_internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "services/tasks/task_table.h"

#define ORPHANS_MS   60000
#define HANDBACK_MAX "2000"

static void register_now(struct worker *w);

static int64_t lease_ms(const struct worker *w)
{
    return conf_int(w->conf, SET_WORKER_LEASE) * 1000;
}

/* ---- handback.lua ---- */
#define HANDBACK_KEYS 8
struct handback {
    char keys[HANDBACK_KEYS][QUEUE_KEY_SIZE], max[16], expiry[24], now[CLOCK_TEXT_SIZE], silence[24];
    const char *argv[HANDBACK_KEYS + 7 + 2 * BATCH_MAX];
    int argc;
};

/* owner: whose messages. dead: it is gone, all of it ("" = only the tags added behind). silence_s: 0 = known to be. */
static void handback_begin(struct worker *w, struct handback *b, const char *owner, const char *dead, int64_t silence_s)
{
    static const char *const names[HANDBACK_KEYS] = {KEY_UNACKED, KEY_UNACKED_INDEX, KEY_HELD,  KEY_DELIVERIES,
                                                     KEY_DEAD,    KEY_WORKERS,       KEY_SWEPT, KEY_WORKER};
    int n = 0;
    for (; n < HANDBACK_KEYS; n++)
        b->argv[n] = queue_key(&w->keys, b->keys[n], names[n], n == 2 || n >= 6 ? owner : "");
    snprintf(b->max, sizeof b->max, "%d", (int)conf_int(w->conf, SET_TASK_MAX_DELIVERIES));
    snprintf(b->expiry, sizeof b->expiry, "%lld", (long long)conf_int(w->conf, SET_RESULT_EXPIRES));
    snprintf(b->silence, sizeof b->silence, "%lld", (long long)silence_s);
    b->argv[n++] = b->max;
    b->argv[n++] = w->keys.result_prefix;
    b->argv[n++] = b->expiry;
    b->argv[n++] = clock_iso_ms(wall_ms(), b->now);
    b->argv[n++] = HANDBACK_MAX;
    b->argv[n++] = dead;
    b->argv[n++] = silence_s > 0 ? b->silence : "";
    b->argc = n;
}

static int handback_run(struct worker *w, struct handback *b, redis_fn fn, void *arg)
{
    return redis_script(w->redis, "handback", fn, arg, HANDBACK_KEYS, b->argc, b->argv, NULL);
}

static int64_t integer(const redisReply *reply, size_t i)
{
    return reply && reply->type == REDIS_REPLY_ARRAY && i < reply->elements ? reply->element[i]->integer : 0;
}

/* The answer's names, of those that became dead letters. */
static void count_dead(struct worker *w, const redisReply *reply)
{
    for (size_t i = 3; reply && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        const struct task_def *def = task_find(reply->element[i]->str, conf_bool(w->conf, SET_DIAGNOSTIC_TASKS));
        task_counts_add(w->counts, def ? def->name : NULL, TASK_DEAD, -1);
    }
}

static void on_handed_back(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    count_dead(w, answer->reply);
    if (integer(answer->reply, 1) > 0)
        log_error("%lld messages were delivered too often: they are dead letters now",
                  (long long)integer(answer->reply, 1));
    consumer_wake(w);
}

void standing_hand_back(struct worker *w, struct held **list, size_t count, bool counted)
{
    struct handback b;
    handback_begin(w, &b, w->id, "", 0);
    for (size_t i = 0; i < count && i < BATCH_MAX; i++) {
        b.argv[b.argc++] = list[i]->tag;
        b.argv[b.argc++] = counted ? "1" : "0";
    }
    /* Without a connection Redis goes on holding them for us: the comparison after the next one gives them back. */
    handback_run(w, &b, on_handed_back, w);
    for (size_t i = 0; i < count && i < BATCH_MAX; i++) held_free(w, list[i]);
}

/* ---- comparison ---- */
static bool is_listed(const redisReply *reply, const char *tag)
{
    for (size_t i = 1; i < reply->elements; i++)
        if (strcmp(reply->element[i]->str, tag) == 0) return true;
    return false;
}

/* What we were taken for dead over belongs to others now. */
static void drop_all(struct worker *w)
{
    struct held *h, *next;
    log_error("this worker was silent for too long and was taken for dead: others have its messages");
    while ((h = TAILQ_FIRST(&w->ready))) held_free(w, h);
    while ((h = TAILQ_FIRST(&w->over))) held_free(w, h);
    for (int i = 0; i < RUNNERS_MAX; i++) {
        struct runner *r = &w->pool.runners[i];
        if (!r->pid) continue;
        runners_take_back(w, r);
        for (h = TAILQ_FIRST(&r->sent); h; h = next) {
            next = TAILQ_NEXT(h, link);
            h->cancel = CANCEL_NONE;
            runners_cancel(w, h, CANCEL_LOST);
        }
    }
    while ((h = TAILQ_FIRST(&w->ready))) held_free(w, h);
}

struct words {
    const char *argv[3 + 3 * BATCH_MAX];
    char *owned[BATCH_MAX], *lists[BATCH_MAX];
    int count;
};

static void enter_again(struct worker *w, struct words *v)
{
    char keys[3][QUEUE_KEY_SIZE];
    if (v->count == 0) return;
    v->argv[0] = queue_key(&w->keys, keys[0], KEY_UNACKED, "");
    v->argv[1] = queue_key(&w->keys, keys[1], KEY_UNACKED_INDEX, "");
    v->argv[2] = queue_key(&w->keys, keys[2], KEY_HELD, w->id);
    redis_script(w->redis, "hold", NULL, NULL, 3, 3 + 3 * v->count, v->argv, NULL);
    for (int i = 0; i < v->count; i++) {
        free(v->owned[i]);
        free(v->lists[i]);
    }
    v->count = 0;
}

static void keep(struct worker *w, struct words *v, const struct held *h, const redisReply *reply)
{
    struct buf entry = {0}, list = {0};
    if (is_listed(reply, h->tag)) return;
    if (v->count == BATCH_MAX) enter_again(w, v);
    buf_printf(&entry, "[%s, \"\", \"%s\"]", h->raw, h->queue);
    buf_printf(&list, "%c%s", h->is_started_told ? '1' : '0', h->list);
    v->owned[v->count] = buf_steal(&entry);
    v->lists[v->count] = buf_steal(&list);
    if (!v->owned[v->count] || !v->lists[v->count]) abort();
    v->argv[3 + 3 * v->count] = h->tag;
    v->argv[4 + 3 * v->count] = v->lists[v->count];
    v->argv[5 + 3 * v->count] = v->owned[v->count];
    v->count++;
}

/* Ours that Redis does not have. */
static void restore_missing(struct worker *w, const redisReply *reply)
{
    static struct words v;
    struct held *h;
    TAILQ_FOREACH(h, &w->ready, link) keep(w, &v, h, reply);
    for (int i = 0; i < RUNNERS_MAX; i++) {
        if (!w->pool.runners[i].pid) continue;
        TAILQ_FOREACH(h, &w->pool.runners[i].sent, link)
        if (h->cancel != CANCEL_LOST) keep(w, &v, h, reply);
    }
    enter_again(w, &v);
    TAILQ_FOREACH(h, &w->over, link)
    {
        h->is_doubtful = false;
        h->is_forgotten = !is_listed(reply, h->tag);
    }
}

/* Redis has them for us, and they never arrived (or were given back while there was no connection). */
static void return_strangers(struct worker *w, const redisReply *reply)
{
    struct handback b;
    int count = 0;
    handback_begin(w, &b, w->id, "", 0);
    for (size_t i = 1; i < reply->elements && count < BATCH_MAX; i++) {
        if (held_by_tag(w, reply->element[i]->str)) continue;
        b.argv[b.argc++] = reply->element[i]->str;
        b.argv[b.argc++] = "0";
        count++;
    }
    if (count > 0) {
        log_info("%d messages that did not reach this worker go back to their queues", count);
        handback_run(w, &b, on_handed_back, w);
    }
    w->must_lease = w->must_lease || count == BATCH_MAX;
}

/* ---- registration and renewal ---- */
static void on_registered(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    const redisReply *reply = answer->reply;
    w->is_leasing = false;
    if (answer->fault != REDIS_FINE || reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) {
        if (answer->fault != REDIS_LOST && answer->fault != REDIS_CLOSED)
            log_warning("cannot register with Redis, will be tried again: %s", answer->text);
        w->must_lease = true; /* by the timer */
        return;
    }
    bool is_news = !w->is_registered;
    if (reply->element[0]->integer == 2) drop_all(w);
    restore_missing(w, reply);
    return_strangers(w, reply);
    w->is_registered = true;
    if (is_news) {
        char key[QUEUE_KEY_SIZE], member[QUEUE_KEY_SIZE];
        for (int i = 0; i < w->queue_count; i++)
            redis_call(w->redis, NULL, NULL, "SADD", queue_key(&w->keys, key, "_kombu.binding.", w->waiters[i].queue),
                       queue_binding(member, w->waiters[i].queue), REDIS_END);
        snprintf(member, sizeof member, QUEUE_SEP QUEUE_SEP "%s.celery.pidbox", w->node);
        redis_call(w->redis, NULL, NULL, "SADD", queue_key(&w->keys, key, "_kombu.binding.celery.pidbox", ""), member,
                   REDIS_END);
        revoked_load(w);
        surroundings_up(w);
        events_worker(w, "worker-online");
    }
    finish_wake(w);
    runners_feed(w);
    consumer_wake(w);
}

static void on_renewed(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    w->is_leasing = false;
    if (answer->fault == REDIS_FINE && integer(answer->reply, 0) != 0) {
        /* Forgotten, or taken for dead: the mark is gone by now, so it is dealt with here. */
        if (integer(answer->reply, 0) == 2) drop_all(w);
        register_now(w);
    } else if (answer->fault == REDIS_FINE && w->must_lease) {
        register_now(w);
    }
}

static void send_lease(struct worker *w, redis_fn fn)
{
    char keys[5][QUEUE_KEY_SIZE], about[800], expiry[24];
    const char *argv[] = {queue_key(&w->keys, keys[0], KEY_WORKERS, ""),
                          queue_key(&w->keys, keys[1], KEY_HELD, w->id),
                          queue_key(&w->keys, keys[2], KEY_UNACKED_INDEX, ""),
                          queue_key(&w->keys, keys[3], KEY_WORKER, w->id),
                          queue_key(&w->keys, keys[4], KEY_SWEPT, w->id),
                          w->id,
                          about,
                          expiry};
    snprintf(about, sizeof about,
             "{\"node\": \"%s\", \"pid\": %d, \"active\": %d, \"processed\": %lld, \"concurrency\": %d}", w->node,
             (int)getpid(), w->sent_count, (long long)w->pool.processed, w->pool.size);
    snprintf(expiry, sizeof expiry, "%lld", (long long)lease_ms(w) / 250);
    if (w->is_leasing) {
        w->must_lease = true;
        return;
    }
    w->must_lease = false;
    w->is_leasing = redis_script(w->redis, "lease", fn, w, 5, 8, argv, NULL) == 0;
}

static void register_now(struct worker *w)
{
    send_lease(w, on_registered);
}

void standing_check(struct worker *w)
{
    if (redis_is_up(w->redis) && !w->is_leaving) register_now(w);
}

static void on_taken_over(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    if (answer->fault != REDIS_FINE) return; /* at the next connection */
    count_dead(w, answer->reply);
    if (integer(answer->reply, 0) > 0)
        log_info("took over %lld messages from this worker's predecessor", (long long)integer(answer->reply, 0));
    w->has_taken_over = integer(answer->reply, 2) == 0;
}

void standing_up(struct worker *w)
{
    w->up_since_ms = mono_ms();
    w->is_leasing = false;
    task_counts_doubt(w->counts);
    if (w->predecessor[0] && !w->has_taken_over) {
        struct handback b;
        handback_begin(w, &b, w->predecessor, w->predecessor, 0);
        handback_run(w, &b, on_taken_over, w);
    }
    register_now(w);
}

/* ---- the dead ---- */
static void on_swept(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    if (answer->fault != REDIS_FINE || integer(answer->reply, 0) < 0) return;
    count_dead(w, answer->reply);
    log_warning("a worker is dead (no sign for %lld s): %lld of its messages go back to their queues",
                (long long)(lease_ms(w) / 1000), (long long)integer(answer->reply, 0));
    consumer_wake(w);
}

static void on_oldest(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    const redisReply *reply = answer->reply;
    struct handback b;
    if (answer->fault != REDIS_FINE || reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) return;
    const char *oldest = reply->element[0]->str;
    if (strcmp(oldest, w->id) == 0) return;
    handback_begin(w, &b, oldest, oldest, lease_ms(w) / 1000);
    handback_run(w, &b, on_swept, w);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *w = arg;
    char key[QUEUE_KEY_SIZE];
    if (!redis_is_up(w->redis) || w->is_leaving) return;
    if (!w->is_registered) {
        register_now(w);
        return;
    }
    send_lease(w, on_renewed);
    /* After an outage everybody gets the time to renew before anybody is taken for dead. */
    if (mono_ms() - w->up_since_ms < lease_ms(w)) return;
    redis_call(w->redis, on_oldest, w, "ZRANGE", queue_key(&w->keys, key, KEY_WORKERS, ""), "0", "0", REDIS_END);
}

/* host / supervisor / instance / pid: a successor can tell its predecessor's name from its own. */
static void make_ids(struct worker *w)
{
    const char *instance = getenv("LOGIKALD_INSTANCE"), *supervisor = getenv("LOGIKALD_SUPERVISOR_ID");
    const char *previous = getenv("LOGIKALD_PREVIOUS_PID");
    char own[40];
    gethostname(w->host, sizeof w->host - 1);
    if (!supervisor || !supervisor[0]) {
        snprintf(own, sizeof own, "%llx", (unsigned long long)wall_us());
        supervisor = own;
        previous = NULL;
    }
    if (!instance || !instance[0]) instance = "worker";
    snprintf(w->id, sizeof w->id, "%.40s/%.40s/%.20s/%d", w->host, supervisor, instance, (int)getpid());
    long pid = previous ? strtol(previous, NULL, 10) : 0;
    if (pid > 0)
        snprintf(w->predecessor, sizeof w->predecessor, "%.40s/%.40s/%.20s/%ld", w->host, supervisor, instance, pid);
    if (getenv("LOGIKALD_INSTANCE"))
        snprintf(w->node, sizeof w->node, "%.20s@%.250s", instance, w->host);
    else
        snprintf(w->node, sizeof w->node, "worker-%d@%.250s", (int)getpid(), w->host);
}

int standing_open(struct worker *w, struct err *err)
{
    int64_t every = lease_ms(w) / 3;
    struct timeval tv = {.tv_sec = every / 1000, .tv_usec = every % 1000 * 1000};
    make_ids(w);
    w->lease_timer = event_new(w->base, -1, EV_PERSIST, on_timer, w);
    if (!w->lease_timer || event_add(w->lease_timer, &tv) != 0) return err_set(err, ERR_NOMEM, "no memory for a timer");
    return 0;
}

static void on_left(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    if (answer->fault == REDIS_FINE && integer(answer->reply, 0) > 0)
        log_info("%lld messages go back to their queues", (long long)integer(answer->reply, 0));
    event_base_loopbreak(w->base);
}

void standing_leave(struct worker *w)
{
    struct handback b;
    char key[QUEUE_KEY_SIZE], member[QUEUE_KEY_SIZE];
    w->is_leaving = true;
    snprintf(member, sizeof member, QUEUE_SEP QUEUE_SEP "%s.celery.pidbox", w->node);
    events_worker(w, "worker-offline");
    task_counts_tell(w->counts, w->redis);
    redis_call(w->redis, NULL, NULL, "SREM", queue_key(&w->keys, key, "_kombu.binding.celery.pidbox", ""), member,
               REDIS_END);
    handback_begin(w, &b, w->id, w->id, 0);
    if (handback_run(w, &b, on_left, w) != 0) event_base_loopbreak(w->base);
}

void standing_close(struct worker *w)
{
    if (w->lease_timer) event_free(w->lease_timer);
}
