/* Server-sent events: a stream of text/event-stream that stays open until the client leaves, the server stops, or the
 * handler ends it. A comment goes out every SSE_ALIVE_S seconds, so that a client that is gone is noticed. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_SSE_H
#define LOGIKALD_SERVICES_WEB_HTTP_SSE_H

#include "services/web/http/req.h"

#define SSE_ALIVE_S 15

/* Turns the request into a stream. closed (may be NULL) is called once, when the stream is over for whatever reason:
 * let go of the request then, it is freed right after. False: it is over already (HEAD, whose answer has no body; a
 * client that is gone), closed has been called, and nothing may be sent. */
bool sse_begin(struct req *r, void (*closed)(struct req *r));
/* Sends an event. data may have several lines. False when the client is gone or takes too little: then the stream is
 * over, and closed has been called. */
bool sse_event(struct req *r, const char *event, const char *data);
void sse_end(struct req *r);

/* For the server: ends every stream (when it drains). */
void sse_end_all(void);

#endif
