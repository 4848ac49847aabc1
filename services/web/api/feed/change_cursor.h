/* The cursor of the journal, as readers hold it: "epoch-transaction-sequence-item", and from a snapshot until all is
 * passed that ran beside it "~" and the snapshot, whose transactions the reader has already. */
#ifndef LOGIKALD_SERVICES_WEB_API_FEED_CHANGE_CURSOR_H
#define LOGIKALD_SERVICES_WEB_API_FEED_CHANGE_CURSOR_H

#include "services/web/http/req.h"

#define CHANGE_CURSOR_MAX 4000
#define CHANGE_TYPE_WORDS "directory, project, phase, elevation, thumbnail, parts_list, glass"

struct change_cursor {
    char place[4][24];    /* epoch, transaction, sequence, item: the last change that it has */
    const char *snapshot; /* NULL = none */
};

/* False unless the text is a cursor; what it points to lives as long as text. */
bool change_cursor_read(struct change_cursor *c, const char *text);
/* Moves it to the place in text; the snapshot goes when it has been passed. */
void change_cursor_move(struct change_cursor *c, const char *text);
const char *change_cursor_text(struct req *r, const struct change_cursor *c);

/* Does the list have known words only, split by commas? */
bool change_types_are_known(const char *types);
/* Is the word in the list? NULL and "": all are. */
bool change_types_have(const char *types, const char *word);

#endif
