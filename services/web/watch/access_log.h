/* One line per request, with fields (conf/log.h): request_id, method, route (the pattern), path (never its query, which
 * may hold secrets), status, bytes, duration_ms, client_id, address, and end when it did not end well. What is not
 * known is left out. */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_ACCESS_LOG_H
#define LOGIKALD_SERVICES_WEB_WATCH_ACCESS_LOG_H

#include "services/web/http/req.h"

void access_log(const struct req *r); /* at its end; also counts it for /metrics */

#endif
