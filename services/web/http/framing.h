/* Where a request ends, as its headers say it: what a proxy in front and we could read in two ways is refused, so that
 * no request hides in another one's body (RFC 9112, 5.1, 6.1 to 6.3; 3.2 for Host). */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_FRAMING_H
#define LOGIKALD_SERVICES_WEB_HTTP_FRAMING_H

#include <stdbool.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

/* needs_host: HTTP/1.1 has one Host, HTTP/1.0 may have none. A method whose body evhttp does not read (it takes the
 * body of HEAD for the next request) must announce none. */
bool framing_is_sound(enum evhttp_cmd_type method, const struct evkeyvalq *headers, bool needs_host);

#endif
