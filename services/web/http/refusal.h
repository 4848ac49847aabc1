/* Answers to requests that could not be read: a malformed request line, a wrong chunk, a body or headers beyond the
 * limits, an unknown method. evhttp 2.1 answers those by itself, in HTML, and has no hook for it. But what it writes
 * lies in the connection's output buffer until the loop turns: there it is replaced by an answer like all others (JSON
 * with detail, request id, security headers), which is counted and logged. evhttp closes the connection afterwards. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_REFUSAL_H
#define LOGIKALD_SERVICES_WEB_HTTP_REFUSAL_H

#include <event2/bufferevent.h>

#include "services/web/web.h"

/* bev's output begins with an answer of evhttp's own, whole: true. One of ours, or "100 Continue", is left as it is.
 * received: bytes of the request so far; evhttp says 400 also of headers that are too large, and those are 431. */
bool refusal_replace(const struct web *web, struct bufferevent *bev, size_t received);

#endif
