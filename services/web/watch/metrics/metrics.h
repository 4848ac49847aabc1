/* Counters of this process, and /metrics. */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_METRICS_METRICS_H
#define LOGIKALD_SERVICES_WEB_WATCH_METRICS_METRICS_H

#include "services/web/http/req.h"

struct route;

struct metrics *metrics_new(struct web *web);
void metrics_free(struct metrics *m);
void metrics_request(struct metrics *m, const struct route *route, int status, int64_t us); /* route may be NULL */

#endif
