/* The state of everything as JSON, for /api/v1/health/detailed and the pages. */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_HEALTH_H
#define LOGIKALD_SERVICES_WEB_WATCH_HEALTH_H

#include <cjson/cJSON.h>

#include "services/web/gate/handlers.h"

cJSON *health_report(const struct web *web); /* the caller's */

#endif
