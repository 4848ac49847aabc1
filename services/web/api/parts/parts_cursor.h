/* Cursors over lists made of parts lists. A cursor is the number of a line in a list that a new version of a parts list
 * makes another one of: what it was counted in is in it, above the line's 31 bits, and one of another list is refused
 * instead of going on in the middle of something else. Numbers below 2^31 are places alone, as people write them. */
#ifndef LOGIKALD_SERVICES_WEB_API_PARTS_PARTS_CURSOR_H
#define LOGIKALD_SERVICES_WEB_API_PARTS_PARTS_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "services/web/http/req.h"

/* of: what the list is made of, as text. *bound is what its cursors have above their places (list_more.h). True: the
 * request's cursor is of another list, and it was answered 410. */
bool parts_cursor_is_gone(struct req *r, const char *of, int64_t *bound);

/* Answers for a list that has become another one between the look at it and its statement: 410 to who asks for more of
 * it, 503 to who begins. */
void parts_list_changed(struct req *r);
void parts_list_changed_whole(struct req *r); /* of a document that has no pages: 503 */

#endif
