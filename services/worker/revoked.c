/* Task ids that must not run: heard on the control channel, and remembered in Redis so that a worker that starts later
 * knows them too. The newest 50 000 are kept, in a ring with a hash over it. */
#include "services/worker/worker_internal.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"

#define BUCKETS 4096

struct revoked_id {
    struct revoked_id *next;
    size_t slot;
    char id[];
};

struct revoked {
    struct revoked_id *buckets[BUCKETS];
    struct revoked_id *ring[REVOKED_MAX];
    size_t next_slot;
};

static size_t bucket(const char *id)
{
    uint64_t h = 1469598103934665603u;
    for (; *id; id++) h = (h ^ (unsigned char)*id) * 1099511628211u;
    return (size_t)(h % BUCKETS);
}

bool revoked_has(struct worker *w, const char *id)
{
    if (!w->revoked) return false;
    for (struct revoked_id *r = w->revoked->buckets[bucket(id)]; r; r = r->next)
        if (strcmp(r->id, id) == 0) return true;
    return false;
}

static void drop(struct revoked *set, struct revoked_id *old)
{
    struct revoked_id **at = &set->buckets[bucket(old->id)];
    while (*at && *at != old) at = &(*at)->next;
    if (*at) *at = old->next;
    free(old);
}

void revoked_add(struct worker *w, const char *id)
{
    size_t len = strlen(id);
    if (len == 0 || len > MESSAGE_ID_LIMIT || revoked_has(w, id)) return;
    if (!w->revoked) w->revoked = calloc(1, sizeof *w->revoked);
    struct revoked *set = w->revoked;
    struct revoked_id *r = set ? malloc(sizeof *r + len + 1) : NULL;
    if (!r) return;
    memcpy(r->id, id, len + 1);
    r->slot = set->next_slot;
    set->next_slot = (set->next_slot + 1) % REVOKED_MAX;
    if (set->ring[r->slot]) drop(set, set->ring[r->slot]);
    set->ring[r->slot] = r;
    r->next = set->buckets[bucket(id)];
    set->buckets[bucket(id)] = r;
}

void revoked_list(struct worker *w, cJSON *out)
{
    for (size_t i = 0; w->revoked && i < REVOKED_MAX; i++)
        if (w->revoked->ring[i]) cJSON_AddItemToArray(out, cJSON_CreateString(w->revoked->ring[i]->id));
}

void revoked_close(struct worker *w)
{
    for (size_t i = 0; w->revoked && i < REVOKED_MAX; i++) free(w->revoked->ring[i]);
    free(w->revoked);
}

static void on_loaded(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    if (answer->fault != REDIS_FINE || answer->reply->type != REDIS_REPLY_ARRAY) return;
    for (size_t i = 0; i < answer->reply->elements; i++)
        if (answer->reply->element[i]->type == REDIS_REPLY_STRING) revoked_add(w, answer->reply->element[i]->str);
}

void revoked_load(struct worker *w)
{
    char key[QUEUE_KEY_SIZE], from[24];
    snprintf(from, sizeof from, "%lld", (long long)(wall_ms() / 1000 - 10800));
    redis_call(w->redis, on_loaded, w, "ZRANGEBYSCORE", queue_key(&w->keys, key, KEY_REVOKED, ""), from, "+inf",
               REDIS_END);
}

/* ---- carrying it out ---- */
static bool is_named(const struct held *h, const char *const *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(h->m.id, ids[i]) == 0) return true;
    return false;
}

static void on_noted(void *arg, const struct redis_answer *answer)
{
    (void)arg;
    if (answer->fault == REDIS_FINE && answer->reply->type == REDIS_REPLY_ARRAY && answer->reply->elements > 0)
        log_info("%zu tasks that waited for their time are revoked", answer->reply->elements);
}

static void note_in_redis(struct worker *w, const char *const *ids, size_t count)
{
    static const char *const names[] = {KEY_REVOKED, KEY_SCHEDULED, KEY_SCHEDULED_MESSAGES, KEY_SCHEDULED_IDS};
    char keys[4][QUEUE_KEY_SIZE], now[CLOCK_TEXT_SIZE], expiry[24], max[16];
    const char **argv = calloc(count + 8, sizeof *argv);
    int n = 0;
    if (!argv) return;
    for (; n < 4; n++) argv[n] = queue_key(&w->keys, keys[n], names[n], "");
    snprintf(expiry, sizeof expiry, "%lld", (long long)conf_int(w->conf, SET_RESULT_EXPIRES));
    snprintf(max, sizeof max, "%d", REVOKED_MAX);
    argv[n++] = w->keys.result_prefix;
    argv[n++] = expiry;
    argv[n++] = clock_iso_us(wall_us(), now);
    argv[n++] = max;
    for (size_t i = 0; i < count; i++) argv[n++] = ids[i];
    redis_script(w->redis, "revoke", on_noted, w, 4, n, argv, NULL);
    free(argv);
}

static void stop_running(struct worker *w, struct held *h, int signal)
{
    runners_cancel(w, h, CANCEL_REVOKED);
    if (signal == 9) runners_kill(h->runner, CANCEL_REVOKED);
    limits_watch(w);
}

void revoked_apply(struct worker *w, const char *const *ids, size_t count, bool terminate, int signal, int *running)
{
    struct held *h, *next;
    *running = 0;
    for (size_t i = 0; i < count; i++) revoked_add(w, ids[i]);
    note_in_redis(w, ids, count);
    for (int i = 0; i < RUNNERS_MAX; i++) {
        struct runner *r = &w->pool.runners[i];
        if (!r->pid) continue;
        TAILQ_FOREACH(h, &r->sent, link)
        if (is_named(h, ids, count)) break;
        if (!h) continue;
        runners_take_back(w, r); /* what has not started is in ready now */
        if (h->state == HELD_SENT && terminate) {
            stop_running(w, h, signal);
            (*running)++;
        }
    }
    for (h = TAILQ_FIRST(&w->ready); h; h = next) {
        next = TAILQ_NEXT(h, link);
        if (is_named(h, ids, count)) outcome_revoked(w, h, "revoked");
    }
    runners_feed(w);
}
