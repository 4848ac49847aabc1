/* The beat role: one timer, one leader. Every beat asks beat.lua for the lead; the one that has it renews the lock and
 * fires what is due, with the same call. State (last runs) is in Redis only: any beat can go on where another one
 * stopped. A beat without Redis waits for it. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <event2/event.h>

#include "conf/clock.h"
#include "conf/exit.h"
#include "conf/log.h"
#include "conf/machine/random.h"
#include "ipc/notify.h"
#include "ipc/redis/queue_keys.h"
#include "ipc/queue/queue_message.h"
#include "ipc/redis/redis.h"
#include "ipc/redis/redis_outage.h"
#include "ipc/redis/script_call.h"
#include "services/schedule/schedule.h"
#include "services/lull.h"
#include "services/role.h"

#define LEAVE_MS 1000
#define CALM_MS  100 /* between two looks, whatever happens */

struct beat {
    struct event_base *base;
    struct conf *conf;
    struct redis_url url;
    struct queue_keys keys;
    struct redis *redis;
    struct lull *lull;
    struct schedule schedule;
    struct event *timer, *signals[3], *watchdog, *leave_timer;
    char id[200], predecessor[200];
    int64_t token;                               /* 0 = not the leader */
    char sent_ids[SCHEDULE_MAX][UUID_TEXT_SIZE]; /* of the ticks that are on their way */
    struct redis_outage outage;
    bool is_asking, is_ready_told, is_leaving, knows_runs;
};

static void ask(struct beat *b);

static void look_in(struct beat *b, int64_t ms)
{
    if (ms < CALM_MS) ms = CALM_MS;
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    evtimer_add(b->timer, &tv);
}

static int64_t lock_ms(const struct beat *b)
{
    return conf_int(b->conf, SET_BEAT_LOCK) * 1000;
}

/* ---- what Redis says ---- */
static void take_runs(struct beat *b, const redisReply *reply)
{
    for (int i = 0; i < b->schedule.count; i++) {
        struct schedule_entry *e = &b->schedule.entries[i];
        const char *text = NULL;
        for (size_t k = 3; k + 1 < reply->elements && !text; k += 2)
            if (strcmp(reply->element[k]->str, e->name) == 0) text = reply->element[k + 1]->str;
        schedule_set_last(e, text);
    }
    b->knows_runs = true;
}

/* A tick is told when it was sent, and not before. */
static void tell_fired(struct beat *b, const redisReply *fired)
{
    for (size_t i = 0; i < fired->elements; i++)
        for (int k = 0; k < b->schedule.count; k++)
            if (strcmp(fired->element[i]->str, b->schedule.entries[k].name) == 0)
                log_info("tick %s: %s[%s]", b->schedule.entries[k].name, b->schedule.entries[k].task, b->sent_ids[k]);
}

static bool is_answer(const redisReply *r)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements < 3 || r->element[2]->type != REDIS_REPLY_ARRAY) return false;
    for (size_t i = 3; i < r->elements; i++)
        if (r->element[i]->type != REDIS_REPLY_STRING) return false;
    return true;
}

static void set_leading(struct beat *b, int64_t token)
{
    if (token != 0 && b->token != token) log_info("leading the schedule (token %lld)", (long long)token);
    if (token == 0 && b->token != 0) log_warning("another beat leads the schedule now");
    if (token != b->token) notify_status(token ? "leading" : "standing by");
    b->token = token;
    if (token == 0) b->knows_runs = false;
}

static int64_t next_look_ms(const struct beat *b, int64_t now_ms)
{
    int64_t wait = lock_ms(b) / 3;
    for (int i = 0; i < b->schedule.count; i++) {
        struct tick_verdict v = schedule_judge(&b->schedule.entries[i], now_ms);
        int64_t until = v.due == DUE_NOT ? v.next_ms - now_ms : 0;
        if (until < wait) wait = until;
    }
    return wait;
}

static void on_answer(void *arg, const struct redis_answer *answer)
{
    struct beat *b = arg;
    const redisReply *reply = answer->reply;
    b->is_asking = false;
    if (b->is_leaving) return;
    if (answer->fault != REDIS_FINE || !is_answer(reply)) {
        if (answer->fault != REDIS_LOST && answer->fault != REDIS_CLOSED)
            log_warning("the schedule cannot be kept in Redis, will be tried again: %s", answer->text);
        b->knows_runs = false;
        look_in(b, 1000);
        return;
    }
    int64_t token = reply->element[0]->integer, left = reply->element[1]->integer;
    set_leading(b, token);
    tell_fired(b, reply->element[2]);
    if (token == 0) { /* as soon as the leader's lock can have run out, and often enough to see that it has left */
        look_in(b, left >= 0 && left + 20 < lock_ms(b) / 5 ? left + 20 : lock_ms(b) / 5);
        return;
    }
    take_runs(b, reply);
    look_in(b, next_look_ms(b, wall_ms()));
}

