/* Links of the sync itself: runs under way, leases, failures, what is held back. NULL, or nothing added, when there is
 * none. */
#ifndef LOGIKALD_SERVICES_WHY_SYNC_H
#define LOGIKALD_SERVICES_WHY_SYNC_H

#include <stdbool.h>
#include <cjson/cJSON.h>

/* One that runs (then true), or its lease that is held. */
bool sync_add_run(const cJSON *facts, const char *scope, cJSON *link);
cJSON *sync_last_failure(const cJSON *facts, const cJSON *type);
cJSON *sync_holds(const cJSON *facts, const char *type);
/* What Logikal answered, and what one can do about it: an advice is added to link. */
void sync_add_advice(const cJSON *facts, const char *error, cJSON *link);

#endif
