/* Between reply.c and server.c. */
#ifndef LOGIKALD_SERVICES_WEB_REPLY_INTERNAL_H
#define LOGIKALD_SERVICES_WEB_REPLY_INTERNAL_H

#include "services/web/reply.h"

/* The connection is closing. An answer that was under way ends here; a request that is still being worked on notices
 * when it answers, or at its next chunk. */
void reply_client_gone(struct req *r);
void reply_over(struct req *r); /* logs, counts and frees it */

#endif
