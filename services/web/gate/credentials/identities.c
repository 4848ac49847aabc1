/* See identities.h. A small hash table; a newer entry takes the place of an older one with the same hash. */
#include "services/web/gate/credentials/identities.h"

#include <stdlib.h>
#include <string.h>

#include "conf/text/hash.h"

#define SLOTS 256

struct known_identity {
    char *key;
    int64_t version;
    struct identity identity;
};
static struct known_identity *slots[SLOTS];

static struct known_identity **slot_of(const char *key)
{
    return &slots[hash_text(key) % SLOTS];
}

static void slot_clear(struct known_identity **slot)
{
    if (*slot) free((*slot)->key);
    free(*slot);
    *slot = NULL;
}

const struct identity *identity_recall(const char *key, int64_t version)
{
    struct known_identity *k = *slot_of(key);
    return k && k->version == version && strcmp(k->key, key) == 0 ? &k->identity : NULL;
}

const struct identity *identity_last(const char *key)
{
    const struct known_identity *k = *slot_of(key);
    return k && k->identity.exists && strcmp(k->key, key) == 0 ? &k->identity : NULL;
}

bool identity_is_known(const char *key)
{
    return identity_last(key) != NULL;
}

bool identity_is_gone(const char *key)
{
    const struct known_identity *k = *slot_of(key);
    return k && !k->identity.exists && strcmp(k->key, key) == 0;
}

static void keep(struct known_identity **slot, const char *key, int64_t version, const struct identity *found)
{
    slot_clear(slot);
    *slot = calloc(1, sizeof **slot);
    if (!*slot) return;
    (*slot)->key = strdup(key);
    (*slot)->version = version;
    (*slot)->identity = *found;
    if (!(*slot)->key) slot_clear(slot);
}

void identity_remember(const char *key, int64_t version, const struct identity *found)
{
    struct known_identity **slot = slot_of(key);
    if (found->exists)
        keep(slot, key, version, found);
    else if (identity_is_known(key)) /* it costs a statement each time, but no memory, and nobody else his place */
        slot_clear(slot);
}

void identity_remember_gone(const char *key, int64_t version)
{
    keep(slot_of(key), key, version, &(struct identity){.exists = false});
}

void identities_free(void)
{
    for (int i = 0; i < SLOTS; i++) slot_clear(&slots[i]);
}
