/* What an endpoint is sent: the changes of a page of the journal (a JSON object a line) in the form that it wants.
 *
 * standard: {"type": "changes", "timestamp", "data": {"changes": [...], "since", "next", "has_more"}}, as many as fit
 * odoo:     one change as a flat object: its members, and each changed field with its new value
 * slack:    {"text": one sentence}, about all changes that fit; Slack's control characters are escaped
 *
 * Beside changes there are two more kinds of message: a test, and word of a gap (changes that were not kept). */
#ifndef LOGIKALD_SERVICES_FEED_FORMAT_H
#define LOGIKALD_SERVICES_FEED_FORMAT_H

#include <stdbool.h>

#include "conf/text/buf.h"
#include "conf/err.h"

#define FORMAT_BODY_MAX  524288 /* a batch ends before it grows beyond; one change always goes */
#define FORMAT_PLACE_MAX 100

enum format { FORMAT_STANDARD, FORMAT_ODOO, FORMAT_SLACK };
enum format format_of(const char *word);

struct format_page {
    const char *lines; /* changes, split by newlines */
    const char *since, *next;
    bool has_more;
    const char *name; /* what the first change's object is called now; NULL = not known */
};
/* The next message of a page: its body, how many changes it has, and the place behind it (after). */
int format_changes(enum format format, const struct format_page *page, struct buf *body, int *changes,
                   char after[FORMAT_PLACE_MAX], struct err *err);

void format_test(enum format format, struct buf *body);
/* code: CURSOR_EXPIRED or CURSOR_UNKNOWN, as /api/v1/changes has them. */
void format_gap(enum format format, const char *code, const char *since, const char *next, struct buf *body);

#endif
