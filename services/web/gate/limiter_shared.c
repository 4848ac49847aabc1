/* Rate limits over several web processes: once a second, what was counted here is added to counters in Redis, whose
 * answers tell what the others counted. Without Redis each process counts for itself. */
#include "services/web/gate/limiter_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "ipc/redis/redis.h"

#define TELL_MS 1000

/* Which counter an answer belongs to; the entry may have changed hands meanwhile. */
struct told {
    struct limiter *limiter;
    char key[96];
    int64_t window;
    bool is_hour;
};

/* A Redis that lost its data knows less than we told it: that takes nothing off what we counted. */
static int64_t others(int64_t total, int64_t told)
{
    return total > told ? total - told : 0;
}

static void on_total(void *arg, const struct redis_answer *answer)
{
    struct told *t = arg;
    if (answer->fault == REDIS_FINE && answer->reply->type == REDIS_REPLY_INTEGER) {
        struct limit_entry *e = limiter_entry(t->limiter, t->key);
        if (e && t->is_hour && e->hour == t->window)
            e->shared_hour = others(answer->reply->integer, e->told_hour);
        else if (e && !t->is_hour && e->minute == t->window)
            e->shared_minute = others(answer->reply->integer, e->told_minute);
    }
    free(t);
}

static void tell(struct limiter *l, struct limit_entry *e, bool is_hour)
{
    int64_t window = is_hour ? e->hour : e->minute;
    int64_t more = is_hour ? e->in_hour - e->told_hour : e->in_minute - e->told_minute;
    char key[256], count[24];
    struct told *t = malloc(sizeof *t);
    if (!t) return;
    *t = (struct told){.limiter = l, .window = window, .is_hour = is_hour};
    memcpy(t->key, e->key, sizeof t->key);
    snprintf(key, sizeof key, "%slogikald.rate.%s:%s:%lld", conf_str(l->web->conf, SET_REDIS_PREFIX),
             is_hour ? "h" : "m", e->key, (long long)window);
    snprintf(count, sizeof count, "%lld", (long long)more);
    if (redis_call(l->web->redis, on_total, t, "INCRBY", key, count, REDIS_END) != 0) {
        free(t);
        return;
    }
    if (is_hour)
        e->told_hour += more;
    else
        e->told_minute += more;
    redis_call(l->web->redis, NULL, NULL, "EXPIRE", key, is_hour ? "3700" : "70", REDIS_END);
}

static void tell_soon(struct limiter *l)
{
    event_add(l->timer, &(struct timeval){.tv_sec = TELL_MS / 1000, .tv_usec = TELL_MS % 1000 * 1000});
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct limiter *l = arg;
    if (!redis_is_up(l->web->redis)) {
        tell_soon(l); /* what came together meanwhile is told when it is back */
        return;
    }
    for (struct limit_entry *e = l->entries; e < l->entries + LIMITER_ROWS * LIMITER_WAYS; e++) {
        if (e->in_minute > e->told_minute) tell(l, e, false);
        if (e->in_hour > e->told_hour) tell(l, e, true);
    }
}

void limiter_shared_counted(struct limiter *l)
{
    if (!l->web->redis) return;
    if (!l->timer) l->timer = evtimer_new(l->web->base, on_timer, l);
    if (l->timer && !evtimer_pending(l->timer, NULL)) tell_soon(l);
}

void limiter_shared_stop(struct limiter *l)
{
    if (l->timer) event_free(l->timer);
    l->timer = NULL;
}
