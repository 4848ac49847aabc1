/* See revoked.h: a ring, with a hash over it. */
#include "services/worker/dispatch/revoked.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/text/hash.h"
#include "ipc/queue/queue.h"
#include "ipc/queue/queue_message.h"

#define BUCKETS 4096

struct revoked_id {
    struct revoked_id *next;
    size_t slot;
    char id[];
};

struct table {
    struct revoked_id *buckets[BUCKETS];
    struct revoked_id *ring[QUEUE_REVOKED_MAX];
    size_t next_slot;
};

struct revoked {
    struct table *table; /* made with the first: most workers never see one, and it would be in each runner, too */
    void (*on_loaded)(struct worker *w, const char *const *ids, size_t count);
};

static size_t bucket(const char *id)
{
    return (size_t)(hash_text(id) % BUCKETS);
}

bool revoked_has(const struct worker *w, const char *id)
{
    const struct table *table = w->revoked->table;
    for (struct revoked_id *r = table ? table->buckets[bucket(id)] : NULL; r; r = r->next)
        if (strcmp(r->id, id) == 0) return true;
    return false;
}

static void drop(struct table *set, struct revoked_id *old)
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
    if (!w->revoked->table) w->revoked->table = calloc(1, sizeof *w->revoked->table);
    struct table *set = w->revoked->table;
    struct revoked_id *r = set ? malloc(sizeof *r + len + 1) : NULL;
    if (!r) return;
    memcpy(r->id, id, len + 1);
    r->slot = set->next_slot;
    set->next_slot = (set->next_slot + 1) % QUEUE_REVOKED_MAX;
    if (set->ring[r->slot]) drop(set, set->ring[r->slot]);
    set->ring[r->slot] = r;
    r->next = set->buckets[bucket(id)];
    set->buckets[bucket(id)] = r;
}

void revoked_list(const struct worker *w, cJSON *out)
{
    const struct table *table = w->revoked->table;
    for (size_t i = 0; table && i < QUEUE_REVOKED_MAX; i++)
        if (table->ring[i]) cJSON_AddItemToArray(out, cJSON_CreateString(table->ring[i]->id));
}

static void on_loaded(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    if (answer->fault != REDIS_FINE || answer->reply->type != REDIS_REPLY_ARRAY || !w->revoked) return;
    size_t n = answer->reply->elements, count = 0;
    const char **fresh = calloc(n + 1, sizeof *fresh);
    for (size_t i = 0; i < n && fresh; i++) {
        const redisReply *e = answer->reply->element[i];
        if (e->type != REDIS_REPLY_STRING || revoked_has(w, e->str)) continue;
        revoked_add(w, e->str);
        fresh[count++] = e->str;
    }
    if (count > 0 && w->revoked->on_loaded) w->revoked->on_loaded(w, fresh, count);
    free(fresh);
}

void revoked_load(struct worker *w, void (*fn)(struct worker *w, const char *const *ids, size_t count))
{
    char key[QUEUE_KEY_SIZE];
    w->revoked->on_loaded = fn;
    redis_call(w->redis, on_loaded, w, "ZRANGE", queue_key(&w->keys, key, KEY_REVOKED, ""), "0", "-1", REDIS_END);
}

int revoked_open(struct worker *w, struct err *err)
{
    w->revoked = calloc(1, sizeof *w->revoked);
    return w->revoked ? 0 : err_set(err, ERR_NOMEM, "no memory");
}

void revoked_close(struct worker *w)
{
    if (!w->revoked) return;
    struct table *table = w->revoked->table;
    for (size_t i = 0; table && i < QUEUE_REVOKED_MAX; i++) free(table->ring[i]);
    free(table);
    free(w->revoked);
    w->revoked = NULL;
}
