/* Lingering close: a socket that is closed with bytes unread, or still arriving, resets the connection, and the client
 * may never see the answer that it was sent. So after an answer to what was not read to its end, the socket is kept
 * open a little longer, and what comes is thrown away, until the client closes or has had its time. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_LINGER_H
#define LOGIKALD_SERVICES_WEB_HTTP_LINGER_H

#include <event2/event.h>

struct lingers;

struct lingers *lingers_new(struct event_base *base); /* NULL without memory */
void lingers_free(struct lingers *l);                 /* closes all; NULL is fine */

/* fd stays the caller's, who sends the answer and closes it; a duplicate lingers. Nothing happens when too many do. */
void linger(struct lingers *l, int fd);

#endif
