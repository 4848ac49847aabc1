/* Tells operators of problems that last (facts.h), once, again after ALERT_REPEAT_SECONDS, and when they are over; by
 * the channels of the settings. Of several web processes the one that PostgreSQL lets claim it tells; while PostgreSQL
 * is away each tells, so that none is silent. HEARTBEAT_URL is called while nothing is wrong. */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_ALARMS_ALARMS_H
#define LOGIKALD_SERVICES_WEB_WATCH_ALARMS_ALARMS_H

#include <cjson/cJSON.h>

#include "services/web/web.h"

struct alarms;
struct alarms *alarms_new(struct web *web); /* NULL without memory */
void alarms_free(struct alarms *a);         /* NULL is fine */

/* Why the last message could not be delivered, and by which channel; "" = it was. */
const char *alarms_fault(const struct alarms *a);

const char *alarms_beat_fault(const struct alarms *a); /* why HEARTBEAT_URL could not be called; "" = it could */

/* Tells all channels of a test: 0, and fn is called with [{"channel","is_delivered","error"}] (its to delete);
 * -ERR_CONFIG when there is no channel. */
typedef void (*alarms_test_fn)(void *arg, cJSON *results);
int alarms_test(struct alarms *a, alarms_test_fn fn, void *arg, struct err *err);

#endif
