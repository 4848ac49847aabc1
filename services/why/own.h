/* The facts that are there without asking: settings with where they are set, the supervisor's snapshot, what is
 * configured; and answers of the queue as facts. */
#ifndef LOGIKALD_SERVICES_WHY_OWN_H
#define LOGIKALD_SERVICES_WHY_OWN_H

#include "services/why/gather.h"

cJSON *own_facts(const struct why_sources *sources, const char *of);
cJSON *own_stats(const struct queue_stats *stats);
cJSON *own_result(const struct result *result);
void own_choose(cJSON *facts, const cJSON *candidates); /* kind and key of the only one */

#endif
