/* The last lines that somebody wrote, oldest first, within a few kilobytes: shown when it crashes and by `ctl tail`. */
#ifndef LOGIKALD_SUPERVISOR_LOG_LINE_RING_H
#define LOGIKALD_SUPERVISOR_LOG_LINE_RING_H

#include <stddef.h>

#define LINE_RING_BYTES 8192

struct line_ring {
    char *bytes; /* whole lines, each with its "\n"; made by the first line */
    size_t len;
    size_t mark; /* where what came since line_ring_mark begins */
};

void line_ring_add(struct line_ring *r, const char *text, size_t len); /* without its line end; cut when very long */
/* The last lines, at most `lines` of them: a pointer into the ring, and their length. "" when there are none. */
const char *line_ring_last(const struct line_ring *r, int lines, size_t *len);
void line_ring_mark(struct line_ring *r);                             /* another one writes from now on */
const char *line_ring_marked(const struct line_ring *r, size_t *len); /* what is there of that one */
void line_ring_free(struct line_ring *r);

#endif
