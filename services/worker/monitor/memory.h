/* memsample, memdump, objgraph: what remote control asks of a worker's memory. */
#ifndef LOGIKALD_SERVICES_WORKER_MONITOR_MEMORY_H
#define LOGIKALD_SERVICES_WORKER_MONITOR_MEMORY_H

#include <cjson/cJSON.h>

#include "services/worker/worker.h"

cJSON *memory_sample(struct worker *w, const cJSON *arguments);
cJSON *memory_dump(struct worker *w, const cJSON *arguments);
cJSON *memory_graph(struct worker *w, const cJSON *arguments);

#endif
