/* A page in the making: its sources are asked side by side, each puts its JSON under a key of the page's data, and when
 * all have answered the template is rendered. A source that fails leaves its key out and a line in `faults`, which
 * every page shows, so that what does work is still seen. */
#ifndef LOGIKALD_SERVICES_WEB_UI_PAGE_H
#define LOGIKALD_SERVICES_WEB_UI_PAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <cjson/cJSON.h>

#include "ipc/queue/queue.h"
#include "services/store/db/pool.h"
#include "services/web/http/req.h"

struct ui_page;

/* What a page is called and lives from. topics: what makes it outdated, words of ui_live.h split by spaces. */
struct ui_look {
    const char *template, *page, *title, *topics;
};

/* Begins the answer to r. The page belongs to itself and is gone when it was answered. */
struct ui_page *ui_page_new(struct req *r, const struct ui_look *look);
cJSON *ui_page_data(struct ui_page *p); /* the object that the template sees; add to it what is known at once */
void ui_page_title(struct ui_page *p, const char *title);
void ui_page_name(struct ui_page *p, const char *name); /* its title is a name from outside */
void ui_page_fault(struct ui_page *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- sources; key is a literal ---- */
/* The first column of the first row is the JSON. */
void ui_page_sql(struct ui_page *p, const char *key, const struct query *q, int n, const char *const *values);
/* {queues:[{name, depth, oldest_ms, is_paused, paused_by, paused_since}], unacked, scheduled, dead, workers}; without
 * Redis: only is_queue_off is set. */
void ui_page_stats(struct ui_page *p, const char *key);
void ui_page_list(struct ui_page *p, const char *key, enum queue_view view, const char *queue, int64_t offset,
                  int64_t limit);
/* {count, is_whole, entries}: what matches text, the first `wanted` of it, and how many it are. */
void ui_page_search(struct ui_page *p, const char *key, enum queue_view view, const char *text, int64_t wanted);
/* {status, current, total, text, error, result, traceback, date_done}; result as text. */
void ui_page_result(struct ui_page *p, const char *key, const char *task_id);

/* Without something under key the answer is 404 with this text. */
void ui_page_need(struct ui_page *p, const char *key, const char *missing);
/* Called with the whole data before it is rendered. */
void ui_page_before(struct ui_page *p, void (*fn)(struct ui_page *p));
/* All sources are named: the page is sent as soon as they have answered. */
void ui_page_go(struct ui_page *p);

/* The times "since" and "until" of a filter, as PostgreSQL takes them: "" when absent. datetime-local fields come
 * without zone and mean UTC. False: they are no times, or no period (period.h), and the request has been answered. */
bool ui_page_period(struct req *r, const char **since, const char **until);

/* "filter": the arguments of these names as they were given, and as the beginning of a query for the next page. */
void ui_page_filter(struct ui_page *p, const char *const *names, size_t count);

/* "pager" (pager.h) of a list with that filter, for ui_page_before: name of the argument with the cursor, cursor of the
 * next page ("" or NULL: this is the last one), place in the page ("#who" or ""). */
void ui_page_pager(struct ui_page *p, const char *name, const char *next, const char *at);

/* "changes" of an object: what templates can go through. */
void ui_list_changes(cJSON *holder);

/* What was never answered, once pool and queue are gone. */
void ui_pages_free(void);

#endif
