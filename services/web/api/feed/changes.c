/* The journal of changes for readers that keep a cursor: a page, a stream of lines (NDJSON), or waiting for what comes
 * next. Who loses the right to read gets nothing more, in the middle of a stream or of waiting as well. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "conf/clock.h"
#include "conf/log.h"
#include "services/store/journal.h"
#include "services/store/web/feed/changes_read.h"
#include "services/web/api/feed/change_cursor.h"
#include "services/web/api/feed/change_waits.h"
#include "services/web/gate/auth.h"
#include "services/web/gate/handlers.h"
#include "conf/text/json_times.h"
#include "services/web/http/accept.h"
#include "services/web/http/reply.h"
#include "services/web/http/streams.h"

#define PAGE 500 /* changes of one statement when they are streamed */

struct change_reader {
    struct change_cursor cursor;
    bool from_start; /* wants what is kept, however much is not any more */
    const char *types, *project, *object;
    int64_t left;        /* changes that it may still get */
    int64_t deadline_ms; /* of waiting, monotonic */
    uint64_t seen;
    bool is_lines, is_begun, may_wait;
    bool is_settled;            /* has waited until the epoch of another database ended */
    void (*ask)(struct req *r); /* what comes again then */
};

static void ask(struct req *r);

static const char *cursor_of(struct req *r)
{
    struct change_reader *reader = r->state;
    return change_cursor_text(r, &reader->cursor);
}

/* ---- answering ---- */

static void refuse_cursor(struct req *r, bool is_too_new)
{
    reply_fault(r, 410, is_too_new ? "CURSOR_UNKNOWN" : "CURSOR_EXPIRED",
                "%s. Begin again: GET /api/v1/changes/snapshot has all objects, and ends with the cursor to go on from",
                is_too_new ? "This cursor is ahead of the journal: the database was restored, or a standby took over "
                             "that lacks the last changes"
                           : "Changes after this cursor are not kept any more (CHANGES_RETENTION_DAYS)");
}

static void reply_page(struct req *r, const char *lines, bool has_more)
{
    struct buf b = {0};
    buf_str(&b, "{\"changes\":[");
    for (const char *p = lines; *p; p++) buf_char(&b, *p == '\n' ? ',' : *p);
    buf_printf(&b, "],\"next\":\"%s\",\"has_more\":%s}", cursor_of(r), has_more ? "true" : "false");
    if (b.failed)
        reply_detail(r, 500, "No memory");
    else
        reply_json(r, 200, b.data);
    buf_free(&b);
}

static void end_lines(struct req *r)
{
    const char *end = req_printf(r, "{\"next\":\"%s\"}\n", cursor_of(r));
    reply_stream_chunk(r, end, strlen(end), NULL);
    reply_stream_end(r);
}

static void send_lines(struct req *r, const char *lines, bool goes_on);

static void answer_nothing(struct req *r)
{
    struct change_reader *reader = r->state;
    reader->may_wait = false;
    if (reader->is_lines && !r->is_gone)
        send_lines(r, "", false);
    else
        reply_page(r, "", false);
}

/* ---- reading ---- */

static void ask_again(struct req *r)
{
    if (auth_permits(r)) ask(r);
}

/* Before each further statement: may it still? Within a stream a refusal cuts the connection. */
static void identify_again(struct req *r)
{
    struct change_reader *reader = r->state;
    if (r->is_gone && reader->is_begun) {
        reply_stream_end(r);
        return;
    }
    reader->seen = change_waits_seen(r->web->change_waits);
    auth_identify_again(r, ask_again);
}

static void send_lines(struct req *r, const char *lines, bool goes_on)
{
    struct change_reader *reader = r->state;
    if (!reader->is_begun) reply_stream_begin_gzip(r, 200, TYPE_NDJSON);
    reader->is_begun = true;
    struct buf piece = {0};
    if (*lines) json_times_add(&piece, lines, strlen(lines));
    if (*lines) buf_char(&piece, '\n');
    r->is_broken = piece.failed;
    bool is_taken = !piece.failed &&
                    (piece.len == 0 || reply_stream_chunk(r, piece.data, piece.len, goes_on ? identify_again : NULL));
    buf_free(&piece);
    if (!goes_on && !r->is_broken)
        end_lines(r);
    else if (!is_taken)
        reply_stream_end(r);
}

static void go_on(struct req *r)
{
    struct change_reader *reader = r->state;
    if (reader->is_lines)
        streams_admit(r, identify_again);
    else
        identify_again(r);
}

/* Who waits sends nothing: its place among the large answers is another's meanwhile. */
static void wait_for_more(struct req *r)
{
    struct change_reader *reader = r->state;
    streams_leave(r);
    if (!change_waits_add(r->web->change_waits, r, reader->seen, reader->deadline_ms, go_on, answer_nothing))
        reply_unavailable(r, 5, "Too many readers wait for changes");
}

