/* Lingering close: a socket that is closed with bytes unread, or still arriving, resets the connection, and the client
 * may never see the answer that it was sent. So after an answer to what was not read to its end, the socket is kept
 * open a little longer, and what comes is thrown away, until the client closes or has had its time. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_LINGER_H
#define LOGIKALD_SERVICES_WEB_HTTP_LINGER_H

#include <event2/bufferevent.h>
#include <event2/event.h>

struct lingers;

struct lingers *lingers_new(struct event_base *base); /* NULL without memory */
void lingers_free(struct lingers *l);                 /* closes all; NULL is fine */

/* The caller sends the answer and lets go of bev; a reference keeps its socket open meanwhile. A duplicate of the
 * descriptor would not do: the loop gathers its changes of epoll's set until it waits (main.c), and takes it for
 * granted that a descriptor which is closed has left that set. Nothing happens when too many linger. */
void linger(struct lingers *l, struct bufferevent *bev);

#endif
