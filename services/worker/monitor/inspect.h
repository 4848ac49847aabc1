/* Remote control that only looks. */
#ifndef LOGIKALD_SERVICES_WORKER_MONITOR_INSPECT_H
#define LOGIKALD_SERVICES_WORKER_MONITOR_INSPECT_H

#include <cjson/cJSON.h>

#include "services/worker/worker.h"

cJSON *inspect_answer(struct worker *w, const char *method, const cJSON *arguments); /* NULL = no such method */
cJSON *inspect_scheduled(struct worker *w, const redisReply *reply);                 /* of view.lua */

#endif
