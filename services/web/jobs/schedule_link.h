/* The schedule as web shows it: entries by the configuration, last runs and pauses by Redis. */
#ifndef LOGIKALD_SERVICES_WEB_JOBS_SCHEDULE_LINK_H
#define LOGIKALD_SERVICES_WEB_JOBS_SCHEDULE_LINK_H

#include <cjson/cJSON.h>

#include "services/web/http/req.h"

/* Either {"leader"?, "entries": [...]} (see the route), the function's to delete, or what is in the way of it. */
typedef void (*schedule_link_fn)(struct req *r, cJSON *schedule, const struct err *err);

/* then is called once. Web has a queue, that is, Redis is configured. */
void schedule_link_look(struct req *r, schedule_link_fn then);

#endif
