/* See broker_check.h. An orphan goes back when its queue is one that this worker serves, and it has lain there
 * unchanged for the visibility timeout - by Redis's clock less what that has been set forward since this worker looks,
 * so that a stepped clock takes no message from a living Python worker. What others serve is theirs to restore. */
#include "services/worker/broker/broker_check.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "ipc/queue/queue.h"
#include "ipc/queue/queue_foreign.h"
#include "ipc/redis/script_call.h"
#include "services/worker/complaint.h"
#include "services/worker/delivery.h"
#include "services/worker/broker/consumer.h"
#include "services/worker/broker/membership.h"
#include "services/worker/broker/orphan.h"

#define EVERY_S       60
#define ORPHANS_MAX   100
#define ORPHANS_BYTES (4 << 20)
#define STEP_US       2000000 /* clocks that moved apart by more were set */

struct broker_check {
    struct event *timer;
    bool has_looked;
    int64_t server_us, own_us, set_forward_us; /* Redis's clock and this process's, at the last look; steps since */
    int waiting, back;                         /* answers of this round; orphans that went back */
    struct complaint foreign;
};

static bool is_served(const struct worker *w, const char *queue)
{
    for (int i = 0; i < consumer_queue_count(w); i++)
        if (strcmp(consumer_queue(w, i), queue) == 0) return true;
    return false;
}

/* ---- orphans ---- */
static void round_over(struct worker *w)
{
    struct broker_check *b = w->broker_check;
    if (--b->waiting > 0) return;
    if (b->back > 0) {
        log_warning("%d messages that a Python worker left behind go back to their queues", b->back);
        deliveries_changed(w);
    }
    b->back = 0;
}

static void on_back(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    if (!w->broker_check) return;
    if (answer->fault == REDIS_FINE && answer->reply->type == REDIS_REPLY_INTEGER)
        w->broker_check->back += (int)answer->reply->integer;
    round_over(w);
}

static void put_back(struct worker *w, const char *tag, const char *score, const struct orphan *o, const char *queue)
{
    static const char *const names[] = {KEY_UNACKED, KEY_UNACKED_INDEX};
    struct script_call c = {0};
    char list[QUEUE_KEY_SIZE];
    script_call_keys(&c, &w->keys, names, 2, 0, "");
    script_call_key(&c, queue_list_key(&w->keys, list, queue, o->priority));
    script_call_text(&c, tag);
    script_call_text(&c, score);
    script_call_word(&c, o->raw, o->len);
    if (script_call_run(&c, w->redis, "orphan", on_back, w) == 0) w->broker_check->waiting++;
}

/* One that was sent to a named exchange: its queue is found by the bindings. */
struct broker_lookup {
    struct worker *worker;
    char *tag, *score, *entry;
    size_t len;
};

static void lookup_free(struct broker_lookup *l)
{
    free(l->tag);
    free(l->score);
    free(l->entry);
    free(l);
}

static void on_bindings(void *arg, const struct redis_answer *answer)
{
    struct broker_lookup *l = arg;
    struct worker *w = l->worker;
    const redisReply *r = answer->reply;
    struct orphan o;
    const char *found = NULL;
    if (w->broker_check && answer->fault == REDIS_FINE && r->type == REDIS_REPLY_ARRAY &&
        orphan_read(l->entry, l->len, &o)) {
        for (size_t i = 0; i < r->elements && !found; i++)
            if (r->element[i]->type == REDIS_REPLY_STRING)
                found = orphan_queue_of(&w->keys, r->element[i]->str, o.routing_key);
        if (found && is_served(w, found)) put_back(w, l->tag, l->score, &o, found);
    }
    if (w->broker_check) round_over(w);
    lookup_free(l);
}

static void look_up(struct worker *w, redisReply *const *e, const struct orphan *o)
{
    struct broker_lookup *l = calloc(1, sizeof *l);
    char key[QUEUE_KEY_SIZE];
    if (!l) return;
    *l = (struct broker_lookup){.worker = w, .tag = strdup(e[0]->str), .score = strdup(e[1]->str), .len = e[2]->len};
    l->entry = malloc(l->len + 1);
    if (!l->tag || !l->score || !l->entry) {
        lookup_free(l);
        return;
    }
    memcpy(l->entry, e[2]->str, l->len + 1);
    if (redis_call(w->redis, on_bindings, l, "SMEMBERS", queue_key(&w->keys, key, KEY_BINDING, o->exchange),
                   REDIS_END) == 0)
        w->broker_check->waiting++;
    else
        lookup_free(l);
}

