/* The file of a parts list as it came: frame by frame, so that no more than one of them is held here. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/store/frames.h"
#include "services/store/web/parts/parts_read.h"
#include "services/web/api/parts/parts_ready.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"
#include "services/web/http/streams.h"

#define TYPE_SQLITE "application/vnd.sqlite3"

struct file_sending {
    const char *sha256;
    int64_t size, at, end; /* the next byte to be sent, and where that is over */
    bool is_part;
};

/* ---- which bytes ---- */

/* Digits, at most so many that nothing overflows. */
static bool read_number(const char **p, int64_t *out)
{
    size_t len = strspn(*p, "0123456789");
    if (len == 0 || len > 15) return false;
    *out = strtoll(*p, NULL, 10);
    *p += len;
    return true;
}

/* "bytes=a-b", "bytes=a-", "bytes=-n": 1. What is something else, or several of them, does not count: 0. -1: there are
 * no such bytes. */
static int read_range(const char *p, int64_t size, int64_t *at, int64_t *end)
{
    int64_t a = 0, b = 0;
    if (!p || strncasecmp(p, "bytes=", 6) != 0) return 0;
    p += 6;
    bool has_first = read_number(&p, &a);
    if (*p++ != '-') return 0;
    bool has_last = read_number(&p, &b);
    if (*p || (!has_first && !has_last) || (has_first && has_last && b < a)) return 0;
    *at = has_first ? a : b < size ? size - b : 0;
    *end = has_first && has_last && b < size ? b + 1 : size;
    return *at < *end ? 1 : -1;
}

/* ---- sending ---- */

static void ask(struct req *r);

static bool send_frame(struct req *r, struct file_sending *s, const PGresult *result, bool *is_last)
{
    struct buf bytes = {0};
    int64_t begins = s->at / FRAMES_PIECE * FRAMES_PIECE;
    int64_t holds = s->size - begins < FRAMES_PIECE ? s->size - begins : FRAMES_PIECE;
    bool is_good = PQntuples(result) == 1 && frames_unpack(PQgetvalue(result, 0, 0), (size_t)PQgetlength(result, 0, 0),
                                                           (size_t)holds, &bytes, &(struct err){0}) == 0;
    if (is_good) {
        int64_t from = s->at - begins, to = s->end - begins < holds ? s->end - begins : holds;
        s->at = begins + to;
        *is_last = s->at >= s->end;
        is_good = reply_stream_chunk(r, bytes.data + from, (size_t)(to - from), *is_last ? NULL : ask);
    } else {
        r->is_broken = true;
    }
    buf_free(&bytes);
    return is_good;
}

static void then_frame(struct req *r, const PGresult *result)
{
    struct file_sending *s = r->state;
    bool is_last = false;
    if (!r->is_streaming) {
        reply_header(r, "Content-Length", req_printf(r, "%" PRId64, s->end - s->at));
        reply_stream_begin(r, s->is_part ? 206 : 200, TYPE_SQLITE);
    }
    if (!send_frame(r, s, result, &is_last) || is_last) reply_stream_end(r);
}

static void ask(struct req *r)
{
    const struct file_sending *s = r->state;
    if (r->is_gone && r->is_streaming) {
        reply_stream_end(r);
        return;
    }
    const char *values[] = {s->sha256, req_printf(r, "%" PRId64, s->at / FRAMES_PIECE)};
    req_query(r, &query_parts_frame, 2, values, then_frame);
}

/* ---- beginning ---- */

/* The elevation's name, as far as it does for a file's. */
static const char *disposition(struct req *r, const struct parts_ready *ready)
{
    char *name = req_strdup(r, ready->name);
    for (char *p = name; *p; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e || strchr("\"\\/:*?<>|;%", *p)) *p = '_';
    return req_printf(r, "attachment; filename=\"%s-%s.sqlite\"", ready->elevation, *name ? name : "parts");
}

static void begin(struct req *r, const struct parts_ready *ready)
{
    struct file_sending *s = req_alloc(r, sizeof *s);
    const char *range = req_header(r, "Range"), *only_if = req_header(r, "If-Range");
    *s = (struct file_sending){ready->sha256, ready->size, 0, ready->size, false};
    r->state = s;
    reply_header(r, "Accept-Ranges", "bytes");
    reply_header(r, "Cache-Control", "private, no-cache");
    reply_header(r, "Content-Disposition", disposition(r, ready));
    if (reply_unchanged(r, s->sha256)) return;
    if (only_if && strcmp(only_if, req_printf(r, "\"%s\"", s->sha256)) != 0) range = NULL;
    int is_part = read_range(range, s->size, &s->at, &s->end);
    if (is_part < 0) {
        reply_header(r, "Content-Range", req_printf(r, "bytes */%" PRId64, s->size));
        reply_detail(r, 416, "The file has %" PRId64 " bytes", s->size);
        return;
    }
    s->is_part = is_part > 0;
    if (s->is_part)
        reply_header(r, "Content-Range",
                     req_printf(r, "bytes %" PRId64 "-%" PRId64 "/%" PRId64, s->at, s->end - 1, s->size));
    streams_admit(r, ask);
}

void web_parts_file(struct req *r)
{
    parts_ready(r, true, begin);
}
