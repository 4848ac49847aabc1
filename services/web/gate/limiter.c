/* See limiter.h. Fixed windows of a minute and an hour per client (or per address, for those who are nobody), in a
 * table of limited size in which the least recently used of a row's entries gives way. limiter_shared.c adds what the
 * other web processes have counted. */
#include "services/web/gate/limiter_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "services/web/gate/route.h"
#include "services/web/http/reply.h"

struct limiter *limiter_new(struct web *web)
{
    struct limiter *l = calloc(1, sizeof(*l));
    if (l) l->web = web;
    return l;
}

void limiter_free(struct limiter *l)
{
    if (!l) return;
    limiter_shared_stop(l);
    free(l->entries);
    free(l);
}

struct limit_entry *limiter_entry(struct limiter *l, const char *key)
{
    if (!l->entries) l->entries = calloc(LIMITER_ROWS * LIMITER_WAYS, sizeof(*l->entries));
    if (!l->entries) return NULL;
    uint64_t hash = 14695981039346656037u;
    for (const char *p = key; *p; p++) hash = (hash ^ (unsigned char)*p) * 1099511628211u;
    struct limit_entry *row = &l->entries[hash % LIMITER_ROWS * LIMITER_WAYS], *oldest = row;
    for (struct limit_entry *e = row; e < row + LIMITER_WAYS; e++) {
        if (strncmp(e->key, key, sizeof(e->key) - 1) == 0) return e;
        if (e->used_ms < oldest->used_ms) oldest = e;
    }
    memset(oldest, 0, sizeof(*oldest));
    snprintf(oldest->key, sizeof(oldest->key), "%s", key);
    return oldest;
}

/* Moves the windows on to now. */
static void entry_turn(struct limit_entry *e, int64_t now_ms)
{
    int64_t minute = now_ms / 60000, hour = now_ms / 3600000;
    if (e->minute != minute) e->minute = minute, e->in_minute = e->shared_minute = e->told_minute = 0;
    if (e->hour != hour) e->hour = hour, e->in_hour = e->shared_hour = e->told_hour = 0;
    e->used_ms = now_ms;
}

static void refuse(struct req *r, int64_t limit, int64_t seconds, const char *window)
{
    reply_header(r, "Retry-After", req_printf(r, "%lld", (long long)seconds));
    reply_header(r, "X-RateLimit-Limit", req_printf(r, "%lld", (long long)limit));
    reply_header(r, "X-RateLimit-Remaining", "0");
    reply_detail(r, 429, "Rate limit exceeded: %lld requests per %s", (long long)limit, window);
}

void limiter_check(struct req *r, void (*next)(struct req *r))
{
    struct limiter *l = r->web->limiter;
    int64_t now = wall_ms(), per_minute = conf_int(r->web->conf, SET_RATE_MINUTE);
    int64_t per_hour = conf_int(r->web->conf, SET_RATE_HOUR);
    if (r->route->limits == FREE || (per_minute == 0 && per_hour == 0)) {
        next(r);
        return;
    }
    if (r->who.kind == WHO_CLIENT && r->who.rate_limit_per_hour > 0) per_hour = r->who.rate_limit_per_hour;
    char key[sizeof(((struct limit_entry *)0)->key)];
    snprintf(key, sizeof(key), "%s%.90s",
             r->who.kind == WHO_NOBODY  ? "a:"
             : r->who.kind == WHO_ADMIN ? "u:"
                                        : "c:",
             r->who.kind == WHO_NOBODY ? r->address : r->who.name);
    struct limit_entry *e = limiter_entry(l, key);
    if (!e) {
        next(r);
        return;
    }
    entry_turn(e, now);
    int64_t minute = ++e->in_minute + e->shared_minute, hour = ++e->in_hour + e->shared_hour;
    limiter_shared_counted(l);
    if (per_hour > 0 && hour > per_hour) { /* the longer wait first: after the other one it would be refused again */
        refuse(r, per_hour, 3600 - now / 1000 % 3600, "hour");
    } else if (per_minute > 0 && minute > per_minute) {
        refuse(r, per_minute, 60 - now / 1000 % 60, "minute");
    } else {
        bool is_minute = per_minute > 0 && (per_hour == 0 || per_minute - minute < per_hour - hour);
        int64_t limit = is_minute ? per_minute : per_hour, left = limit - (is_minute ? minute : hour);
        reply_header(r, "X-RateLimit-Limit", req_printf(r, "%lld", (long long)limit));
        reply_header(r, "X-RateLimit-Remaining", req_printf(r, "%lld", (long long)left));
        next(r);
    }
}
