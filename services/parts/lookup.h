/* A table of a parts list as a dictionary: what an identifier stands for. For the few that lines refer to. */
#ifndef LOGIKALD_SERVICES_PARTS_LOOKUP_H
#define LOGIKALD_SERVICES_PARTS_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

#include "services/parts/image.h"

struct lookup_entry {
    char *id, *name, *parent; /* name and parent may be NULL */
    int64_t row;              /* from 0 */
};
struct lookup {
    struct lookup_entry *entries;
    size_t count, cap;
    int64_t rows; /* of the table, also those without an identifier */
};

/* Reads columns of a table; name and parent may be NULL, and each column may be missing. What cannot be read is not
 * there (a lack of memory is in the image). */
void lookup_read(struct lookup *l, struct image *image, const char *table, const char *id, const char *name,
                 const char *parent);
void lookup_free(struct lookup *l);
/* The first entry with this identifier, NULL = there is none. */
const struct lookup_entry *lookup_find(const struct lookup *l, const char *id);

#endif
