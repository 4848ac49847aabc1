/* Parts lists: an SQLite database file for each elevation, as the upstream makes them: 71 tables, about 1 100 rows,
 * 0.7, 1.2 or 1.72 MB, most with the flag of a write-ahead log and pages of 4096 bytes in UTF-8, some in UTF-16, with
 * other pages, without the flag. Elevations holds the elevation's row, found by its name, and up to three of other
 * ones, each with insertions and glass of its own. The tiny form has the few tables that a reader asks for, and the
 * same rows; the huge one is as the real ones and 20 MB. */
#ifndef LOGIKAL_SIM_PARTS_H
#define LOGIKAL_SIM_PARTS_H

#include "tests/sim/world/world.h"

enum parts_size { PARTS_REAL, PARTS_TINY, PARTS_HUGE };

bool parts_size_of(const char *name, enum parts_size *size); /* "real", "tiny", "huge"; false for another */

/* Which of the forms parts_add_database makes from now on. */
void parts_set_size(enum parts_size size);

/* Adds the bytes of the database file to out. The same elevation, version and size give the same bytes. */
void parts_add_database(const struct world *w, uint32_t elevation, struct buf *out);

/* Adds what a reader should find in it about the elevation, as JSON. */
void parts_add_truth(const struct world *w, uint32_t elevation, struct buf *out);

void parts_forget(void); /* frees what was kept to make them fast */

void base64_add(struct buf *out, const void *bytes, size_t len);

#endif
