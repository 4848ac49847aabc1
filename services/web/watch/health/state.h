/* What the process knows at once, as JSON for the pages: the master switch in plain words, the supervisor's children,
 * the stores' health. Files are read, nothing is waited for. */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_HEALTH_STATE_H
#define LOGIKALD_SERVICES_WEB_WATCH_HEALTH_STATE_H

#include <cjson/cJSON.h>

#include "services/web/web.h"

/* {is_on, text}: text says whether scheduled sync is on, and where that was set. */
cJSON *state_switch(const struct web *web);
/* {is_known, is_stale, note, version, uptime_since, reloads, reload_error, memory_bytes, children: [{name, role, state,
 * tone, pid, since, restarts, bytes, cpu_percent, status, last_exit, next_start, can_stop}]}. Without a supervisor:
 * {note}. */
cJSON *state_children(const struct web *web);
/* [{name, tone, text, detail}] for PostgreSQL, Redis and Logikal. */
cJSON *state_stores(const struct web *web);

#endif
