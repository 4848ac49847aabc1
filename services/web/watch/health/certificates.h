/* When the certificates end of those whom we talk to by TLS: PostgreSQL and Redis as they are connected, Logikal and
 * the receivers of alarms by looking at them now and then. */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_HEALTH_CERTIFICATES_H
#define LOGIKALD_SERVICES_WEB_WATCH_HEALTH_CERTIFICATES_H

#include <cjson/cJSON.h>

#include "services/web/web.h"

struct certificates_watch;
struct certificates_watch *certificates_watch_new(struct web *web); /* NULL without memory */
void certificates_watch_free(struct certificates_watch *w);         /* NULL is fine */
/* [{"of": whose, "ends_s": unix time}] of those that are known; the caller's. */
cJSON *certificates_known(const struct certificates_watch *w);

#endif
