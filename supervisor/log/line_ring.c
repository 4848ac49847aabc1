/* The last lines that somebody wrote, oldest first, within a few kilobytes: shown when it crashes and by `ctl tail`.
 * See line_ring.h. */
#include "supervisor/log/line_ring.h"

#include <stdlib.h>
#include <string.h>

#define LINE_BYTES_MAX 1024

void line_ring_add(struct line_ring *r, const char *text, size_t len)
{
    if (!r->bytes) r->bytes = malloc(LINE_RING_BYTES);
    if (!r->bytes) return;
    if (len > LINE_BYTES_MAX) len = LINE_BYTES_MAX;
    size_t need = len + 1;
    if (r->len + need > LINE_RING_BYTES) { /* the oldest go, a quarter at once so that it is not done for each line */
        size_t drop = r->len + need - LINE_RING_BYTES;
        if (drop < LINE_RING_BYTES / 4) drop = LINE_RING_BYTES / 4;
        if (drop > r->len) drop = r->len;
        const char *end = memchr(r->bytes + drop - 1, '\n', r->len - drop + 1);
        drop = end ? (size_t)(end - r->bytes) + 1 : r->len;
        memmove(r->bytes, r->bytes + drop, r->len - drop);
        r->len -= drop;
        r->mark = r->mark > drop ? r->mark - drop : 0;
    }
    memcpy(r->bytes + r->len, text, len);
    r->bytes[r->len + len] = '\n';
    r->len += need;
}

const char *line_ring_last(const struct line_ring *r, int lines, size_t *len)
{
    size_t start = r->len;
    for (int n = 0; n < lines && start > 0; n++) {
        const char *end = start > 1 ? memrchr(r->bytes, '\n', start - 1) : NULL;
        start = end ? (size_t)(end - r->bytes) + 1 : 0;
    }
    *len = r->len - start;
    return r->bytes ? r->bytes + start : "";
}

void line_ring_mark(struct line_ring *r)
{
    r->mark = r->len;
}

const char *line_ring_marked(const struct line_ring *r, size_t *len)
{
    *len = r->len - r->mark;
    return r->bytes ? r->bytes + r->mark : "";
}

void line_ring_free(struct line_ring *r)
{
    free(r->bytes);
    *r = (struct line_ring){0};
}
