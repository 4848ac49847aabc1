/* The table of changes: see overlay.h. Running out of memory ends the simulator: it is a tool for tests. */
#include "tests/sim/world/overlay.h"

#include <stdlib.h>

#include "tests/sim/world/hash.h"

static size_t bucket_of(const struct overlay *o, enum kind kind, uint32_t index)
{
    return hash3(1, kind, index) % o->bucket_count;
}

static void *must(void *memory)
{
    if (!memory) abort();
    return memory;
}

static void grow(struct overlay *o)
{
    struct change **old = o->buckets;
    size_t old_count = o->bucket_count;
    o->bucket_count = old_count ? old_count * 4 : 64;
    o->buckets = must(calloc(o->bucket_count, sizeof(void *)));
    for (size_t i = 0; i < old_count; i++) {
        for (struct change *c = old[i], *next; c; c = next) {
            next = c->next;
            size_t b = bucket_of(o, c->kind, c->index);
            c->next = o->buckets[b];
            o->buckets[b] = c;
        }
    }
    free(old);
}

struct change *overlay_find(const struct overlay *o, enum kind kind, uint32_t index)
{
    if (!o->count) return NULL;
    struct change *c = o->buckets[bucket_of(o, kind, index)];
    while (c && (c->kind != kind || c->index != index)) c = c->next;
    return c;
}

struct change *overlay_touch(struct overlay *o, enum kind kind, uint32_t index)
{
    struct change *c = overlay_find(o, kind, index);
    if (c) return c;
    if (o->count >= o->bucket_count) grow(o);
    c = must(calloc(1, sizeof *c));
    c->kind = kind;
    c->index = index;
    c->parent = NO_INDEX;
    size_t b = bucket_of(o, kind, index);
    c->next = o->buckets[b];
    o->buckets[b] = c;
    o->count++;
    return c;
}

void overlay_set_parent(struct overlay *o, struct change *c, uint32_t parent)
{
    c->parent = parent;
    if (c->is_guest) return;
    c->is_guest = true;
    if (o->guest_count[c->kind] == o->guest_cap[c->kind]) {
        o->guest_cap[c->kind] = o->guest_cap[c->kind] ? o->guest_cap[c->kind] * 2 : 16;
        o->guests[c->kind] = must(realloc(o->guests[c->kind], o->guest_cap[c->kind] * sizeof(struct change *)));
    }
    o->guests[c->kind][o->guest_count[c->kind]++] = c;
}

void overlay_free(struct overlay *o)
{
    for (size_t i = 0; i < o->bucket_count; i++) {
        for (struct change *c = o->buckets[i], *next; c; c = next) {
            next = c->next;
            cJSON_Delete(c->fields);
            free(c);
        }
    }
    free(o->buckets);
    for (int k = 0; k < KIND_COUNT; k++) free(o->guests[k]);
    *o = (struct overlay){0};
}
