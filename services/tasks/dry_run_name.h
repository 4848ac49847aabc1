/* How people write dry_run. */
#ifndef LOGIKALD_SERVICES_TASKS_DRY_RUN_NAME_H
#define LOGIKALD_SERVICES_TASKS_DRY_RUN_NAME_H

#include <stdbool.h>
#include <cjson/cJSON.h>

/* dry_run, dryRun, dry-run, DRYRUN. */
bool dry_run_is_meant(const char *name);
/* The first member of an object that is called so; NULL = none, or no object. */
const char *dry_run_member(const cJSON *object);

#endif
