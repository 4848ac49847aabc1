/* How many large answers are streamed at a time: each costs some hundred kilobytes while it lasts, however large it
 * is, and so all together stay within STREAMS_MAX times that. Who comes when all places are taken waits in line; who
 * has waited STREAM_WAIT_S is answered 503. A client has STREAMS_OWN places at most, so that others never find all
 * taken by one, and a place that becomes free goes to whoever of those in line has fewest. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_STREAMS_H
#define LOGIKALD_SERVICES_WEB_HTTP_STREAMS_H

#include "services/web/http/req.h"

#define STREAMS_MAX   16
#define STREAMS_OWN   12
#define STREAM_WAIT_S 20

/* Calls go once there is a place, now or later; answers by itself when that takes too long or the client goes. */
void streams_admit(struct req *r, void (*go)(struct req *r));

/* Gives the place back, if there is one: from req_free, and by who has nothing to send for a while. */
void streams_leave(struct req *r);

#endif
