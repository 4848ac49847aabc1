/* Another world in the place of the known one: a listing that leaves out more than half of what lives in a place and
 * shows as many objects that nobody has seen before (another tenant, a restored copy). What is unknown there is not
 * stored until the known is gone for good, or stays by an administrator's word. */
#ifndef LOGIKALD_SERVICES_STORE_SYNC_STAGING_SYNC_EXCHANGE_H
#define LOGIKALD_SERVICES_STORE_SYNC_STAGING_SYNC_EXCHANGE_H

#include <stdint.h>

#include "conf/err.h"

struct stage;

struct exchange {
    int64_t withheld; /* unknown objects that are not to be stored */
    char *places;     /* where they are, an array literal; the caller frees it */
};

/* Of the stage's projects, by the key of their directory. */
int exchange_projects(const struct stage *stage, struct exchange *out, struct err *err);
/* Of one project's elevations, by the identifier of their phase: the project's row, the array literals of the listings
 * and of the phases that were listed. */
int exchange_elevations(const struct stage *stage, const char *project, const char *listings, const char *phases,
                        struct exchange *out, struct err *err);

#endif