/* ---- what we ask ---- */
static char *tick_message(const struct schedule_entry *e, char id[UUID_TEXT_SIZE])
{
    struct buf message = {0};
    struct message_spec spec = {.task = e->task,
                                .id = random_uuid4(id),
                                .queue = e->queue,
                                .expires_us = wall_us() + e->expires_ms * 1000,
                                .expiration_ms = e->expires_ms};
    message_encode(&message, &spec);
    return buf_steal(&message);
}

/* Returns the message, which must live until the call is made; NULL when there is none. */
static char *add_due(struct beat *b, struct script_call *c, int i, int64_t now_ms)
{
    const struct schedule_entry *e = &b->schedule.entries[i];
    struct tick_verdict v = schedule_judge(e, now_ms);
    char key[QUEUE_KEY_SIZE], *message = NULL;
    if (v.due == DUE_NOT) return NULL;
    if (v.due == DUE_FIRE && !(message = tick_message(e, b->sent_ids[i]))) return NULL;
    script_call_add_key(c, queue_key(&b->keys, key, KEY_BINDING, e->queue));
    script_call_add_key(c, queue_list_key(&b->keys, key, e->queue, 0));
    script_call_text(c, e->name);
    script_call_text(c, e->last);
    script_call_number(c, v.run_ms);
    script_call_copy(c, queue_binding(&b->keys, key, e->queue, e->queue));
    script_call_text(c, message ? message : "");
    return message;
}

static void ask(struct beat *b)
{
    static const char *const names[] = {KEY_BEAT_LOCK, KEY_BEAT_FENCE, KEY_BEAT, KEY_BEAT_PAUSED};
    struct script_call c = {0};
    char *messages[SCHEDULE_MAX] = {NULL};
    if (b->is_asking || b->is_leaving || !redis_is_up(b->redis)) return;
    script_call_keys(&c, &b->keys, names, 4, 0, "");
    script_call_text(&c, b->id);
    script_call_number(&c, lock_ms(b));
    script_call_number(&c, b->token);
    script_call_text(&c, b->predecessor);
    if (b->token != 0 && b->knows_runs)
        for (int i = 0; i < b->schedule.count; i++) messages[i] = add_due(b, &c, i, wall_ms());
    b->is_asking = script_call_run(&c, b->redis, "beat", on_answer, b) == 0;
    for (int i = 0; i < SCHEDULE_MAX; i++) free(messages[i]);
    if (!b->is_asking) look_in(b, 1000);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    ask(arg);
}

static void on_redis(void *arg, bool is_up, const char *why)
{
    struct beat *b = arg;
    char where[REDIS_URL_SHOWN_SIZE];
    redis_url_shown(&b->url, where, sizeof where);
    b->is_asking = b->knows_runs = false;
    if (is_up) {
        log_info("connected to %s", where);
        redis_outage_over(&b->outage);
        notify_ready(b->token ? "leading" : "standing by");
        ask(b);
    } else {
        if (redis_outage_tell(&b->outage, why)) log_warning("%s is not usable, trying on: %s", where, why);
        notify_status("waiting for Redis");
        if (!b->is_ready_told) notify_ready("waiting for Redis");
        if (b->is_leaving) event_base_loopbreak(b->base);
    }
    b->is_ready_told = true;
}

/* ---- stopping, reloading ---- */
static void on_left(void *arg, const struct redis_answer *answer)
{
    struct beat *b = arg;
    (void)answer;
    event_base_loopbreak(b->base);
}

static void on_leave_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    event_base_loopbreak(((struct beat *)arg)->base);
}

static void on_stop(evutil_socket_t sig, short what, void *arg)
{
    (void)sig, (void)what;
    struct beat *b = arg;
    char key[QUEUE_KEY_SIZE], value[240];
    struct timeval tv = {.tv_sec = LEAVE_MS / 1000};
    if (b->is_leaving) return;
    b->is_leaving = true;
    log_info("stopping");
    notify_stopping();
    snprintf(value, sizeof value, "%s %lld", b->id, (long long)b->token);
    const char *argv[] = {queue_key(&b->keys, key, KEY_BEAT_LOCK, ""), value};
    evtimer_add(b->leave_timer, &tv);
    if (redis_script(b->redis, "beat_leave", on_left, b, 1, 2, argv, NULL) != 0) event_base_loopbreak(b->base);
}

