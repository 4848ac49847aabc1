/* Keeps the stamps that were revoked, and finds them on a task. */
#include "services/worker/dispatch/stamped.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"

#define STAMPS_MAX 10000 /* the oldest go first */

struct stamped {
    char **pairs; /* "header=value", a ring; made with the first */
    size_t count, next;
    void (*on_loaded)(struct worker *w);
};

static bool is_known(const struct stamped *set, const char *pair)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->pairs[i], pair) == 0) return true;
    return false;
}

static bool remember(struct stamped *set, const char *pair)
{
    if (is_known(set, pair)) return false;
    if (!set->pairs) set->pairs = calloc(STAMPS_MAX, sizeof *set->pairs);
    char *copy = set->pairs ? strdup(pair) : NULL;
    if (!copy) return false;
    free(set->pairs[set->next]);
    set->pairs[set->next] = copy;
    set->next = (set->next + 1) % STAMPS_MAX;
    if (set->count < STAMPS_MAX) set->count++;
    return true;
}

/* NULL when the value is none that a stamp may have. */
static char *pair_of(const char *header, const cJSON *value)
{
    struct buf pair = {0};
    char *text = cJSON_IsString(value) ? NULL : cJSON_PrintUnformatted(value);
    buf_printf(&pair, "%.255s=%.1000s", header, cJSON_IsString(value) ? value->valuestring : text ? text : "");
    free(text);
    return buf_steal(&pair);
}

static bool add_one(struct worker *w, const char *header, const cJSON *value)
{
    char key[QUEUE_KEY_SIZE], now[24];
    char *pair = pair_of(header, value);
    if (!pair) return false;
    if (remember(w->stamped, pair) && redis_is_up(w->redis)) {
        queue_key(&w->keys, key, KEY_REVOKED_STAMPS, "");
        snprintf(now, sizeof now, "%lld", (long long)(wall_ms() / 1000));
        redis_call(w->redis, NULL, NULL, "ZADD", key, now, pair, REDIS_END);
        redis_call(w->redis, NULL, NULL, "ZREMRANGEBYRANK", key, "0", "-10001", REDIS_END);
        redis_call(w->redis, NULL, NULL, "EXPIRE", key, "604800", REDIS_END); /* as revoked ids */
    }
    free(pair);
    return true;
}

int stamped_add(struct worker *w, const char *header, const cJSON *values)
{
    const cJSON *one;
    int count = 0;
    if (!cJSON_IsArray(values)) return add_one(w, header, values);
    cJSON_ArrayForEach(one, values) {
        count += add_one(w, header, one);
    }
    return count;
}

static bool has_value(const struct stamped *set, const char *header, const cJSON *value)
{
    char *pair = pair_of(header, value);
    bool is_revoked = pair && is_known(set, pair);
    free(pair);
    return is_revoked;
}

static bool has_any(const struct stamped *set, const cJSON *headers)
{
    const cJSON *stamp, *one;
    cJSON_ArrayForEach(stamp, cJSON_GetObjectItemCaseSensitive(headers, "stamps")) {
        if (!stamp->string) continue;
        if (!cJSON_IsArray(stamp) && has_value(set, stamp->string, stamp)) return true;
        if (!cJSON_IsArray(stamp)) continue;
        cJSON_ArrayForEach(one, stamp) {
            if (has_value(set, stamp->string, one)) return true;
        }
    }
    return false;
}

bool stamped_has(const struct worker *w, const struct message *m)
{
    if (w->stamped->count == 0 || !m->is_stamped) return false;
    cJSON *envelope = message_envelope(m);
    bool is_revoked = has_any(w->stamped, cJSON_GetObjectItemCaseSensitive(envelope, "headers"));
    cJSON_Delete(envelope);
    return is_revoked;
}

static void on_loaded(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    bool is_news = false;
    if (!w->stamped || answer->fault != REDIS_FINE || answer->reply->type != REDIS_REPLY_ARRAY) return;
    for (size_t i = 0; i < answer->reply->elements; i++)
        if (answer->reply->element[i]->type == REDIS_REPLY_STRING)
            is_news = remember(w->stamped, answer->reply->element[i]->str) || is_news;
    if (is_news && w->stamped->on_loaded) w->stamped->on_loaded(w);
}

void stamped_load(struct worker *w, void (*fn)(struct worker *w))
{
    char key[QUEUE_KEY_SIZE];
    w->stamped->on_loaded = fn;
    redis_call(w->redis, on_loaded, w, "ZRANGE", queue_key(&w->keys, key, KEY_REVOKED_STAMPS, ""), "0", "-1",
               REDIS_END);
}

int stamped_open(struct worker *w, struct err *err)
{
    w->stamped = calloc(1, sizeof *w->stamped);
    return w->stamped ? 0 : err_set(err, ERR_NOMEM, "no memory");
}

void stamped_close(struct worker *w)
{
    if (!w->stamped) return;
    for (size_t i = 0; w->stamped->pairs && i < STAMPS_MAX; i++) free(w->stamped->pairs[i]);
    free(w->stamped->pairs);
    free(w->stamped);
    w->stamped = NULL;
}
