/* The whole living copy at one moment, for a reader that begins: a line for each object, and at the end the cursor from
 * which the journal goes on. It is read in one transaction on a connection of its own, a page at a time as the reader
 * takes them; a reader that takes too long is told, and the transaction ended. Who loses the right gets nothing more.
 */
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "conf/text/buf.h"
#include "conf/log.h"
#include "services/store/db/snapshot.h"
#include "services/store/web/feed/snapshot_read.h"
#include "services/web/api/feed/change_cursor.h"
#include "services/web/gate/auth.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/accept.h"
#include "services/web/http/fault.h"
#include "conf/text/json_times.h"
#include "services/web/http/reply.h"
#include "services/web/http/streams.h"

#define COPIES_MAX   4 /* at a time: each holds a connection */
#define COPIES_OWN   2 /* of one client */
#define PAGE_TEXT    "500"
#define RETRY_LATE_S 60

struct copy {
    TAILQ_ENTRY(copy) link;
    struct req *req;
    struct held_snapshot *snapshot;
    struct event *deadline;
    const char *types, *cursor;
    int type; /* index of the one that is being read */
    char after[24];
    bool is_identifying, is_late;
};

static TAILQ_HEAD(copies, copy) copies = TAILQ_HEAD_INITIALIZER(copies);

static void ask(struct req *r);

/* ---- its end ---- */

static void forget(void *arg)
{
    struct copy *c = arg;
    TAILQ_REMOVE(&copies, c, link);
    snapshot_close(c->snapshot);
    if (c->deadline) event_free(c->deadline);
}

/* What it still takes is short, and no transaction waits for it any more. */
static void end_late(struct req *r)
{
    static const char line[] =
        "{\"error\":{\"code\":\"SNAPSHOT_TOO_SLOW\",\"message\":\"The snapshot was not taken in time "
        "(CHANGES_SNAPSHOT_SECONDS): what came is not whole. Begin again, and read faster or ask for fewer types\"}}\n";
    log_warning("request %s: %s did not take the snapshot in time (CHANGES_SNAPSHOT_SECONDS): it was ended", r->id,
                req_owner(r)->name);
    reply_stream_chunk(r, line, sizeof line - 1, NULL);
    reply_stream_end(r);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct copy *c = arg;
    struct req *r = c->req;
    c->is_late = true;
    snapshot_close(c->snapshot);
    c->snapshot = NULL;
    if (c->is_identifying || r->is_replied) return; /* told when that is over */
    if (r->is_streaming)
        end_late(r);
    else
        reply_unavailable(r, RETRY_LATE_S, "PostgreSQL did not begin the snapshot in time");
}

/* ---- pages ---- */

static void identified(struct req *r)
{
    struct copy *c = r->state;
    c->is_identifying = false;
    if (!auth_permits(r)) return;
    if (c->is_late)
        end_late(r);
    else
        ask(r);
}

/* Before each page: is the reader there, and may it still? */
static void go_on(struct req *r)
{
    struct copy *c = r->state;
    if (r->is_gone) {
        reply_stream_end(r);
        return;
    }
    c->is_identifying = true;
    auth_identify_again(r, identified);
}

static void finish(struct req *r)
{
    struct copy *c = r->state;
    snapshot_close(c->snapshot);
    c->snapshot = NULL;
    const char *line = req_printf(r, "{\"next\":\"%s\"}\n", c->cursor);
    reply_stream_chunk(r, line, strlen(line), NULL);
    reply_stream_end(r);
}

static void then_page(void *arg, const PGresult *result, const struct err *err)
{
    struct req *r = arg;
    struct copy *c = r->state;
    if (err) {
        reply_statement_err(r, err);
        return;
    }
    if (*PQgetvalue(result, 0, 0) == '0') {
        c->type++;
        snprintf(c->after, sizeof c->after, "0");
        ask(r);
        return;
    }
    struct buf piece = {0};
    snprintf(c->after, sizeof c->after, "%s", PQgetvalue(result, 0, 1));
    json_times_add(&piece, PQgetvalue(result, 0, 2), (size_t)PQgetlength(result, 0, 2));
    buf_char(&piece, '\n');
    r->is_broken = piece.failed;
    if (piece.failed || !reply_stream_chunk(r, piece.data, piece.len, go_on)) reply_stream_end(r);
    buf_free(&piece);
}

static void ask(struct req *r)
{
    struct copy *c = r->state;
    while (c->type < snapshot_types_count && !change_types_have(c->types, snapshot_types[c->type].word)) c->type++;
    if (c->type == snapshot_types_count)
        finish(r);
    else
        snapshot_query(c->snapshot, &snapshot_types[c->type].query, 2, (const char *[]){c->after, PAGE_TEXT}, then_page,
                       r);
}

/* ---- beginning ---- */

/* Of the transactions that ran while it was taken the cursor says which are in it. */
static void then_head(void *arg, const PGresult *result, const struct err *err)
{
    struct req *r = arg;
    struct copy *c = r->state;
    if (err) {
        reply_statement_err(r, err);
        return;
    }
    bool is_plain = *PQgetvalue(result, 0, 2) == 't';
    const char *place = PQgetvalue(result, 0, is_plain ? 0 : 1), *text = PQgetvalue(result, 0, 3);
    if (strlen(text) > CHANGE_CURSOR_MAX - 100) {
        reply_unavailable(r, 5, "Too many transactions are under way for a snapshot");
        return;
    }
    c->cursor = req_printf(r, "%s%s%s", place, is_plain ? "" : "~", is_plain ? "" : text);
    reply_stream_begin_gzip(r, 200, TYPE_NDJSON);
    ask(r);
}

static bool has_room(const struct req *r)
{
    const struct copy *c;
    int all = 0, own = 0;
    TAILQ_FOREACH(c, &copies, link) {
        all++;
        own += req_is_same_owner(c->req, r);
    }
    return all < COPIES_MAX && own < COPIES_OWN;
}

static void begin(struct req *r)
{
    struct copy *c = r->state;
    int64_t seconds = conf_int(r->web->conf, SET_CHANGES_SNAPSHOT);
    if (!r->web->pool) {
        reply_unavailable(r, 30, "PostgreSQL is not configured: set DATABASE_URL");
        return;
    }
    if (!has_room(r)) {
        reply_unavailable(r, 10, "Too many snapshots are being read");
        return;
    }
    TAILQ_INSERT_TAIL(&copies, c, link);
    req_on_end(r, forget, c);
    c->deadline = evtimer_new(r->web->base, on_deadline, c);
    c->snapshot = snapshot_open(r->web->pool, seconds, &query_snapshot_head, then_head, r);
    if (!c->deadline || !c->snapshot || event_add(c->deadline, &(struct timeval){.tv_sec = seconds}) != 0)
        reply_unavailable(r, 1, "No memory");
}

void web_changes_snapshot(struct req *r)
{
    struct copy *c = req_alloc(r, sizeof *c);
    const char *types = req_arg(r, "types");
    if (types && !change_types_are_known(types)) {
        reply_invalid(r, "query", "types", "enum", "Words out of " CHANGE_TYPE_WORDS ", split by commas");
        return;
    }
    c->req = r;
    c->types = types;
    snprintf(c->after, sizeof c->after, "0");
    r->state = c;
    if (r->is_head) {
        reply_stream_begin(r, 200, TYPE_NDJSON);
        reply_stream_end(r);
    } else {
        streams_admit(r, begin);
    }
}
