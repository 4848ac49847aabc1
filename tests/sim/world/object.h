/* What an object looks like from outside: the JSON of the upstream's description, derived from seed, index and version,
 * with the fields that a change replaced. */
#ifndef LOGIKAL_SIM_OBJECT_H
#define LOGIKAL_SIM_OBJECT_H

#include "tests/sim/world/world.h"

uint64_t object_created_s(const struct world *w, enum kind kind, uint32_t index);
uint64_t object_changed_s(const struct world *w, enum kind kind, uint32_t index);

/* The object as the upstream's lists show it. */
void object_add_json(const struct world *w, enum kind kind, uint32_t index, struct buf *out);

/* Millimetres; also what the thumbnail and the parts list are drawn from. */
double elevation_width_mm(const struct world *w, uint32_t elevation);
double elevation_height_mm(const struct world *w, uint32_t elevation);
void elevation_add_name(const struct world *w, uint32_t elevation, struct buf *out);
void elevation_add_description(const struct world *w, uint32_t elevation, struct buf *out);
/* A number for everything about an elevation that a change of it changes. */
uint64_t elevation_hash(const struct world *w, uint32_t elevation, unsigned purpose);

#endif
