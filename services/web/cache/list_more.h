/* Lists for readers that ask for more than the plain document: only what changed since a time, also what is gone (each
 * row tells deleted_at), or lines (NDJSON) or CSV by Accept. They are streamed a page at a time and not kept; a form in
 * JSON has the members of the plain list. */
#ifndef LOGIKALD_SERVICES_WEB_CACHE_LIST_MORE_H
#define LOGIKALD_SERVICES_WEB_CACHE_LIST_MORE_H

#include "services/web/cache/list.h"

struct list_more {
    const struct query *query; /* as LIST_MORE_SQL (store/web/list_sql.h) */
    const char *columns;       /* of CSV, split by commas: the members of a row */
    const char *head;          /* of the JSON document, before the rows */
    void (*tail)(struct req *r, struct buf *out, const struct list_totals *totals, const char *next_cursor);
    const char *not_found; /* said when what the rows are looked for in is not there */
    int page;              /* rows of a statement; 0 = LIST_PAGE */
    /* Answers when the statement's sixth column is 'c': the list has become another one since the request looked at it.
     * One that has begun already is cut, so that nobody takes two halves for a whole. NULL: it never says so. */
    void (*changed)(struct req *r);
};

bool list_more_is_wanted(const struct req *r);
/* The filters may be NULL, and live as long as the request. */
void list_more_reply(struct req *r, const struct list_more *more, const char *filter, const char *filter_2);
/* The same with cursors that have something above their places: bound, a multiple of LIST_PLACES, stands in those that
 * are given out, and is not looked at in the one that comes. */
#define LIST_PLACES ((int64_t)1 << 31)
void list_more_reply_bound(struct req *r, const struct list_more *more, const char *filter, const char *filter_2,
                           int64_t bound);
/* The tail of the lists of list.h. */
void list_more_tail(struct req *r, struct buf *out, const struct list_totals *totals, const char *next_cursor);

#endif
