/* Lists of stored objects. Up to LIST_WHOLE rows come as one document from the cache; more are streamed, page after
 * page in the order of their ids, so that memory does not grow with their number. With ?limit= the client pages itself:
 * the answer's next_cursor goes into ?cursor= of the next request. */
#ifndef LOGIKALD_SERVICES_WEB_CACHE_LIST_H
#define LOGIKALD_SERVICES_WEB_CACHE_LIST_H

#include "services/web/http/req.h"

#define LIST_WHOLE 2500
#define LIST_PAGE  250 /* rows of a piece of a stream: what is compressed in one turn of the loop */

/* The schema of the query parameters that every list has. */
#define LIST_QUERY "limit?:integer(1..2500), cursor?:integer(0..2147483647)"

/* query: (after id, limit, filter) -> count, last id, rows as JSON split by commas, how many are stale, last update. */
void list_reply(struct req *r, const struct query *query, const char *filter, unsigned tables);

#endif
