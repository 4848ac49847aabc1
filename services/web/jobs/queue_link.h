/* The web process' connection to Redis and the queue; without settings for Redis there is none. */
#ifndef LOGIKALD_SERVICES_WEB_JOBS_QUEUE_LINK_H
#define LOGIKALD_SERVICES_WEB_JOBS_QUEUE_LINK_H

#include "services/web/web.h"

void queue_link_open(struct web *web); /* connects in the background; faults are logged */
void queue_link_close(struct web *web);
long queue_link_reconnects(void); /* connections made so far */

#endif
