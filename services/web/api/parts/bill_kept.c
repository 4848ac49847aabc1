/* Bills that are kept: see bill_kept.h. Whoever asks while one is made waits at the cache (cache.h) for it, under the
 * name of what it is made of; the cache itself holds none of it, and remembers only that it is to be read. */
#include "services/web/api/parts/bill_kept.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "conf/version.h"
#include "services/store/web/parts/bom_read.h"
#include "services/web/api/parts/parts_mark.h"
#include "services/web/cache/cache.h"
#include "services/web/http/reply.h"
#include "services/web/http/streams.h"

struct asked_bill {
    const struct bill *bill;
    const char *name, *mark; /* under which it is kept */
    int64_t sent;
};

/* ---- sending ---- */

static void make(struct req *r);
static void ask_piece(struct req *r);

/* It was dropped between being found and being read: it is made, or cut where it has begun. */
static void then_gone(struct req *r)
{
    if (!r->is_streaming) {
        streams_leave(r);
        make(r);
        return;
    }
    r->is_broken = true;
    reply_stream_end(r);
}

static void then_piece(struct req *r, const PGresult *result)
{
    struct asked_bill *a = r->state;
    if (PQntuples(result) == 0) {
        then_gone(r);
        return;
    }
    size_t len = (size_t)PQgetlength(result, 0, 0);
    if (!r->is_streaming) reply_stream_begin_gzip(r, 200, TYPE_JSON);
    a->sent += (int64_t)len;
    bool is_last = len < BILL_PIECE;
    if (!reply_stream_chunk(r, PQgetvalue(result, 0, 0), len, is_last ? NULL : ask_piece) || is_last)
        reply_stream_end(r);
}

static void ask_piece(struct req *r)
{
    const struct asked_bill *a = r->state;
    if (r->is_gone && r->is_streaming) {
        reply_stream_end(r);
        return;
    }
    const char *values[] = {a->name, a->mark, req_printf(r, "%" PRId64, a->sent)};
    req_query(r, &query_bill_piece, 3, values, then_piece);
}

static void send_kept(struct req *r)
{
    streams_admit(r, ask_piece);
}

/* ---- making ---- */

static void then_made(struct req *r, const PGresult *result)
{
    struct asked_bill *a = r->state;
    if (PQntuples(result) == 0) {
        reply_detail(r, 404, "%s", a->bill->not_found);
        return;
    }
    bool is_as_asked = strcmp(a->mark, PQgetvalue(result, 0, 1)) == 0;
    a->mark = req_strdup(r, PQgetvalue(result, 0, 1)); /* of the moment when it was made */
    if (parts_unchanged(r, a->mark)) return;
    if (!PQgetisnull(result, 0, 0)) {
        reply_json(r, 200, PQgetvalue(result, 0, 0));
        return;
    }
    if (is_as_asked) cache_decline(r, send_kept);
    send_kept(r);
}

static void make(struct req *r)
{
    const struct asked_bill *a = r->state;
    req_query(r, a->bill->make, 2, (const char *[]){req_param(r, 0), a->name}, then_made);
}

static void then_looked(struct req *r, const PGresult *result)
{
    if (PQntuples(result) == 0) {
        make(r);
        return;
    }
    cache_decline(r, send_kept);
    send_kept(r);
}

static void look(struct req *r)
{
    const struct asked_bill *a = r->state;
    req_query(r, &query_bill_kept, 2, (const char *[]){a->name, a->mark}, then_looked);
}

/* ---- asking ---- */

static void then_mark(struct req *r, const PGresult *result)
{
    struct asked_bill *a = r->state;
    if (PQntuples(result) == 0) {
        reply_detail(r, 404, "%s", a->bill->not_found);
        return;
    }
    a->mark = req_strdup(r, PQgetvalue(result, 0, 0));
    if (!parts_unchanged(r, a->mark)) cache_answer(r, req_printf(r, "%s\x1f%s", a->name, a->mark), 0, look);
}

void bill_reply(struct req *r, const struct bill *bill)
{
    struct asked_bill *a = req_alloc(r, sizeof *a);
    *a = (struct asked_bill){.bill = bill};
    a->name = req_printf(r, "%s %s %s", version_text, bill->make->name, req_param(r, 0));
    r->state = a;
    req_query(r, bill->mark, 1, (const char *[]){req_param(r, 0)}, then_mark);
}
