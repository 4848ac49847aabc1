/* What a list leaves out of objects that say themselves that they have not moved (the same version, the same date):
 * none of them can have lost its width and be the same. What they had is filled in on the stage, before anything reads
 * that, and it is told; a forced sync takes what is listed, and tells that. A name that is not there at all (null) is
 * no name, whatever the date says, where there was one. Who has never had a version or a date says nothing by leaving
 * them out: what is listed counts. */
#ifndef LOGIKALD_SERVICES_STORE_SYNC_STAGING_SYNC_LEFT_OUT_H
#define LOGIKALD_SERVICES_STORE_SYNC_STAGING_SYNC_LEFT_OUT_H

#include <stdint.h>

#include "conf/err.h"

struct stage;

/* In the transaction that applies, before the rest: 0 or -ERR_DB. project is a row's number. */
int left_out_directories(const struct stage *stage, struct err *err);
int left_out_projects(const struct stage *stage, struct err *err);
int left_out_phases(const struct stage *stage, int64_t listing, const char *project, struct err *err);
int left_out_elevations(const struct stage *stage, const char *listings, struct err *err);

#endif
