/* Joining a sync that is going on: a request for what is being synced waits for it and takes its result. */
#ifndef LOGIKALD_SERVICES_SYNC_JOIN_H
#define LOGIKALD_SERVICES_SYNC_JOIN_H

#include <cjson/cJSON.h>

#include "services/sync/run.h"

/* After run_open said -ERR_CONFLICT (run->db is open). 0: it has ended well, *result is its result, with "joined":
 * true. 1: it has ended without a result for us (its process died, it failed, or it was of a wider scope): try run_open
 * again. -ERR_CANCELLED, -ERR_DB. Blocks as long as the other one works, reporting its progress. */
int join_run(struct sync_run *run, const char *scope, cJSON **result, struct err *err);

#endif
