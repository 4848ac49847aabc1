/* `registered`: the tasks that this worker knows, with those of their attributes that are asked for. */
#ifndef LOGIKALD_SERVICES_WORKER_MONITOR_LISTED_H
#define LOGIKALD_SERVICES_WORKER_MONITOR_LISTED_H

#include <cjson/cJSON.h>

#include "services/worker/worker.h"

cJSON *listed_tasks(struct worker *w, const cJSON *arguments);

#endif