static void on_orphans(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    const redisReply *r = answer->reply;
    if (!w->broker_check) return;
    for (size_t i = 0; answer->fault == REDIS_FINE && r->type == REDIS_REPLY_ARRAY && i + 2 < r->elements; i += 3) {
        struct orphan o;
        if (!orphan_read(r->element[i + 2]->str, r->element[i + 2]->len, &o)) continue;
        if (o.exchange[0])
            look_up(w, r->element + i, &o);
        else if (is_served(w, o.routing_key))
            put_back(w, r->element[i]->str, r->element[i + 1]->str, &o, o.routing_key);
    }
    round_over(w);
}

static void ask_for_orphans(struct worker *w)
{
    static const char *const names[] = {KEY_UNACKED, KEY_UNACKED_INDEX};
    struct broker_check *b = w->broker_check;
    struct script_call c = {0};
    if (b->waiting > 0) return;
    script_call_keys(&c, &w->keys, names, 2, 0, "");
    script_call_number(&c, conf_int(w->conf, SET_WORKER_VISIBILITY) + b->set_forward_us / 1000000);
    script_call_number(&c, ORPHANS_MAX);
    script_call_number(&c, ORPHANS_BYTES);
    if (script_call_run(&c, w->redis, "orphans", on_orphans, w) == 0) b->waiting = 1;
}

/* Redis's clock beside this process's: what it was set forward does not make a message older. */
static void on_time(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    struct broker_check *b = w->broker_check;
    const redisReply *r = answer->reply;
    if (!b || answer->fault != REDIS_FINE || r->type != REDIS_REPLY_ARRAY || r->elements != 2) return;
    int64_t server = strtoll(r->element[0]->str, NULL, 10) * 1000000 + strtoll(r->element[1]->str, NULL, 10);
    int64_t own = mono_us(), step = server - b->server_us - (own - b->own_us);
    if (b->own_us > 0 && step > STEP_US) {
        b->set_forward_us += step;
        log_warning("the clock of the Redis server was set forward by %.1f s", (double)step / 1e6);
    }
    b->server_us = server;
    b->own_us = own;
    ask_for_orphans(w);
}

static void restore_orphans(struct worker *w)
{
    redis_call(w->redis, on_time, w, "TIME", REDIS_END);
}

/* ---- settings ---- */

static void on_foreign(void *arg, const char *problem)
{
    struct worker *w = arg;
    if (w->broker_check && problem[0] && complaint_is_due(&w->broker_check->foreign, problem))
        log_warning("%s", problem);
}

static void look_for_foreign(struct worker *w)
{
    const char *names[QUEUE_NAMES_MAX];
    int count = consumer_queue_count(w);
    for (int i = 0; i < count; i++) names[i] = consumer_queue(w, i);
    queue_foreign_ask(w->redis, &w->keys, names, count, on_foreign, w);
}

static void on_info(void *arg, const struct redis_answer *answer)
{
    (void)arg;
    const char *text =
        answer->fault == REDIS_FINE && answer->reply->type == REDIS_REPLY_STRING ? answer->reply->str : "";
    const char *policy = strstr(text, "maxmemory_policy:");
    if (!policy) return;
    policy += strlen("maxmemory_policy:");
    int len = (int)strcspn(policy, "\r\n");
    if (strncmp(policy, "allkeys", 7) == 0)
        log_warning("Redis has the eviction policy %.*s: when its memory is full it throws queued tasks away; set "
                    "maxmemory-policy to noeviction",
                    len, policy);
    else if (strncmp(policy, "volatile", 8) == 0)
        log_warning("Redis has the eviction policy %.*s: when its memory is full it throws results and locks away; set "
                    "maxmemory-policy to noeviction",
                    len, policy);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *w = arg;
    if (!membership_is_registered(w) || w->is_stopping) return;
    restore_orphans(w);
    look_for_foreign(w);
}

void broker_check_up(struct worker *w)
{
    struct broker_check *b = w->broker_check;
    if (!b->has_looked) redis_call(w->redis, on_info, w, "INFO", "memory", REDIS_END);
    b->has_looked = true;
    look_for_foreign(w);
    b->waiting = b->back = 0;
    restore_orphans(w);
}

int broker_check_open(struct worker *w, struct err *err)
{
    struct timeval tv = {.tv_sec = EVERY_S};
    struct broker_check *b = w->broker_check = calloc(1, sizeof *b);
    if (b) b->timer = event_new(w->base, -1, EV_PERSIST, on_timer, w);
    if (!b || !b->timer || event_add(b->timer, &tv) != 0) return err_set(err, ERR_NOMEM, "no memory for a timer");
    return 0;
}

void broker_check_close(struct worker *w)
{
    struct broker_check *b = w->broker_check;
    if (!b) return;
    if (b->timer) event_free(b->timer);
    free(b);
    w->broker_check = NULL;
}
