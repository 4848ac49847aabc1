/* What keeps anything from being done: the stores, the switch, processes, queues. Each function gives the link, or NULL
 * when nothing is amiss there (as far as is known). */
#ifndef LOGIKALD_SERVICES_WHY_PLANT_H
#define LOGIKALD_SERVICES_WHY_PLANT_H

#include <stdbool.h>
#include <cjson/cJSON.h>

cJSON *plant_database(const cJSON *facts);
cJSON *plant_redis(const cJSON *facts);
cJSON *plant_supervisor(const cJSON *facts);
cJSON *plant_child(const cJSON *facts, const cJSON *child); /* of the snapshot */
bool plant_knows_children(const cJSON *facts);              /* there is a snapshot that is true now */
/* Adds to link what keeps a queue from being worked on; a queue that nobody knows adds nothing. */
void plant_add_queue(const cJSON *facts, const char *queue, cJSON *link);
void plant_add_workers(const cJSON *facts, cJSON *link);
/* Runners of all workers, and how many of them have something to do. */
void plant_runners(const cJSON *facts, double *runners, double *active);
cJSON *plant_busy(const cJSON *facts); /* no runner of any worker is free */
/* Adds what keeps scheduled syncs from coming. */
void plant_add_schedule(const cJSON *facts, cJSON *link);

#endif
