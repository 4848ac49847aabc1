/* The schedule as web shows it: entries by the configuration, last runs and pauses by Redis. */
#ifndef LOGIKALD_SERVICES_WEB_JOBS_SCHEDULE_LINK_H
#define LOGIKALD_SERVICES_WEB_JOBS_SCHEDULE_LINK_H

#include <cjson/cJSON.h>

#include "services/web/http/req.h"

/* then is called once with {"leader"?, "entries": [...]} (see the route), its to delete, unless the request is answered
 * here, as without Redis. */
void schedule_link_look(struct req *r, void (*then)(struct req *r, cJSON *schedule));

#endif
