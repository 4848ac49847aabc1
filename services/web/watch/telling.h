/* Brings what is to be told to all channels of the settings, tries again what was not taken, and keeps what became of
 * it (alert_log; while PostgreSQL is away in memory). */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_TELLING_H
#define LOGIKALD_SERVICES_WEB_WATCH_TELLING_H

#include <stdbool.h>
#include <cjson/cJSON.h>

#include "services/web/watch/alarms.h"

struct telling;
struct telling *telling_new(struct web *web); /* NULL without memory */
void telling_free(struct telling *t);         /* NULL is fine */
bool telling_is_on(const struct web *web);    /* there is a channel, or a heartbeat */

void telling_tell(struct telling *t, const char *kind, const cJSON *problem); /* see channels.h */
void telling_beat(struct telling *t);
const char *telling_beat_fault(const struct telling *t); /* "" = it could be called */
const char *telling_fault(const struct telling *t);
int telling_test(struct telling *t, alarms_test_fn fn, void *arg, struct err *err);

#endif
