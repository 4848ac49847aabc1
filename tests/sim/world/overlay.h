/* What was changed, added, deleted or moved since the start: a small table beside the derived tree. An object without
 * an entry is as its seed and index say. */
#ifndef LOGIKAL_SIM_OVERLAY_H
#define LOGIKAL_SIM_OVERLAY_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sim/world/shape.h"

struct change {
    struct change *next; /* in its bucket */
    enum kind kind;
    uint32_t index;
    uint32_t parent;               /* meaningful when is_guest */
    uint32_t version;              /* how often it was changed */
    bool is_guest;                 /* added, or moved away from where the shape puts it */
    bool is_deleted;               /* vanished */
    bool is_recycled;              /* still listed, but marked as deleted */
    uint64_t created_s, changed_s; /* unix time; 0 = as derived */
    cJSON *fields;                 /* values that replace derived ones, or NULL */
};

struct overlay {
    struct change **buckets;
    size_t bucket_count, count;
    struct change **guests[KIND_COUNT]; /* every guest of a kind, in the order in which they came */
    size_t guest_count[KIND_COUNT], guest_cap[KIND_COUNT];
};

void overlay_free(struct overlay *o);
struct change *overlay_find(const struct overlay *o, enum kind kind, uint32_t index); /* NULL when unchanged */
struct change *overlay_touch(struct overlay *o, enum kind kind, uint32_t index);      /* makes it when missing */
void overlay_set_parent(struct overlay *o, struct change *c, uint32_t parent);        /* makes it a guest */

#endif
