/* Objects that the upstream lists in two places at once, a copied project's elevations as a rule. A row has one place:
 * it stays where it is, instead of going from one to the other with each sync; each is told to the stage. */
#ifndef LOGIKALD_SERVICES_STORE_SYNC_SYNC_DOUBLES_H
#define LOGIKALD_SERVICES_STORE_SYNC_SYNC_DOUBLES_H

#include <stdint.h>

#include "conf/err.h"

struct db;
struct stage;

/* Takes those elevations out of the listings (an array literal) that are in another project, whose own list says so as
 * of its last change. project: row id, as text. Returns how many, or -ERR_DB. */
int64_t doubles_elevations(const struct stage *stage, int64_t run, const char *project, const char *listings,
                           struct err *err);
/* At the end of a run's rows: those that are missing where they are by now have moved to where they were seen. */
int doubles_settle(struct db *db, int64_t run, struct err *err);
/* Tells of projects that are listed in several directories. 0 or -ERR_DB. */
int doubles_projects(const struct stage *stage, struct err *err);

#endif
