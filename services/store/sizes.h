/* How large the database is, and when it will be full. */
#ifndef LOGIKALD_SERVICES_STORE_SIZES_H
#define LOGIKALD_SERVICES_STORE_SIZES_H

#include <stddef.h>
#include <stdint.h>

#include "conf/err.h"

struct db;

struct sizes {
    int64_t database, parts, parts_raw, files;
    double per_day; /* growth in bytes; 0 = none, or not known */
};

#define SIZES_NEVER (-1.0)

/* Seconds until the limit (0 = not known) is reached at this rate: 0 = it is, SIZES_NEVER = it is not, or nothing
 * tells.
 */
double sizes_full_in(const struct sizes *s, int64_t limit);
/* "1.2 GB of 10 GB, full on 2027-03-01 at this rate (40 MB a day)"; returns out. */
const char *sizes_text(const struct sizes *s, int64_t limit, int64_t now_s, char *out, size_t size);

int sizes_read(struct db *db, struct sizes *out, struct err *err);
int sizes_sample(struct db *db, struct err *err); /* for the rate; does nothing more often than once an hour */

#endif
