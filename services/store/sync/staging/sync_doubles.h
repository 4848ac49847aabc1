/* Objects that the upstream lists in two places at once, a copied project's elevations as a rule. A row has one place:
 * it stays where it is, until the list of that place does not show it any more; then it follows. Each is told to the
 * stage. */
#ifndef LOGIKALD_SERVICES_STORE_SYNC_STAGING_SYNC_DOUBLES_H
#define LOGIKALD_SERVICES_STORE_SYNC_STAGING_SYNC_DOUBLES_H

#include <stdint.h>

#include "conf/err.h"

struct stage;

/* Takes those elevations out of the listings (an array literal) that are in another project, and keeps them as claims
 * of this one. project: row id, as text. Returns how many, or -ERR_DB. Tells of those that are listed in two ways,
 * and counts them in twice. */
int64_t doubles_elevations(const struct stage *stage, int64_t run, const char *project, const char *listings,
                           int64_t *twice, struct err *err);
/* Tells of phases of a listing that are in it in two ways; how many, or -ERR_DB. */
int64_t doubles_phases(const struct stage *stage, int64_t listing, struct err *err);
/* Tells of directories, or projects, that are listed in two ways. 0 or -ERR_DB. */
int doubles_directories(const struct stage *stage, struct err *err);
int doubles_projects(const struct stage *stage, struct err *err);
/* When all of a run's lists are there: an elevation that its project has lost goes to the one that claims it, and the
 * others are told. 0 or -ERR_DB. */
int doubles_settle(const struct stage *stage, int64_t run, struct err *err);

#endif