static int on_fresh(void *arg, const struct conf *fresh, struct err *err)
{
    struct beat *b = arg;
    struct schedule schedule = {0};
    int rc = schedule_from_conf(fresh, &schedule, err);
    if (rc == 0) b->schedule = schedule;
    return rc;
}

static void on_reload(evutil_socket_t sig, short what, void *arg)
{
    (void)sig, (void)what;
    struct beat *b = arg;
    if (!conf_reload(&b->conf, on_fresh, b)) return;
    b->knows_runs = false; /* read anew */
    ask(b);
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    notify_watchdog();
}

/* ---- set-up ---- */
static void make_ids(struct beat *b)
{
    const char *supervisor = getenv("LOGIKALD_SUPERVISOR_ID"), *previous = getenv("LOGIKALD_PREVIOUS_PID");
    char host[256] = "", own[24];
    gethostname(host, sizeof host - 1);
    random_token_hex(own, 8);
    if (!supervisor || !supervisor[0]) previous = NULL;
    snprintf(b->id, sizeof b->id, "%.60s/%.40s/%d", host, supervisor && supervisor[0] ? supervisor : own,
             (int)getpid());
    long pid = previous ? strtol(previous, NULL, 10) : 0;
    if (pid > 0) snprintf(b->predecessor, sizeof b->predecessor, "%.60s/%.40s/%ld", host, supervisor, pid);
}

static int beat_open(struct beat *b, struct err *err)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    int rc = redis_url_from_conf(b->conf, &b->url, err);
    if (rc == 0) rc = schedule_from_conf(b->conf, &b->schedule, err);
    if (rc) return rc;
    make_ids(b);
    queue_keys_init(&b->keys, b->conf, &b->url);
    b->base = event_base_new();
    if (!b->base) return err_set(err, ERR_SYSTEM, "no event loop");
    b->timer = evtimer_new(b->base, on_timer, b);
    b->leave_timer = evtimer_new(b->base, on_leave_timer, b);
    for (int i = 0; i < 3; i++) {
        b->signals[i] = evsignal_new(b->base, numbers[i], numbers[i] == SIGHUP ? on_reload : on_stop, b);
        if (!b->signals[i] || evsignal_add(b->signals[i], NULL) != 0) return err_set(err, ERR_NOMEM, "no memory");
    }
    int64_t every = notify_watchdog_interval_ms();
    if (every > 0) {
        struct timeval tv = {.tv_sec = every / 1000, .tv_usec = every % 1000 * 1000};
        b->watchdog = event_new(b->base, -1, EV_PERSIST, on_watchdog, b);
        if (b->watchdog) event_add(b->watchdog, &tv);
    }
    b->lull = lull_new(b->base);
    b->redis = redis_new(b->base, &b->url, "logikald-beat", err);
    if (!b->redis) return -ERR_CONFIG;
    redis_on_state(b->redis, on_redis, b);
    return 0;
}

static void beat_close(struct beat *b)
{
    redis_free(b->redis);
    lull_free(b->lull);
    struct event *events[] = {b->timer, b->leave_timer, b->watchdog, b->signals[0], b->signals[1], b->signals[2]};
    for (int i = 0; i < 6; i++)
        if (events[i]) event_free(events[i]);
    if (b->base) event_base_free(b->base);
    conf_free(b->conf);
}

int beat_main(struct conf *conf, int argc, char **argv)
{
    struct beat beat = {.conf = conf};
    struct err err = {0};
    int status = 0, rc = beat_open(&beat, &err);
    (void)argc, (void)argv;
    if (rc == 0) {
        for (int i = 0; i < beat.schedule.count; i++) log_info("schedule: %s", beat.schedule.entries[i].name);
        redis_start(beat.redis);
        event_base_dispatch(beat.base);
        log_info("stopped");
    } else {
        log_critical("beat cannot start: %s", err.text);
        status = rc == -ERR_NOT_FOUND || rc == -ERR_CONFIG ? EXIT_CONFIG : EXIT_INTERNAL;
    }
    beat_close(&beat);
    return status;
}
