/* Rows of parts lists as lists (list_more.h). */
#ifndef LOGIKALD_SERVICES_WEB_API_PARTS_PARTS_ROWS_H
#define LOGIKALD_SERVICES_WEB_API_PARTS_PARTS_ROWS_H

#include "services/web/cache/list_more.h"

/* The end of {"data": [...], "count", "next_cursor"}. */
void parts_rows_tail(struct req *r, struct buf *out, const struct list_totals *totals, const char *next_cursor);

/* A page of a table that is not among the stored lines: out of the file, by a process of its own. Answers as Accept
 * says; bound as of list_more_reply_bound. */
void parts_rows_of_file(struct req *r, const char *sha256, const char *table, int64_t bound);

#endif
