/* Whom a request of remote control is for: all, those named, or those whose name matches a pattern. */
#ifndef LOGIKALD_SERVICES_WORKER_MONITOR_MATCHER_H
#define LOGIKALD_SERVICES_WORKER_MONITOR_MATCHER_H

#include <stdbool.h>
#include <cjson/cJSON.h>

bool request_is_for(const cJSON *request, const char *node);

#endif
