/* The truth that the simulator serves: the derived tree (shape) with the changes (overlay) laid over it. Answers who
 * exists, who belongs to whom and who has which identifier, and carries out changes. */
#ifndef LOGIKAL_SIM_WORLD_H
#define LOGIKAL_SIM_WORLD_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "conf/text/buf.h"
#include "tests/sim/world/hash.h"
#include "tests/sim/world/overlay.h"
#include "tests/sim/world/shape.h"

struct world {
    struct shape shape;
    uint32_t count[KIND_COUNT]; /* with what was added; indices are below it */
    uint32_t *directory_parent; /* of the derived directories; NO_INDEX = the root */
    uint32_t *directory_child;  /* first derived child of each; the last entry is the root's */
    uint32_t *directory_next;   /* next derived child of the same parent */
    struct overlay overlay;
    bool is_silent; /* changes of phases and elevations do not move their project's date */
};

/* A list of indices; the caller frees items. */
struct index_list {
    uint32_t *items;
    size_t count, cap;
};

struct world *world_new(const struct shape *shape);
void world_free(struct world *w);

bool world_exists(const struct world *w, enum kind kind, uint32_t index); /* it and all above it */
uint32_t world_parent(const struct world *w, enum kind kind, uint32_t index);
bool world_is_default_phase(const struct world *w, uint32_t phase);
uint32_t world_version(const struct world *w, enum kind kind, uint32_t index);

/* What exists below parent, in a stable order. For directories parent may be NO_INDEX (the root). */
struct index_list world_children(const struct world *w, enum kind child, uint32_t parent);
void index_list_add(struct index_list *list, uint32_t index);

/* Identifiers: a path for a directory, a GUID for the rest. A phase is known by its GUID within a project. Find returns
 * NO_INDEX when there is no such object (any more). parent is only asked for phases. */
void world_add_identifier(const struct world *w, enum kind kind, uint32_t index, struct buf *out);
uint32_t world_find(const struct world *w, enum kind kind, const char *identifier, uint32_t parent);
void world_directory_name(const struct world *w, uint32_t directory, struct buf *out);

/* Changes. All raise the version and set the date of change to now, or one second past the last one. */
void world_change(struct world *w, enum kind kind, uint32_t index, const cJSON *fields); /* fields may be NULL */
uint32_t world_add(struct world *w, enum kind kind, uint32_t parent);                    /* the new index */
void world_delete(struct world *w, enum kind kind, uint32_t index, bool recycle);
void world_restore(struct world *w, enum kind kind, uint32_t index);
/* False when the move would make a directory its own ancestor. */
bool world_move(struct world *w, enum kind kind, uint32_t index, uint32_t parent);

#endif
