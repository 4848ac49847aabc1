/* One line per request: method, path (never its query, which may hold secrets), status, bytes, duration, client, id. */
#ifndef LOGIKALD_SERVICES_WEB_ACCESS_LOG_H
#define LOGIKALD_SERVICES_WEB_ACCESS_LOG_H

#include "services/web/req.h"

void access_log(const struct req *r); /* at its end; also counts it for /metrics */

#endif
