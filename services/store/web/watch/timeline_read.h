/* The timeline: what happened, from all tables that tell of it, the newest first. */
#ifndef LOGIKALD_SERVICES_STORE_WEB_WATCH_TIMELINE_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_WATCH_TIMELINE_READ_H

#include <stdbool.h>

#include "services/store/db/pool.h"

/* (kind or "" for all but readings of memory, since, until, cursor, limit, days that events are kept) ->
 * {events: [{id, at, kind, what, subject, text, detail, until, severity, actor, host, link, missing}], next}. */
extern const struct query query_timeline;
bool timeline_is_cursor(const char *text);

#endif
