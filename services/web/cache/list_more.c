/* Lists of what changed or is gone, or as lines or CSV: streamed a page at a time, never kept. */
#include "services/web/cache/list_more.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/web/cache/csv.h"
#include "services/web/http/accept.h"
#include "conf/text/json_times.h"
#include "services/web/http/reply.h"
#include "services/web/http/streams.h"

struct more {
    const struct list_more *list;
    enum form form;
    const char *filter, *filter_2, *since;
    bool is_paged, is_begun, with_deleted;
    int limit; /* rows of a statement */
    char after[24];
    int64_t bound; /* above the places of cursors */
    struct list_totals so_far;
};

/* What the route does not take is nothing to it, as anywhere else. */
static bool takes(const struct req *r, const char *parameter)
{
    return r->query_schema && strstr(r->query_schema, parameter);
}

bool list_more_is_wanted(const struct req *r)
{
    return req_arg(r, "updated_since") || req_arg_bool(r, "include_deleted") || accept_form(r) != FORM_JSON;
}

void list_more_tail(struct req *r, struct buf *out, const struct list_totals *totals, const char *next_cursor)
{
    (void)r;
    list_add_tail(totals, out, next_cursor);
}

/* ---- writing ---- */

/* After the last row so far. */
static const char *next_cursor(struct req *r, const struct more *m)
{
    return m->bound ? req_printf(r, "%lld", (long long)(m->bound + strtoll(m->after, NULL, 10))) : m->after;
}

static void begin(struct req *r, const struct more *m, bool has_next, struct buf *out)
{
    static const char *const types[] = {
        [FORM_JSON] = TYPE_JSON, [FORM_LINES] = TYPE_NDJSON, [FORM_CSV] = TYPE_CSV "; charset=utf-8; header=present"};
    reply_header_default(r, "Vary", "Accept, Accept-Encoding");
    if (has_next) list_link_next(r, next_cursor(r, m));
    reply_stream_begin_gzip(r, 200, types[m->form]);
    if (m->form == FORM_JSON) buf_str(out, m->list->head);
    if (m->form == FORM_CSV) csv_add_head(out, m->list->columns);
}

/* rows: objects split by ",\n". */
static bool add_rows(const struct more *m, bool is_first, const char *rows, struct buf *out)
{
    if (m->form == FORM_CSV) return csv_add_rows(out, m->list->columns, rows);
    if (m->form == FORM_JSON) {
        if (!is_first) buf_char(out, ',');
        buf_str(out, rows);
        return true;
    }
    for (const char *p = rows, *end; *p; p = *end ? end + 2 : end) { /* no object has such a comma in it */
        end = strstr(p, ",\n");
        if (!end) end = p + strlen(p);
        for (const char *c = p; c < end; c++) buf_char(out, *c == '\n' ? ' ' : *c); /* between members, not in text */
        buf_char(out, '\n');
    }
    return true;
}

/* The rows as they go out; true = all of them. */
static bool add_timed(const struct more *m, const PGresult *result, struct buf *out)
{
    const char *rows = PQgetvalue(result, 0, 2);
    size_t len = (size_t)PQgetlength(result, 0, 2);
    return m->list->query->is_exact ? buf_add(out, rows, len) : json_times_add(out, rows, len);
}

static bool add_page(struct more *m, bool is_first, const PGresult *result, int64_t rows, struct buf *out)
{
    struct buf timed = {0};
    bool is_good = rows == 0 || (add_timed(m, result, &timed) && add_rows(m, is_first, timed.data, out));
    buf_free(&timed);
    return is_good && !out->failed;
}

/* ---- reading ---- */

static void ask(struct req *r);

/* True: it was answered. */
static bool is_refused(struct req *r, const struct more *m, const PGresult *result)
{
    char there = *PQgetvalue(result, 0, 5);
    if (there == 't' || (m->is_begun && there == 'f')) return false;
    if (m->is_begun) {
        r->is_broken = true;
        reply_stream_end(r);
    } else if (there == 'c') {
        m->list->changed(r);
    } else {
        reply_detail(r, 404, "%s", m->list->not_found);
    }
    return true;
}

static void then_page(struct req *r, const PGresult *result)
{
    struct more *m = r->state;
    struct buf out = {0};
    bool is_first = m->so_far.count == 0;
    if (is_refused(r, m, result)) return;
    int64_t rows = list_count_in(&m->so_far, result);
    bool has_next = m->is_paged && rows == m->limit, is_last = m->is_paged || rows < m->limit;
    if (rows > 0) snprintf(m->after, sizeof m->after, "%s", PQgetvalue(result, 0, 1));
    if (!m->is_begun) begin(r, m, has_next, &out);
    m->is_begun = true;
    r->is_broken = !add_page(m, is_first, result, rows, &out);
    if (is_last && m->form == FORM_JSON)
        m->list->tail(r, &out, &m->so_far, !m->is_paged ? NULL : has_next ? next_cursor(r, m) : "");
    r->is_broken = r->is_broken || out.failed;
    bool is_taken = !r->is_broken && (out.len == 0 || reply_stream_chunk(r, out.data, out.len, is_last ? NULL : ask));
    buf_free(&out);
    if (!is_taken || is_last) reply_stream_end(r);
}

static void ask(struct req *r)
{
    struct more *m = r->state;
    if (r->is_gone && m->is_begun) {
        reply_stream_end(r);
        return;
    }
    const char *values[] = {m->after, req_printf(r, "%d", m->limit),     m->filter, m->filter_2,
                            m->since, m->with_deleted ? "true" : "false"};
    req_query(r, m->list->query, 6, values, then_page);
}

void list_more_reply(struct req *r, const struct list_more *list, const char *filter, const char *filter_2)
{
    list_more_reply_bound(r, list, filter, filter_2, 0);
}

void list_more_reply_bound(struct req *r, const struct list_more *list, const char *filter, const char *filter_2,
                           int64_t bound)
{
    struct more *m = req_alloc(r, sizeof *m);
    const char *limit = req_arg(r, "limit"), *cursor = req_arg(r, "cursor");
    *m = (struct more){.list = list,
                       .form = accept_form(r),
                       .filter = filter,
                       .filter_2 = filter_2,
                       .since = takes(r, "updated_since?:") ? req_arg(r, "updated_since") : NULL,
                       .with_deleted = takes(r, "include_deleted?:") && req_arg_bool(r, "include_deleted"),
                       .is_paged = limit || cursor,
                       .bound = bound,
                       .limit = limit        ? (int)strtol(limit, NULL, 10)
                                : list->page ? list->page
                                             : LIST_PAGE};
    if (cursor && !limit) m->limit = LIST_WHOLE;
    if (bound && cursor)
        snprintf(m->after, sizeof m->after, "%lld", strtoll(cursor, NULL, 10) % LIST_PLACES);
    else
        snprintf(m->after, sizeof m->after, "%s", cursor ? cursor : "0");
    r->state = m;
    streams_admit(r, ask);
}
