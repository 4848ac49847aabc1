/* See list.h. */
#include "services/web/cache/list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/buf.h"
#include "services/web/cache/cache.h"
#include "services/web/http/json_times.h"
#include "services/web/http/reply.h"
#include "services/web/http/streams.h"

struct list {
    const struct query *query;
    const char *filter;
    bool is_paged;
    int limit; /* rows to ask for */
    char after[24], rows[24];
    int64_t count, stale; /* so far */
    char updated[48];
};

static void list_ask(struct req *r, void (*then)(struct req *r, const PGresult *result))
{
    struct list *l = r->state;
    snprintf(l->rows, sizeof(l->rows), "%d", l->limit);
    req_query(r, l->query, 3, (const char *[]){l->after, l->rows, l->filter}, then);
}

/* Counts a page in; returns its number of rows. */
static int64_t list_take(struct list *l, const PGresult *result)
{
    int64_t rows = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    l->count += rows;
    l->stale += strtoll(PQgetvalue(result, 0, 3), NULL, 10);
    if (rows > 0) snprintf(l->after, sizeof(l->after), "%s", PQgetvalue(result, 0, 1));
    const char *updated = PQgetvalue(result, 0, 4); /* ISO text, so that comparing works */
    if (strcmp(updated, l->updated) > 0) snprintf(l->updated, sizeof(l->updated), "%s", updated);
    return rows;
}

static void add_tail(const struct list *l, struct buf *out, const char *next_cursor)
{
    buf_printf(out, "],\"count\":%" PRId64 ",\"last_updated\":", l->count);
    if (*l->updated) {
        char quoted[sizeof(l->updated) + 2];
        json_times_add(out, quoted, (size_t)snprintf(quoted, sizeof(quoted), "\"%s\"", l->updated));
    } else
        buf_str(out, "null");
    buf_printf(out, ",\"sync_status\":\"%s\",\"stale_count\":%" PRId64,
               l->count == 0  ? "empty"
               : l->stale > 0 ? "stale"
                              : "up_to_date",
               l->stale);
    if (next_cursor) buf_printf(out, ",\"next_cursor\":%s", *next_cursor ? next_cursor : "null");
    buf_char(out, '}');
}

/* ---- streaming ---- */

static void stream_more(struct req *r);

static void then_piece(struct req *r, const PGresult *result)
{
    struct list *l = r->state;
    struct buf out = {0};
    bool is_first = l->count == 0;
    int64_t rows = list_take(l, result);
    if (is_first) {
        reply_stream_begin_gzip(r, 200, TYPE_JSON);
        buf_str(&out, "{\"success\":true,\"data\":[");
    } else if (rows > 0) {
        buf_char(&out, ',');
    }
    json_times_add(&out, PQgetvalue(result, 0, 2), (size_t)PQgetlength(result, 0, 2));
    bool is_last = rows < l->limit;
    if (is_last) add_tail(l, &out, NULL);
    if (!reply_stream_chunk(r, out.data, out.len, is_last ? NULL : stream_more) || is_last) reply_stream_end(r);
    buf_free(&out);
}

static void stream_more(struct req *r)
{
    struct list *l = r->state;
    if (r->is_streaming && r->is_gone) {
        reply_stream_end(r);
        return;
    }
    l->limit = LIST_PAGE;
    list_ask(r, then_piece);
}

static void stream(struct req *r)
{
    if (!cache_unchanged(r, CACHE_AGE_MS)) streams_admit(r, stream_more);
}

/* ---- whole ---- */

static void then_first(struct req *r, const PGresult *result)
{
    struct list *l = r->state;
    bool is_whole = l->is_paged || strtoll(PQgetvalue(result, 0, 0), NULL, 10) < l->limit;
    if (!is_whole) {
        cache_decline(r, stream);
        stream(r);
        return;
    }
    int64_t rows = list_take(l, result);
    struct buf out = {0};
    buf_reserve(&out, (size_t)PQgetlength(result, 0, 2) + 256);
    buf_str(&out, "{\"success\":true,\"data\":[");
    json_times_add(&out, PQgetvalue(result, 0, 2), (size_t)PQgetlength(result, 0, 2));
    add_tail(l, &out, !l->is_paged ? NULL : rows == l->limit ? l->after : "");
    size_t len = out.len;
    cache_keep(r, buf_steal(&out), len);
}

static void list_load(struct req *r)
{
    list_ask(r, then_first);
}

void list_reply(struct req *r, const struct query *query, const char *filter, unsigned tables)
{
    struct list *l = req_alloc(r, sizeof(*l));
    const char *limit = req_arg(r, "limit"), *cursor = req_arg(r, "cursor");
    l->query = query;
    l->filter = filter;
    l->is_paged = limit || cursor;
    l->limit = limit ? (int)strtol(limit, NULL, 10) : LIST_WHOLE;
    snprintf(l->after, sizeof(l->after), "%s", cursor ? cursor : "0");
    r->state = l;
    const char *key = req_printf(r, "%s\x1f%s\x1f%s\x1f%s", query->name, filter ? filter : "", limit ? limit : "",
                                 cursor ? cursor : "");
    cache_answer(r, key, tables, list_load);
}
