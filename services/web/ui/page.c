/* See page.h. A page outlives its request when that is torn down while a source has not answered yet (the server
 * stops): then the answers are taken and dropped. */
#include "services/web/ui/page.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "conf/text/json.h"
#include "conf/clock.h"
#include "conf/log.h"
#include "conf/version.h"
#include "ipc/mask.h"
#include "ipc/queue/queue_message.h"
#include "services/web/http/fault.h"
#include "services/web/http/period.h"
#include "services/web/http/reply.h"
#include "services/web/http/render/language.h"
#include "services/web/ui/pager.h"

#define PAGE_LIMIT_BYTES (8 * 1024 * 1024)
#define SOURCES_MAX      80
#define SEARCH_MOST      50000 /* messages that a search looks at, each list */

struct source {
    struct ui_page *page;
    const char *key;
    struct pool_call *call;
};

struct ui_page {
    struct req *req;       /* NULL: it is over */
    struct ui_page **slot; /* in the request's memory; where it finds the page until that is sent */
    const char *template;
    cJSON *data, *faults;
    struct source sources[SOURCES_MAX];
    int count, waiting;
    const char *need, *missing;
    void (*before)(struct ui_page *p);
    struct ui_page *next, **link; /* all of them, for the end of the process */
};

static struct ui_page *pages;

/* The request ends; the page is still there when it has not been sent. */
static void on_end(void *slot)
{
    struct ui_page *p = *(struct ui_page **)slot;
    if (p) p->req = NULL;
}

struct ui_page *ui_page_new(struct req *r, const struct ui_look *look)
{
    struct ui_page *p = calloc(1, sizeof *p);
    cJSON *data = cJSON_CreateObject();
    if (!p || !data) {
        log_critical("no memory for a page");
        abort();
    }
    p->next = pages;
    p->link = &pages;
    if (pages) pages->link = &p->next;
    pages = p;
    p->req = r;
    p->template = look->template;
    p->data = data;
    p->faults = cJSON_AddArrayToObject(data, "faults");
    p->waiting = 1; /* ui_page_go */
    cJSON_AddStringToObject(data, "page", look->page);
    cJSON_AddStringToObject(data, "title", look->title);
    cJSON_AddStringToObject(data, "topics", look->topics);
    cJSON_AddStringToObject(data, "user", r->who.name);
    cJSON_AddStringToObject(data, "csrf", r->who.csrf);
    cJSON_AddBoolToObject(data, "is_viewer", r->who.is_viewer);
    cJSON_AddStringToObject(data, "version", version_text);
    r->state = p;
    p->slot = req_alloc(r, sizeof(struct ui_page *));
    *p->slot = p;
    req_on_end(r, on_end, p->slot);
    return p;
}

cJSON *ui_page_data(struct ui_page *p)
{
    return p->data;
}

void ui_page_title(struct ui_page *p, const char *title)
{
    cJSON_ReplaceItemInObjectCaseSensitive(p->data, "title", cJSON_CreateString(title));
}

void ui_page_name(struct ui_page *p, const char *name)
{
    cJSON_AddStringToObject(p->data, "called", name);
}

