/* Brings what is to be told to all channels of the settings, and tries again what was not taken. What waits is kept in
 * PostgreSQL (alert_outbox), so that it is told though the process ends; what is told while PostgreSQL is away, and
 * what became of it (alert_log), waits in memory. */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_ALARMS_TELLING_H
#define LOGIKALD_SERVICES_WEB_WATCH_ALARMS_TELLING_H

#include <stdbool.h>
#include <cjson/cJSON.h>

#include "services/web/watch/alarms/alarms.h"

struct telling;
struct telling *telling_new(struct web *web); /* NULL without memory */
void telling_free(struct telling *t);         /* NULL is fine */
bool telling_is_on(const struct web *web);    /* there is a channel, or a heartbeat */

void telling_tell(struct telling *t, const char *kind, const cJSON *problem); /* without PostgreSQL; see channels.h */
bool telling_waits(const struct telling *t, const char *key); /* of a problem told so: no channel has taken it yet */
void telling_take(struct telling *t);                         /* looks into alert_outbox at once */
const char *telling_channels(struct telling *t);              /* those of the settings, as a JSON list */
void telling_beat(struct telling *t);
const char *telling_beat_fault(const struct telling *t); /* "" = it could be called */
const char *telling_fault(const struct telling *t);
int telling_test(struct telling *t, alarms_test_fn fn, void *arg, struct err *err);

#endif
