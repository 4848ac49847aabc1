/* See limiter.h. Fixed windows of a minute and an hour per client (or per address, for those who are nobody), in a
 * table of limited size in which the least recently used of a row's entries gives way. limiter_shared.c adds what the
 * other web processes have counted. */
#include "services/web/gate/limiter_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/hash.h"
#include "services/web/gate/route.h"
#include "conf/address.h"
#include "services/web/http/reply.h"

struct limiter *limiter_new(struct web *web)
{
    struct limiter *l = calloc(1, sizeof *l);
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
    if (!l->entries) l->entries = calloc(LIMITER_ROWS * LIMITER_WAYS, sizeof *l->entries);
    if (!l->entries) return NULL;
    struct limit_entry *row = &l->entries[hash_text(key) % LIMITER_ROWS * LIMITER_WAYS], *oldest = row;
    for (struct limit_entry *e = row; e < row + LIMITER_WAYS; e++) {
        if (strncmp(e->key, key, sizeof e->key - 1) == 0) return e;
        if (e->used_ms < oldest->used_ms) oldest = e;
    }
    memset(oldest, 0, sizeof *oldest);
    snprintf(oldest->key, sizeof oldest->key, "%s", key);
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

/* In whose name it is counted; who is nobody, in that of the address (of IPv6: of the /64). */
static void key_of(const struct req *r, bool is_nobody, char *out, size_t size)
{
    char group[ADDRESS_TEXT];
    if (is_nobody) {
        address_group_print(r->address, group);
        snprintf(out, size, "a:%s", group);
    } else {
        snprintf(out, size, "%s%.90s", r->who.kind == WHO_ADMIN ? "u:" : "c:", r->who.name);
    }
}

/* Counts it; false: it is too much, and was answered 429. */
static bool count(struct req *r, bool is_nobody)
{
    struct limiter *l = r->web->limiter;
    int64_t now = wall_ms(), per_minute = conf_int(r->web->conf, SET_RATE_MINUTE);
    int64_t per_hour = conf_int(r->web->conf, SET_RATE_HOUR);
    char key[sizeof(((struct limit_entry *)0)->key)];
    if (per_minute == 0 && per_hour == 0) return true;
    if (!is_nobody && r->who.kind == WHO_CLIENT && r->who.rate_limit_per_hour > 0)
        per_hour = r->who.rate_limit_per_hour;
    key_of(r, is_nobody, key, sizeof key);
    struct limit_entry *e = limiter_entry(l, key);
    if (!e) return true;
    entry_turn(e, now);
    int64_t minute = ++e->in_minute + e->shared_minute, hour = ++e->in_hour + e->shared_hour;
    limiter_shared_counted(l);
    if (per_hour > 0 && hour > per_hour) { /* the longer wait first: after the other one it would be refused again */
        refuse(r, per_hour, 3600 - now / 1000 % 3600, "hour");
        return false;
    }
    if (per_minute > 0 && minute > per_minute) {
        refuse(r, per_minute, 60 - now / 1000 % 60, "minute");
        return false;
    }
    bool is_minute = per_minute > 0 && (per_hour == 0 || per_minute - minute < per_hour - hour);
    r->limit = is_minute ? per_minute : per_hour;
    r->limit_left = r->limit - (is_minute ? minute : hour);
    return true;
}

bool limiter_admits(struct req *r)
{
    r->is_counted = true;
    return count(r, true);
}

void limiter_check(struct req *r, void (*next)(struct req *r))
{
    bool is_nobody = r->who.kind == WHO_NOBODY;
    bool is_free = r->route && r->route->limits == LIMITS_FREE && (r->route->access == ACCESS_OPEN || !is_nobody);
    bool is_counted = is_free || (is_nobody && r->is_counted);
    if (!is_counted && !count(r, is_nobody)) return;
    if (!is_free && r->limit > 0) {
        reply_header(r, "X-RateLimit-Limit", req_printf(r, "%lld", (long long)r->limit));
        reply_header(r, "X-RateLimit-Remaining", req_printf(r, "%lld", (long long)r->limit_left));
    }
    next(r);
}
