/* The web process' connection to Redis and the queue; without settings for Redis there is none. */
#ifndef LOGIKALD_SERVICES_WEB_JOBS_QUEUE_LINK_H
#define LOGIKALD_SERVICES_WEB_JOBS_QUEUE_LINK_H

#include "services/web/web.h"

void queue_link_open(struct web *web); /* connects in the background; faults are logged */
/* Calls fn once: when Redis has been reached, or could not be; QUEUE_LINK_TRY_MS from now at the latest, and at once
 * where there is none. Who takes requests only then answers none as if Redis were away that is not. */
#define QUEUE_LINK_TRY_MS 2000
void queue_link_when_tried(struct web *web, void (*fn)(struct web *web));
void queue_link_close(struct web *web);
long queue_link_reconnects(void); /* connections made so far */

#endif
