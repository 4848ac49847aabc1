/* Sync logs as a file: all that a filter matches, the newest first, read and sent a page at a time. */
#include <stdio.h>
#include <string.h>

#include "conf/text/buf.h"
#include "services/store/ui/ui_logs.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/accept.h"
#include "services/web/http/reply.h"
#include "services/web/http/streams.h"
#include "services/web/ui/page.h"

#define PAGE_LINES "1000"

static const struct export_form {
    const char *word, *type, *file;
    const struct query *query;
    const char *begin, *between, *end;
} forms[] = {
    {"csv", "text/csv; charset=utf-8", "attachment; filename=\"sync-logs.csv\"", &ui_query_logs_csv,
     "id,type,status,started_at,completed_at,duration_ms,processed,successful,skipped,failed,message,error,task_id\r\n",
     "\r\n", "\r\n"},
    {"json", TYPE_JSON, "attachment; filename=\"sync-logs.json\"", &ui_query_logs_json, "[", ",", "]"},
    {"ndjson", TYPE_NDJSON, "attachment; filename=\"sync-logs.ndjson\"", &ui_query_logs_json, "", "\n", "\n"},
};

struct export
{
    const struct export_form *form;
    const char *since, *until;
    char before[24]; /* "" = from the newest on */
};

static void ask(struct req *r);

static void go_on(struct req *r)
{
    if (r->is_gone)
        reply_stream_end(r);
    else
        ask(r);
}

/* What ends a line stands behind the last one; there may be none at all. */
static void finish(struct req *r)
{
    const struct export *e = r->state;
    bool is_list = *e->form->begin == '[';
    const char *end = *e->before || is_list ? e->form->end : "";
    if (*end) reply_stream_chunk(r, end, strlen(end), NULL);
    reply_stream_end(r);
}

static void then_page(struct req *r, const PGresult *result)
{
    struct export *e = r->state;
    struct buf piece = {0};
    if (!r->is_streaming) {
        reply_header(r, "Content-Disposition", e->form->file);
        reply_stream_begin_gzip(r, 200, e->form->type);
        buf_str(&piece, e->form->begin);
    }
    bool is_end = PQgetisnull(result, 0, 1);
    if (!is_end) {
        if (*e->before) buf_str(&piece, e->form->between);
        buf_add(&piece, PQgetvalue(result, 0, 0), (size_t)PQgetlength(result, 0, 0));
        snprintf(e->before, sizeof e->before, "%s", PQgetvalue(result, 0, 1));
    }
    r->is_broken = piece.failed;
    bool is_taken =
        !piece.failed && (piece.len == 0 || reply_stream_chunk(r, piece.data, piece.len, is_end ? NULL : go_on));
    buf_free(&piece);
    if (is_taken && is_end)
        finish(r);
    else if (!is_taken)
        reply_stream_end(r);
}

static void ask(struct req *r)
{
    const struct export *e = r->state;
    bool is_json = e->form->query == &ui_query_logs_json;
    req_query(r, e->form->query, is_json ? 7 : 6,
              (const char *[]){req_arg(r, "type"), req_arg(r, "status"), e->since, e->until, e->before, PAGE_LINES,
                               e->form->between},
              then_page);
}

void web_ui_sync_logs_export(struct req *r)
{
    struct export *e = req_alloc(r, sizeof *e);
    if (!ui_page_period(r, &e->since, &e->until)) return;
    e->form = forms;
    while (strcmp(e->form->word, req_arg(r, "format")) != 0) e->form++; /* the route knows no other words */
    r->state = e;
    streams_admit(r, ask);
}
