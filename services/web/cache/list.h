/* Lists of stored objects. Up to LIST_WHOLE rows come as one document from the cache; more are streamed, page after
 * page in the order of their ids, so that memory does not grow with their number. With ?limit= the client pages itself:
 * the answer's next_cursor goes into ?cursor= of the next request. */
#ifndef LOGIKALD_SERVICES_WEB_CACHE_LIST_H
#define LOGIKALD_SERVICES_WEB_CACHE_LIST_H

#include "conf/text/buf.h"
#include "services/web/http/req.h"

#define LIST_WHOLE 2500
#define LIST_PAGE  250 /* rows of a piece of a stream: what is compressed in one turn of the loop */

/* The schema of the query parameters that every list has. */
#define LIST_QUERY "limit?:integer(1..2500), cursor?:integer(0..2147483647), " LIST_SINCE
#define LIST_SINCE "updated_since?:datetime, include_deleted?:boolean=false"

/* Of rows of parts lists. */
#define PARTS_PAGE "limit?:integer(1..2500), cursor?:integer(0..9007199254740991), format?:json|ndjson|csv"
#define BOM_MEMBERS                                                                                                    \
    "elevations:[{elevation_id:integer, name?:string, amount?:number, version:integer, sha256:string,"                 \
    " valid_from:datetime, behind?:string, problem?:string}], is_whole:boolean, not_in_it:[{elevation_id:integer, "    \
    "name?:string, "                                                                                                   \
    "state:string,"                                                                                                    \
    " error?:string}], articles:[BomLine], profiles:[BomLine], panes:[BomLine], labour:[BomLine],"                     \
    " labour_minutes:number"

/* query: (after id, limit, filter) -> count, last id, rows as JSON split by commas, how many are stale, last update. */
void list_reply(struct req *r, const struct query *query, const char *filter, unsigned tables);

struct list_totals {
    int64_t count, stale; /* of the pages so far */
    char updated[48];
};
/* Counts a page in; returns its number of rows. */
int64_t list_count_in(struct list_totals *t, const PGresult *result);
/* The end of a list's document, from the bracket that closes its rows on; next_cursor: NULL = none is told, "" = null.
 */
void list_add_tail(const struct list_totals *t, struct buf *out, const char *next_cursor);
/* Link: rel=next, to the page after the cursor. */
void list_link_next(struct req *r, const char *cursor);

#endif
