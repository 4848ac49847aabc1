/* Remote control that changes something: what `celery control` and Flower send. */
#ifndef LOGIKALD_SERVICES_WORKER_MONITOR_COMMANDS_H
#define LOGIKALD_SERVICES_WORKER_MONITOR_COMMANDS_H

#include <cjson/cJSON.h>

#include "services/worker/worker.h"

/* False: there is no such command. answer: to be freed; NULL = null, as Celery answers what has nothing to say. */
bool commands_run(struct worker *w, const char *method, const cJSON *arguments, cJSON **answer);

#endif
