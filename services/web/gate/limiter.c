/* See limiter.h. Fixed windows of a minute and an hour per client (or per address, for those who are nobody), in a
 * table of limited size in which the least recently used of a row's entries gives way. limiter_shared.c adds what the
 * other web processes have counted. */
#include "services/web/gate/limiter_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/text/hash.h"
#include "services/web/gate/route.h"
#include "conf/text/address.h"
#include "services/web/http/reply.h"

#define NAME_MAX_LEN 90 /* of a key; longer ones are told apart by a hash */

struct rates {
    int64_t per_minute, per_hour; /* 0 = none */
    int64_t now_ms;
};

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
    if (e->minute != minute) {
        e->minute = minute;
        e->in_minute = e->shared_minute = e->told_minute = 0;
    }
    if (e->hour != hour) {
        e->hour = hour;
        e->in_hour = e->shared_hour = e->told_hour = 0;
    }
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
        const struct who *owner = req_owner(r);
        const char *kind = owner->kind == WHO_ADMIN ? "u:" : "c:";
        if (strlen(owner->name) <= NAME_MAX_LEN)
            snprintf(out, size, "%s%.90s", kind, owner->name);
        else /* two may begin alike */
            snprintf(out, size, "%s%.60s/%016llx", kind, owner->name, (unsigned long long)hash_text(owner->name));
    }
}

/* Where the request counts, with its windows as of now; NULL: nothing is counted. */
static struct limit_entry *place_of(const struct req *r, bool is_nobody, struct rates *rates)
{
    char key[sizeof(((struct limit_entry *)0)->key)];
    *rates = (struct rates){.per_minute = conf_int(r->web->conf, SET_RATE_MINUTE),
                            .per_hour = conf_int(r->web->conf, SET_RATE_HOUR),
                            .now_ms = wall_ms()};
    if (rates->per_minute == 0 && rates->per_hour == 0) return NULL;
    const struct who *owner = req_owner(r);
    if (!is_nobody && owner->kind == WHO_CLIENT && owner->rate_limit_per_hour > 0)
        rates->per_hour = owner->rate_limit_per_hour;
    key_of(r, is_nobody, key, sizeof key);
    struct limit_entry *e = limiter_entry(r->web->limiter, key);
    if (e) entry_turn(e, rates->now_ms);
    return e;
}

/* What is left of the limit that is nearer. */
static void tell(struct req *r, const struct limit_entry *e, const struct rates *rates)
{
    int64_t minute = e->in_minute + e->shared_minute, hour = e->in_hour + e->shared_hour;
    int64_t left_m = rates->per_minute - minute, left_h = rates->per_hour - hour;
    bool is_minute = rates->per_minute > 0 && (rates->per_hour == 0 || left_m < left_h);
    r->limit = is_minute ? rates->per_minute : rates->per_hour;
    r->limit_left = is_minute ? left_m : left_h;
}

static void add(struct req *r, struct limit_entry *e)
{
    e->in_minute++;
    e->in_hour++;
    limiter_shared_counted(r->web->limiter);
}

/* more: what it would add itself. True: it is too much, and was answered 429. */
static bool is_refused(struct req *r, const struct limit_entry *e, const struct rates *rates, int more)
{
    int64_t minute = e->in_minute + e->shared_minute + more, hour = e->in_hour + e->shared_hour + more;
    int64_t now_s = rates->now_ms / 1000;
    if (rates->per_hour > 0 && hour > rates->per_hour) /* the longer wait first: after the other one comes this one */
        refuse(r, rates->per_hour, 3600 - now_s % 3600, "hour");
    else if (rates->per_minute > 0 && minute > rates->per_minute)
        refuse(r, rates->per_minute, 60 - now_s % 60, "minute");
    else
        return false;
    return true;
}

/* Counts it; false: it is too much, and was answered 429. */
static bool count(struct req *r, bool is_nobody)
{
    struct rates rates;
    struct limit_entry *e = place_of(r, is_nobody, &rates);
    if (!e) return true;
    add(r, e);
    if (is_refused(r, e, &rates, 0)) return false;
    tell(r, e, &rates);
    return true;
}

/* May it turn out that it costs next to nothing? */
static bool may_be_free(const struct req *r)
{
    return r->route && r->who.kind != WHO_NOBODY &&
           (r->route->limits == LIMITS_CACHED ||
            (r->route->method == EVHTTP_REQ_GET && req_header(r, "If-None-Match")));
}

/* The request counts once it is known how it is answered; false as above, for who has nothing left. */
static bool count_later(struct req *r)
{
    struct rates rates;
    const struct limit_entry *e = place_of(r, false, &rates);
    if (e && is_refused(r, e, &rates, 1)) return false;
    r->counts_later = e != NULL;
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
    if (!is_counted && !(may_be_free(r) ? count_later(r) : count(r, is_nobody))) return;
    r->is_limit_told = !is_free;
    next(r);
}

void limiter_answer(struct req *r)
{
    struct rates rates;
    struct limit_entry *e = r->counts_later ? place_of(r, false, &rates) : NULL;
    bool is_free = r->status == 304 || (r->status == 200 && r->route && r->route->limits == LIMITS_CACHED);
    if (e && !is_free) add(r, e);
    if (e) tell(r, e, &rates);
    r->counts_later = false;
    if (!r->is_limit_told || r->limit <= 0) return;
    reply_header(r, "X-RateLimit-Limit", req_printf(r, "%lld", (long long)r->limit));
    reply_header(r, "X-RateLimit-Remaining", req_printf(r, "%lld", (long long)(r->limit_left > 0 ? r->limit_left : 0)));
}
