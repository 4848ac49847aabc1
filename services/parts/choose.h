/* Which of several elevations in a parts list is the one that it was asked for: by its name. Pure. */
#ifndef LOGIKALD_SERVICES_PARTS_CHOOSE_H
#define LOGIKALD_SERVICES_PARTS_CHOOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How well a row fits, the best first. */
enum choose_match {
    MATCH_BOTH,   /* name and identifier */
    MATCH_NAME,   /* its name is the name */
    MATCH_ID,     /* its identifier is the identifier, in whatever spelling */
    MATCH_LOOSE,  /* the same name but for case and white space */
    MATCH_PREFIX, /* the name is its beginning: "P01" and "P01 (copy)" */
    MATCH_NONE
};

struct choose {
    const char *name, *id; /* of the elevation as the database has it; NULL = not known */
    int64_t rows;
    int64_t count[MATCH_NONE]; /* rows that fit so, not better */
    int64_t first[MATCH_NONE]; /* the first of them */
};

/* Takes note of the next row: its name, as its raw bytes, and id; both may be NULL. */
void choose_add(struct choose *c, const char *name, size_t name_len, const char *id);
/* The number of the row (from 0): the only one that fits best, or the only one there is; -1 when nothing tells. */
int64_t choose_row(const struct choose *c);

#endif
