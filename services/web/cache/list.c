/* Lists of objects: one kept document up to LIST_WHOLE rows, a stream of pages beyond. */
#include "services/web/cache/list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <event2/keyvalq_struct.h>

#include "conf/text/buf.h"
#include "conf/text/copy.h"
#include "services/web/cache/cache.h"
#include "conf/text/json_times.h"
#include "services/web/http/reply.h"
#include "services/web/http/streams.h"

struct list {
    const struct query *query;
    const char *filter;
    bool is_paged;
    int limit; /* rows to ask for */
    char after[24], rows[24];
    struct list_totals so_far;
};

static void list_ask(struct req *r, void (*then)(struct req *r, const PGresult *result))
{
    struct list *l = r->state;
    snprintf(l->rows, sizeof l->rows, "%d", l->limit);
    req_query(r, l->query, 3, (const char *[]){l->after, l->rows, l->filter}, then);
}

int64_t list_count_in(struct list_totals *t, const PGresult *result)
{
    int64_t rows = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    t->count += rows;
    t->stale += strtoll(PQgetvalue(result, 0, 3), NULL, 10);
    const char *updated = PQgetvalue(result, 0, 4); /* ISO text, so that comparing works */
    if (strcmp(updated, t->updated) > 0) snprintf(t->updated, sizeof t->updated, "%s", updated);
    return rows;
}

/* Counts a page in; returns its number of rows. */
static int64_t list_take(struct list *l, const PGresult *result)
{
    int64_t rows = list_count_in(&l->so_far, result);
    if (rows > 0) snprintf(l->after, sizeof l->after, "%s", PQgetvalue(result, 0, 1));
    return rows;
}

void list_add_tail(const struct list_totals *t, struct buf *out, const char *next_cursor)
{
    buf_printf(out, "],\"count\":%" PRId64 ",\"last_updated\":", t->count);
    if (*t->updated) {
        char quoted[sizeof t->updated + 2];
        json_times_add(out, quoted, (size_t)snprintf(quoted, sizeof quoted, "\"%s\"", t->updated));
    } else
        buf_str(out, "null");
    buf_printf(out, ",\"sync_status\":\"%s\",\"stale_count\":%" PRId64,
               t->count == 0  ? "empty"
               : t->stale > 0 ? "stale"
                              : "up_to_date",
               t->stale);
    if (next_cursor) buf_printf(out, ",\"next_cursor\":%s", *next_cursor ? next_cursor : "null");
    buf_char(out, '}');
}

/* ---- the way to the next page ---- */

/* The same request, as it came, with another cursor. */
void list_link_next(struct req *r, const char *cursor)
{
    const struct evkeyval *q;
    struct buf b = {0};
    buf_printf(&b, "<%s?", r->path);
    TAILQ_FOREACH(q, &r->query, next) {
        char *name = strcmp(q->key, "cursor") == 0 ? NULL : evhttp_uriencode(q->key, -1, 0);
        char *value = name ? evhttp_uriencode(q->value, -1, 0) : NULL;
        if (value) buf_printf(&b, "%s=%s&", name, value);
        free(name);
        free(value);
    }
    buf_printf(&b, "cursor=%s>; rel=\"next\"", cursor);
    if (!b.failed) reply_header(r, "Link", b.data);
    buf_free(&b);
}

/* Of a kept answer: its cursor stands at its end. */
static void link_kept(struct req *r, const char *bytes, size_t len)
{
    static const char name[] = "\"next_cursor\":";
    char cursor[24];
    const char *at = len > 64 ? bytes + len - 64 : bytes;
    at = memmem(at, (size_t)(bytes + len - at), name, sizeof name - 1);
    if (!at) return;
    at += sizeof name - 1;
    size_t digits = strspn(at, "0123456789");
    if (digits == 0 || digits >= sizeof cursor) return;
    snprintf(cursor, sizeof cursor, "%.*s", (int)digits, at);
    list_link_next(r, cursor);
}

/* ---- streaming ---- */

static void stream_more(struct req *r);

static void then_piece(struct req *r, const PGresult *result)
{
    struct list *l = r->state;
    struct buf out = {0};
    bool is_first = l->so_far.count == 0;
    int64_t rows = list_take(l, result);
    if (is_first) {
        reply_stream_begin_gzip(r, 200, TYPE_JSON);
        buf_str(&out, "{\"success\":true,\"data\":[");
    } else if (rows > 0) {
        buf_char(&out, ',');
    }
    json_times_add(&out, PQgetvalue(result, 0, 2), (size_t)PQgetlength(result, 0, 2));
    bool is_last = rows < l->limit;
    if (is_last) list_add_tail(&l->so_far, &out, NULL);
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
    list_add_tail(&l->so_far, &out, !l->is_paged ? NULL : rows == l->limit ? l->after : "");
    size_t len = out.len;
    cache_keep(r, buf_steal(&out), len);
}

static void list_load(struct req *r)
{
    list_ask(r, then_first);
}

/* What the answer depends on, beside its tables. */
static const char *key_of(struct req *r, const char *const parts[4])
{
    size_t size = 4;
    for (int i = 0; i < 4; i++) size += parts[i] ? strlen(parts[i]) : 0;
    char *key = req_alloc(r, size), *end = key;
    for (int i = 0; i < 4; i++) {
        if (i > 0) *end++ = '\x1f';
        if (parts[i]) end = stpcpy(end, parts[i]);
    }
    return key;
}

void list_reply(struct req *r, const struct query *query, const char *filter, unsigned tables)
{
    struct list *l = req_alloc(r, sizeof *l);
    const char *limit = req_arg(r, "limit"), *cursor = req_arg(r, "cursor");
    l->query = query;
    l->filter = filter;
    l->is_paged = limit || cursor;
    l->limit = limit ? (int)strtol(limit, NULL, 10) : LIST_WHOLE;
    text_copy(l->after, sizeof l->after, cursor ? cursor : "0");
    r->state = l;
    if (l->is_paged) r->told = link_kept;
    cache_answer(r, key_of(r, (const char *[]){query->name, filter, limit, cursor}), tables, list_load);
}
