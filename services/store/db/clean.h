/* The one door for text to PostgreSQL: parameters that are valid UTF-8, whatever they were. For services/store alone.
 */
#ifndef LOGIKALD_SERVICES_STORE_DB_CLEAN_H
#define LOGIKALD_SERVICES_STORE_DB_CLEAN_H

#include <stddef.h>

struct buf;

struct clean {
    const char *const *values; /* to hand on: as they came, or copies in which '?' stands for each byte that is wrong */
    char **copies;
    int n;
};

/* binary[i]: not a text; NULL = all are. 0, or -1 without memory. Ends with clean_free. */
int clean_values(struct clean *c, int n, const char *const *values, const int *binary);
void clean_free(struct clean *c);

/* The same for what was added to a buffer since start. */
void clean_tail(struct buf *out, size_t start);

#endif