void ui_page_fault(struct ui_page *p, const char *fmt, ...)
{
    char text[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    const cJSON *known;
    cJSON_ArrayForEach(known, p->faults)
        if (strcmp(known->valuestring, text) == 0) return;
    cJSON_AddItemToArray(p->faults, cJSON_CreateString(text));
}

/* ---- the end ---- */

static void page_free(struct ui_page *p)
{
    *p->link = p->next;
    if (p->next) p->next->link = p->link;
    cJSON_Delete(p->data);
    free(p);
}

static bool page_time(struct req *r, const char *name, const char **out)
{
    const char *text = req_arg(r, name);
    int64_t us;
    *out = "";
    if (!text || !*text) return true;
    size_t len = strlen(text);
    char *full = len == 16   ? req_printf(r, "%s:00Z", text)
                 : len == 10 ? req_printf(r, "%sT00:00:00Z", text)
                             : req_strdup(r, text);
    if (clock_parse_iso(full, &us) != 0) {
        reply_invalid(r, "query", name, "datetime_parsing", "ISO 8601 expected, like 2026-11-25T08:00");
        return false;
    }
    *out = full;
    return true;
}

bool ui_page_period(struct req *r, const char **since, const char **until)
{
    return page_time(r, "since", since) && page_time(r, "until", until) &&
           period_is_right(r, (struct period_end){"since", *since}, (struct period_end){"until", *until});
}

void ui_page_filter(struct ui_page *p, const char *const *names, size_t count)
{
    cJSON *filter = cJSON_AddObjectToObject(p->data, "filter");
    struct buf query = {0};
    for (size_t i = 0; i < count; i++) {
        const char *text = req_arg(p->req, names[i]) ? req_arg(p->req, names[i]) : "";
        char *encoded = evhttp_uriencode(text, -1, false);
        cJSON_AddStringToObject(filter, names[i], text);
        buf_printf(&query, "%s=%s&", names[i], encoded ? encoded : "");
        free(encoded);
    }
    cJSON_AddStringToObject(filter, "query", query.failed ? "" : query.data);
    buf_free(&query);
}

void ui_page_pager(struct ui_page *p, const char *name, const char *next, const char *at)
{
    const char *query = json_text(json_member(p->data, "filter"), "query");
    pager_add(p->data, p->req, &(struct pager){query ? query : "", name, next, at});
}

void ui_pages_free(void)
{
    for (struct ui_page *p = pages, *next; p; p = next) {
        next = p->next;
        cJSON_Delete(p->data);
        free(p);
    }
    pages = NULL;
}

static void send_rendered(struct req *r, int status, const char *template, cJSON *data)
{
    struct buf out;
    struct err err = {0};
    buf_init(&out, PAGE_LIMIT_BYTES);
    if (language_render(r, &out, template, data, &err) < 0) {
        log_error("%s", err.text);
        reply_fault(r, 500, "INTERNAL_ERROR", "The page cannot be shown (request %s)", r->id);
    } else {
        reply_bytes(r, status, TYPE_HTML, out.data, out.len);
    }
    buf_free(&out);
}

static void settle(struct ui_page *p)
{
    if (--p->waiting > 0) return;
    struct req *r = p->req;
    if (r) {
        r->state = NULL;
        *p->slot = NULL;
        bool is_missing = p->need && !cJSON_GetObjectItemCaseSensitive(p->data, p->need);
        if (is_missing && !p->faults->child) {
            ui_page_title(p, "Not found");
            ui_page_fault(p, "%s", p->missing);
            send_rendered(r, 404, "missing", p->data);
        } else {
            if (p->before) p->before(p);
            send_rendered(r, 200, p->template, p->data);
        }
    }
    page_free(p);
}

void ui_page_need(struct ui_page *p, const char *key, const char *missing)
{
    p->need = key;
    p->missing = missing;
}

void ui_page_before(struct ui_page *p, void (*fn)(struct ui_page *p))
{
    p->before = fn;
}

void ui_page_go(struct ui_page *p)
{
    settle(p);
}

/* ---- sources ---- */

static struct source *source_new(struct ui_page *p, const char *key)
{
    if (p->count == SOURCES_MAX) return NULL;
    struct source *s = &p->sources[p->count++];
    s->page = p;
    s->key = key;
    p->waiting++;
    return s;
}

/* What it found, owned by the page from now on; NULL = nothing. */
static void source_done(struct source *s, cJSON *found)
{
    struct ui_page *p = s->page;
    if (found && !cJSON_AddItemToObject(p->data, s->key, found)) cJSON_Delete(found);
    settle(p);
}

static void on_rows(void *arg, const PGresult *result, const struct err *err)
{
    struct source *s = arg;
    cJSON *found = NULL;
    if (err)
        ui_page_fault(s->page, "%s", fault_told_of_statement(s->page->req, err));
    else if (PQntuples(result) > 0 && !PQgetisnull(result, 0, 0))
        found = cJSON_Parse(PQgetvalue(result, 0, 0));
    source_done(s, found);
}

void ui_page_sql(struct ui_page *p, const char *key, const struct query *q, int n, const char *const *values)
{
    if (!p->req->web->pool) {
        ui_page_fault(p, "PostgreSQL is not configured: set DATABASE_URL.");
        return;
    }
    struct source *s = source_new(p, key);
    if (s && !pool_query(p->req->web->pool, q, n, values, on_rows, s)) source_done(s, NULL);
}

static bool queue_is_there(struct ui_page *p)
{
    if (p->req->web->queue) return true;
    if (!cJSON_HasObjectItem(p->data, "is_queue_off")) cJSON_AddTrueToObject(p->data, "is_queue_off");
    return false;
}

/* An error in place of what the source was asked for stands on the page. */
static bool is_faulty(struct source *s, const struct err *err)
{
    if (!err) return false;
    ui_page_fault(s->page, "%s", fault_told(s->page->req, err));
    source_done(s, NULL);
    return true;
}

static void on_stats(void *arg, const struct queue_stats *stats, const struct err *err)
{
    struct source *s = arg;
    if (is_faulty(s, err)) return;
    cJSON *out = cJSON_CreateObject();
    cJSON *queues = cJSON_AddArrayToObject(out, "queues");
    for (size_t i = 0; i < stats->count; i++) {
        cJSON *each = cJSON_CreateObject();
        cJSON_AddStringToObject(each, "name", stats->queues[i].name);
        cJSON_AddNumberToObject(each, "depth", (double)stats->queues[i].depth);
        if (stats->queues[i].oldest_age_ms >= 0)
            cJSON_AddNumberToObject(each, "oldest_ms", (double)stats->queues[i].oldest_age_ms);
        cJSON_AddBoolToObject(each, "is_paused", stats->queues[i].is_paused);
        if (stats->queues[i].is_paused) {
            char since[CLOCK_TEXT_SIZE];
            cJSON_AddStringToObject(each, "paused_by", stats->queues[i].paused_by);
            cJSON_AddStringToObject(each, "paused_since", clock_iso_ms(stats->queues[i].paused_ms, since));
        }
        cJSON_AddItemToArray(queues, each);
    }
    cJSON_AddNumberToObject(out, "unacked", (double)stats->unacked);
    cJSON_AddNumberToObject(out, "scheduled", (double)stats->scheduled);
    cJSON_AddNumberToObject(out, "dead", (double)stats->dead);
    cJSON_AddNumberToObject(out, "workers", (double)stats->workers);
    source_done(s, out);
}

void ui_page_stats(struct ui_page *p, const char *key)
{
    struct err err = {0};
    struct source *s = queue_is_there(p) ? source_new(p, key) : NULL;
    if (!s || queue_stats(p->req->web->queue, on_stats, s, &err) == 0) return;
    is_faulty(s, &err);
}

static void on_list(void *arg, const cJSON *entries, const struct err *err)
{
    struct source *s = arg;
    if (!is_faulty(s, err)) source_done(s, cJSON_Duplicate(entries, 1));
}

void ui_page_list(struct ui_page *p, const char *key, enum queue_view view, const char *queue, int64_t offset,
                  int64_t limit)
{
    struct err err = {0};
    struct source *s = queue_is_there(p) ? source_new(p, key) : NULL;
    if (!s || queue_list(p->req->web->queue, view, queue, offset, limit, on_list, s, &err) == 0) return;
    is_faulty(s, &err);
}

static void on_search(void *arg, int64_t count, bool is_whole, const cJSON *entries, const struct err *err)
{
    struct source *s = arg;
    if (is_faulty(s, err)) return;
    cJSON *out = cJSON_CreateObject();
    cJSON_AddNumberToObject(out, "count", (double)count);
    cJSON_AddBoolToObject(out, "is_whole", is_whole);
    cJSON_AddItemToObject(out, "entries", cJSON_Duplicate(entries, 1));
    source_done(s, out);
}

void ui_page_search(struct ui_page *p, const char *key, enum queue_view view, const char *text, int64_t wanted)
{
    struct err err = {0};
    struct queue_sweep what = {.view = view, .text = text, .wanted = wanted, .most = SEARCH_MOST};
    struct source *s = queue_is_there(p) ? source_new(p, key) : NULL;
    if (!s || queue_sweep(p->req->web->queue, &what, SWEEP_LOOK, on_search, s, &err) == 0) return;
    is_faulty(s, &err);
}

static void add_masked(cJSON *to, const char *name, const char *text)
{
    char *masked = text ? mask_text(text) : NULL;
    if (masked) cJSON_AddStringToObject(to, name, masked);
    free(masked);
}

static void on_task_result(void *arg, const struct result *result, const struct err *err)
{
    struct source *s = arg;
    if (err || result->state == RESULT_PENDING) {
        source_done(s, NULL);
        return;
    }
    cJSON *out = cJSON_CreateObject();
    cJSON *value = cJSON_Duplicate(result->value, 1);
    mask_secrets(value);
    cJSON_AddStringToObject(out, "status", result->status ? result->status : "");
    add_masked(out, "error", result->error);
    add_masked(out, "traceback", result->traceback);
    char done[CLOCK_TEXT_SIZE];
    int64_t done_us; /* workers of others write it with an offset, or without */
    if (result->date_done && clock_parse_iso_loose(result->date_done, &done_us) == 0)
        cJSON_AddStringToObject(out, "date_done", clock_iso_ms(done_us / 1000, done));
    if (result->state == RESULT_PROGRESS && cJSON_IsObject(value)) {
        static const char *const members[] = {"current", "total", "status"};
        for (int i = 0; i < 3; i++) {
            const cJSON *item = cJSON_GetObjectItemCaseSensitive(value, members[i]);
            if (item) cJSON_AddItemToObject(out, i == 2 ? "text" : members[i], cJSON_Duplicate(item, 1));
        }
    } else if (value && !result->error) {
        json_shown(value);
        char *text = cJSON_Print(value);
        cJSON_AddStringToObject(out, "result", text ? text : "");
        cJSON_free(text);
    }
    cJSON_Delete(value);
    source_done(s, out);
}

void ui_page_result(struct ui_page *p, const char *key, const char *task_id)
{
    struct err err = {0};
    struct source *s = queue_is_there(p) ? source_new(p, key) : NULL;
    if (s && result_get(p->req->web->queue, task_id, on_task_result, s, &err) < 0) source_done(s, NULL);
}