/* The database is another one than before: its epoch ends, and then it is known what the cursor is worth. */
static void then_settled(struct req *r, const PGresult *result)
{
    struct change_reader *reader = r->state;
    if (*PQgetvalue(result, 0, 0)) log_warning(JOURNAL_IS_ANOTHER, PQgetvalue(result, 0, 0));
    reader->ask(r);
}

/* True: ask comes again, when that is done. */
static bool is_settled_first(struct req *r, const PGresult *result, int column, void (*again)(struct req *r))
{
    struct change_reader *reader = r->state;
    if (*PQgetvalue(result, 0, column) != 't' || reader->is_settled) return false;
    reader->is_settled = true;
    reader->ask = again;
    req_query(r, &query_changes_settle, 0, NULL, then_settled);
    return true;
}

static void then_page(struct req *r, const PGresult *result)
{
    struct change_reader *reader = r->state;
    if (is_settled_first(r, result, 6, ask)) return;
    bool is_too_old = *PQgetvalue(result, 0, 0) == 't' && !reader->from_start;
    bool is_too_new = *PQgetvalue(result, 0, 1) == 't';
    int64_t count = strtoll(PQgetvalue(result, 0, 2), NULL, 10);
    bool has_more = *PQgetvalue(result, 0, 3) == 't';
    if (is_too_old || is_too_new) {
        refuse_cursor(r, is_too_new);
        return;
    }
    reader->left -= count;
    reader->from_start = false;
    change_cursor_move(&reader->cursor, PQgetvalue(result, 0, 4));
    if (*PQgetvalue(result, 0, 7) == 't') reader->cursor.snapshot = NULL;
    if (count == 0 && reader->may_wait && mono_ms() < reader->deadline_ms && !r->web->is_stopping)
        wait_for_more(r);
    else if (reader->is_lines)
        send_lines(r, PQgetvalue(result, 0, 5), has_more && reader->left > 0);
    else
        reply_page(r, PQgetvalue(result, 0, 5), has_more);
}

static void ask(struct req *r)
{
    struct change_reader *reader = r->state;
    int64_t page = reader->is_lines && reader->left > PAGE ? PAGE : reader->left;
    const struct change_cursor *c = &reader->cursor;
    const char *values[] = {c->place[0],   c->place[1],     c->place[2],    c->place[3],
                            reader->types, reader->project, reader->object, req_printf(r, "%lld", (long long)page),
                            c->snapshot};
    req_query(r, &query_changes_page, 9, values, then_page);
}

static void ask_head(struct req *r);

static void then_head(struct req *r, const PGresult *result)
{
    struct change_reader *reader = r->state;
    if (is_settled_first(r, result, 1, ask_head)) return;
    change_cursor_read(&reader->cursor, PQgetvalue(result, 0, 0));
    ask(r);
}

static void ask_head(struct req *r)
{
    req_query(r, &query_changes_head, 0, NULL, then_head);
}

/* ---- the operation ---- */

static void begin(struct req *r)
{
    struct change_reader *reader = r->state;
    const char *since = req_arg(r, "since");
    if (strcmp(since, "now") == 0) {
        ask_head(r);
        return;
    }
    reader->from_start = strcmp(since, "start") == 0;
    if (change_cursor_read(&reader->cursor, reader->from_start ? "0-0-0-0" : since))
        ask(r);
    else
        reply_invalid(r, "query", "since", "cursor", "A cursor of this journal, or now, or start");
}

static void admit(struct req *r)
{
    const struct change_reader *reader = r->state;
    if (reader->is_lines)
        streams_admit(r, begin);
    else
        begin(r);
}

/* Nothing would ever come, and the reader would wait for it. */
static void then_known(struct req *r, const PGresult *result)
{
    const char *unknown = PQgetvalue(result, 0, 0);
    if (*unknown)
        reply_fault(r, 404, "NOT_FOUND", "No project is known as %.200s: look for it with GET /api/v1/projects",
                    unknown);
    else
        admit(r);
}

void web_changes(struct req *r)
{
    struct change_reader *reader = req_alloc(r, sizeof *reader);
    const char *types = req_arg(r, "types");
    if (types && !change_types_are_known(types)) {
        reply_invalid(r, "query", "types", "enum", "Words out of " CHANGE_TYPE_WORDS ", split by commas");
        return;
    }
    const char *project = req_arg(r, "project");
    if (project && strspn(project, " ,") == strlen(project)) {
        reply_invalid(r, "query", "project", "value_error",
                      "An identifier or row of a project; several split by commas");
        return;
    }
    int64_t wait_s = req_arg_int(r, "wait");
    reader->types = types && *types ? types : NULL;
    reader->project = project;
    reader->object = req_arg(r, "object");
    reader->left = req_arg_int(r, "limit");
    reader->deadline_ms = mono_ms() + wait_s * 1000;
    reader->may_wait = wait_s > 0;
    reader->is_lines = accept_form(r) == FORM_LINES;
    reader->seen = change_waits_seen(r->web->change_waits);
    r->state = reader;
    if (project)
        req_query(r, &query_changes_unknown, 1, (const char *[]){project}, then_known);
    else
        admit(r);
}
