/* Between reply.c, reply_stream.c and server.c. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_REPLY_INTERNAL_H
#define LOGIKALD_SERVICES_WEB_HTTP_REPLY_INTERNAL_H

#include "services/web/http/reply.h"

/* The connection is closing. An answer that was under way ends here; a request that is still being worked on notices
 * when it answers, or at its next chunk. */
void reply_client_gone(struct req *r);
void reply_over(struct req *r); /* logs, counts and frees it */

void reply_common_headers(struct req *r, int status, const char *type);
const char *reply_reason(int status);

/* Something failed in the middle of a stream: the client must not take what it has for the whole, so the connection is
 * reset. The status is for the log. */
void reply_stream_abort(struct req *r, int status);

#endif
