/* What many parts lists hold, in one answer: a line for each elevation, in the order in which they were asked for. */
#include <inttypes.h>
#include <stdio.h>

#include "conf/text/buf.h"
#include "services/store/web/parts/parts_read.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/accept.h"
#include "services/web/http/reply.h"
#include "services/web/http/streams.h"

#define AT_ONCE 8 /* some hundred kilobytes, of large lists fewer */

struct parts_batch {
    const char *ids;
    int first, count;
};

static void ask(struct req *r);

static void then_lines(struct req *r, const PGresult *result)
{
    struct parts_batch *b = r->state;
    struct buf out = {0};
    int rows = PQntuples(result);
    b->first += rows;
    bool is_last = rows == 0 || b->first >= b->count;
    if (!r->is_streaming) reply_stream_begin_gzip(r, 200, TYPE_NDJSON);
    for (int i = 0; i < rows; i++) {
        buf_add(&out, PQgetvalue(result, i, 0), (size_t)PQgetlength(result, i, 0));
        buf_char(&out, '\n');
    }
    r->is_broken = out.failed;
    bool is_taken = !out.failed && reply_stream_chunk(r, out.data, out.len, is_last ? NULL : ask);
    buf_free(&out);
    if (!is_taken || is_last) reply_stream_end(r);
}

static void ask(struct req *r)
{
    const struct parts_batch *b = r->state;
    if (r->is_gone && r->is_streaming) {
        reply_stream_end(r);
        return;
    }
    const char *values[] = {b->ids, req_printf(r, "%d", b->first), req_printf(r, "%d", AT_ONCE)};
    req_query(r, &query_parts_batch, 3, values, then_lines);
}

void web_parts_batch(struct req *r)
{
    struct parts_batch *b = req_alloc(r, sizeof *b);
    b->ids = req_body_text(r, "elevation_ids");
    b->count = cJSON_GetArraySize(cJSON_GetObjectItem(r->body, "elevation_ids"));
    r->state = b;
    streams_admit(r, ask);
}
