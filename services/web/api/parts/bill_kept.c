/* Bills that are kept: see bill_kept.h. Whoever asks while one is made waits at the cache (cache.h) for it, under the
 * name of what it is made of; the cache itself holds none of it, and remembers only that it is to be read. */
#include "services/web/api/parts/bill_kept.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/version.h"
#include "services/store/web/parts/bom_read.h"
#include "services/web/api/parts/parts_mark.h"
#include "services/web/cache/cache.h"
#include "services/web/http/reply.h"
#include "services/web/http/streams.h"
#include "services/web/watch/health/unkept.h"

#define MISSES_MAX 3 /* more than eight differences of a project are wanted at once */

struct asked_bill {
    const struct bill *bill;
    const char *arguments[BILL_ARGUMENTS]; /* of the query */
    const char *name, *mark;               /* under which it is kept */
    const char *kin;
    int64_t sent;
    unsigned age; /* how often bills had been dropped when it was looked for */
    int misses;
};

/* What the cache remembers of bills that are kept holds until one of them is found to be gone (a crash of the server
 * empties the table): then it is asked anew for all, so that those who miss the same one have it made once. */
static unsigned dropped;

/* ---- sending ---- */

static void ask_cache(struct req *r);
static void ask_piece(struct req *r);

/* It was dropped between being found and being read: it is made, or cut where it has begun. */
static void then_gone(struct req *r)
{
    struct asked_bill *a = r->state;
    if (!r->is_streaming) {
        streams_leave(r);
        if (a->age == dropped) dropped++;
        if (++a->misses < MISSES_MAX)
            ask_cache(r);
        else
            reply_unavailable(r, 5, "Too many large answers are being sent");
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
    bool is_large = PQgetisnull(result, 0, 0) || !PQgetisnull(result, 0, 2);
    if (is_large) unkept_note(PQgetisnull(result, 0, 2) ? NULL : PQgetvalue(result, 0, 2));
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
    const char *values[3 + BILL_ARGUMENTS] = {req_param(r, 0), a->name, a->kin};
    int n = 3;
    for (int i = 0; i < BILL_ARGUMENTS && a->bill->arguments[i]; i++) values[n++] = a->arguments[i];
    req_query(r, a->bill->make, n, values, then_made);
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

static void ask_cache(struct req *r)
{
    struct asked_bill *a = r->state;
    a->age = dropped;
    cache_answer(r, req_printf(r, "%s\x1f%s\x1f%u", a->name, a->mark, a->age), 0, look);
}

/* By what it is of, however that was named: its id, and the times as numbers. */
static void name_it(struct req *r, struct asked_bill *a, const char *id)
{
    const struct bill *bill = a->bill;
    a->name = req_printf(r, "%s %s %s", version_text, bill->make->name, id);
    a->kin = bill->arguments[0] ? a->name : "";
    for (int i = 0; i < BILL_ARGUMENTS && bill->arguments[i]; i++) {
        int64_t us;
        bool is_time = a->arguments[i] && clock_parse_iso(a->arguments[i], &us) == 0;
        a->name = is_time ? req_printf(r, "%s %" PRId64, a->name, us)
                          : req_printf(r, "%s %s", a->name, a->arguments[i] ? a->arguments[i] : "-");
    }
}

static void then_mark(struct req *r, const PGresult *result)
{
    struct asked_bill *a = r->state;
    if (PQntuples(result) == 0) {
        reply_detail(r, 404, "%s", a->bill->not_found);
        return;
    }
    a->mark = req_strdup(r, PQgetvalue(result, 0, 0));
    name_it(r, a, PQgetvalue(result, 0, 1));
    if (!parts_unchanged(r, a->mark)) ask_cache(r);
}

void bill_reply(struct req *r, const struct bill *bill)
{
    struct asked_bill *a = req_alloc(r, sizeof *a);
    *a = (struct asked_bill){.bill = bill};
    for (int i = 0; i < BILL_ARGUMENTS && bill->arguments[i]; i++) a->arguments[i] = req_arg(r, bill->arguments[i]);
    r->state = a;
    req_query(r, bill->mark, 1, (const char *[]){req_param(r, 0)}, then_mark);
}
