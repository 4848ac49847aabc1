/* Subscriptions on a Redis connection of their own: what comes is handed to those who asked for the channel, and the
 * channels are asked for again on each new connection. */
#include "ipc/redis/redis_internal.h"

#include <stdlib.h>
#include <string.h>

static void ask(struct redis *r, const struct redis_sub *sub, bool is_on)
{
    const char *words[] = {is_on ? (sub->is_pattern ? "PSUBSCRIBE" : "SUBSCRIBE")
                                 : (sub->is_pattern ? "PUNSUBSCRIBE" : "UNSUBSCRIBE"),
                           sub->channel};
    buf_reset(&r->scratch);
    resp_array(&r->scratch, 2);
    resp_word(&r->scratch, words[0], strlen(words[0]));
    resp_word(&r->scratch, words[1], strlen(words[1]));
    redis_write(r, r->scratch.data, r->scratch.len); /* its answer is a subscription's, not a call's */
}

static bool is_shared(const struct redis *r, const struct redis_sub *sub)
{
    const struct redis_sub *other;
    TAILQ_FOREACH(other, &r->subs, link)
        if (other != sub && !other->is_dead && other->is_pattern == sub->is_pattern &&
            strcmp(other->channel, sub->channel) == 0)
            return true;
    return false;
}

static struct redis_sub *add(struct redis *r, const char *channel, bool is_pattern, redis_sub_fn fn, void *arg)
{
    struct redis_sub *sub = calloc(1, sizeof *sub);
    if (!sub || !(sub->channel = strdup(channel))) {
        free(sub);
        return NULL;
    }
    sub->redis = r;
    sub->fn = fn;
    sub->arg = arg;
    sub->is_pattern = is_pattern;
    r->is_subscriber = true;
    TAILQ_INSERT_TAIL(&r->subs, sub, link);
    if (r->state == REDIS_UP) ask(r, sub, true);
    return sub;
}

struct redis_sub *redis_subscribe(struct redis *r, const char *channel, redis_sub_fn fn, void *arg)
{
    return add(r, channel, false, fn, arg);
}

struct redis_sub *redis_psubscribe(struct redis *r, const char *pattern, redis_sub_fn fn, void *arg)
{
    return add(r, pattern, true, fn, arg);
}

static void sub_release(struct redis_sub *sub)
{
    TAILQ_REMOVE(&sub->redis->subs, sub, link);
    free(sub->channel);
    free(sub);
}

void subs_sweep(struct redis *r)
{
    struct redis_sub *sub, *next;
    if (r->depth > 1) return; /* somebody up the stack may stand on one of them */
    for (sub = TAILQ_FIRST(&r->subs); sub; sub = next) {
        next = TAILQ_NEXT(sub, link);
        if (sub->is_dead) sub_release(sub);
    }
}

void redis_unsubscribe(struct redis_sub *sub)
{
    if (!sub || sub->is_dead) return;
    struct redis *r = sub->redis;
    redis_enter(r);
    sub->is_dead = true;
    if (r->state == REDIS_UP && !is_shared(r, sub)) ask(r, sub, false);
    subs_sweep(r);
    redis_leave(r);
}

static bool is_kind(const redisReply *reply, const char *kind)
{
    return strcmp(reply->str, kind) == 0;
}

static void deliver(struct redis *r, bool is_pattern, const char *subscribed, const char *channel,
                    const redisReply *payload)
{
    for (struct redis_sub *sub = TAILQ_FIRST(&r->subs); sub; sub = TAILQ_NEXT(sub, link)) {
        if (sub->is_dead || sub->is_pattern != is_pattern || strcmp(sub->channel, subscribed) != 0) continue;
        if (payload) {
            sub->fn(sub->arg, REDIS_SUB_MESSAGE, channel, payload->str, (size_t)payload->len);
        } else if (!sub->is_ready) {
            sub->is_ready = true;
            sub->fn(sub->arg, REDIS_SUB_READY, channel, "", 0);
        }
        if (r->state == REDIS_FREED) return;
    }
}

bool sub_take(struct redis *r, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2 || reply->element[0]->type != REDIS_REPLY_STRING)
        return false;
    const redisReply *kind = reply->element[0], *channel = reply->element[1];
    if (is_kind(kind, "unsubscribe") || is_kind(kind, "punsubscribe")) return true;
    bool is_known = is_kind(kind, "subscribe") || is_kind(kind, "psubscribe") || is_kind(kind, "message") ||
                    is_kind(kind, "pmessage");
    if (!is_known || channel->type != REDIS_REPLY_STRING) return false;
    redis_enter(r);
    if (is_kind(kind, "subscribe") || is_kind(kind, "psubscribe"))
        deliver(r, kind->str[0] == 'p', channel->str, channel->str, NULL);
    else if (is_kind(kind, "message") && reply->elements == 3 && reply->element[2]->type == REDIS_REPLY_STRING)
        deliver(r, false, channel->str, channel->str, reply->element[2]);
    else if (reply->elements == 4 && reply->element[3]->type == REDIS_REPLY_STRING)
        deliver(r, true, channel->str, reply->element[2]->str, reply->element[3]);
    redis_leave(r);
    return true;
}

void subs_renew(struct redis *r)
{
    for (struct redis_sub *sub = TAILQ_FIRST(&r->subs); sub; sub = TAILQ_NEXT(sub, link))
        if (!sub->is_dead) ask(r, sub, true);
}

void subs_lost(struct redis *r)
{
    for (struct redis_sub *sub = TAILQ_FIRST(&r->subs); sub; sub = TAILQ_NEXT(sub, link)) {
        bool was_ready = sub->is_ready;
        sub->is_ready = false;
        if (was_ready && !sub->is_dead) sub->fn(sub->arg, REDIS_SUB_LOST, sub->channel, "", 0);
        if (r->state == REDIS_FREED) return;
    }
}

void subs_free(struct redis *r)
{
    for (struct redis_sub *sub = TAILQ_FIRST(&r->subs), *next; sub; sub = next) {
        next = TAILQ_NEXT(sub, link);
        free(sub->channel);
        free(sub);
    }
    TAILQ_INIT(&r->subs);
}
