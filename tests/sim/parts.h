/* Parts lists: an SQLite database file for each elevation, as the upstream makes them. */
#ifndef LOGIKAL_SIM_PARTS_H
#define LOGIKAL_SIM_PARTS_H

#include "tests/sim/world.h"

/* Adds the bytes of the database file to out. The same elevation and version give the same bytes. */
void parts_add_database(const struct world *w, uint32_t elevation, struct buf *out);

void base64_add(struct buf *out, const void *bytes, size_t len);

#endif
