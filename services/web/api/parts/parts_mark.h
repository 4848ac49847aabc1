/* Has the client already what would be made of parts lists? Their versions tell, without making it: the mark of a
 * statement (parts_sql.h) and what was asked are the answer's ETag. It is taken before the answer is made, so that an
 * answer is at worst newer than its ETag. */
#ifndef LOGIKALD_SERVICES_WEB_API_PARTS_PARTS_MARK_H
#define LOGIKALD_SERVICES_WEB_API_PARTS_PARTS_MARK_H

#include "services/web/http/req.h"

/* True: it was answered 304. */
bool parts_unchanged(struct req *r, const char *mark);
/* The statement takes the path's first parameter and answers a mark, or no row. Goes on with go, or answers 304, or 404
 * with not_found. */
void parts_unless_unchanged(struct req *r, const struct query *mark, const char *not_found, void (*go)(struct req *r));

/* Answers a document whose statement tells its mark in a second column: of the same moment, whatever was looked at
 * before. No row: 404 with not_found. */
void parts_reply_marked(struct req *r, const struct query *query, int n, const char *const *values,
                        const char *not_found);

#endif
