/* What became of tasks, and what a sync has changed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/json.h"
#include "services/store/ui/ui_runs.h"
#include "services/store/web/watch/history_read.h"
#include "services/store/web/feed/run_changes_read.h"
#include "services/web/api/feed/change_cursor.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/reply.h"
#include "services/web/ui/page.h"

#define TASKS_SHOWN   "50"
#define CHANGES_SHOWN "100"
#define RUNS_SHOWN    "24" /* columns beside each other */

/* ---- tasks ---- */

static void prepare_history(struct ui_page *p)
{
    ui_page_pager(p, "before", json_text(json_member(ui_page_data(p), "past"), "next"), "");
}

void web_ui_history(struct req *r)
{
    static const struct ui_look look = {"history", "tasks", "Past tasks", "runs"};
    static const char *const names[] = {"name", "state", "queue", "text", "since", "until"};
    const char *since, *until, *before = req_arg(r, "before");
    if (!ui_page_period(r, &since, &until)) return;
    if (before && *before && !history_is_cursor(before)) {
        reply_invalid(r, "query", "before", "cursor", "next of the page before");
        return;
    }
    struct ui_page *p = ui_page_new(r, &look);
    ui_page_filter(p, names, sizeof names / sizeof *names);
    ui_page_sql(p, "past", &query_history_list, 8,
                (const char *[]){req_arg(r, "name"), req_arg(r, "state"), req_arg(r, "queue"), since, until,
                                 req_arg(r, "text"), before, TASKS_SHOWN});
    ui_page_before(p, prepare_history);
    ui_page_go(p);
}

/* ---- runs ---- */

static void prepare_runs(struct ui_page *p)
{
    char next[32] = "";
    double older = json_number(json_member(ui_page_data(p), "grid"), "older", 0);
    if (older > 0) snprintf(next, sizeof next, "%.0f", older);
    ui_page_pager(p, "before", next, "");
}

void web_ui_runs(struct req *r)
{
    static const struct ui_look look = {"runs", "runs", "Runs", "runs logs"};
    const char *before = req_arg(r, "before");
    struct ui_page *p = ui_page_new(r, &look);
    ui_page_sql(p, "grid", &ui_query_run_grid, 2, (const char *[]){before, RUNS_SHOWN});
    ui_page_before(p, prepare_runs);
    ui_page_go(p);
}

/* Templates go through lists. */
static void list_fields(cJSON *change)
{
    cJSON *fields = cJSON_DetachItemFromObjectCaseSensitive(change, "fields"), *list = cJSON_CreateArray(), *each;
    cJSON_ArrayForEach(each, fields) {
        cJSON *field = cJSON_CreateObject();
        static const char *const sides[] = {"before", "after"};
        cJSON_AddStringToObject(field, "name", each->string);
        for (int i = 0; i < 2; i++) {
            const cJSON *value = json_member(each, sides[i]);
            char *text = cJSON_IsObject(value) ? cJSON_PrintUnformatted(value) : NULL;
            if (text)
                cJSON_AddStringToObject(field, sides[i], text);
            else if (value && !cJSON_IsNull(value))
                cJSON_AddItemToObject(field, sides[i], cJSON_Duplicate(value, true));
            cJSON_free(text);
        }
        cJSON_AddItemToArray(list, field);
    }
    cJSON_Delete(fields);
    cJSON_AddItemToObject(change, "fields", list);
}

void ui_list_changes(cJSON *holder)
{
    cJSON *each, *changes = cJSON_GetObjectItemCaseSensitive(holder, "changes");
    cJSON_ArrayForEach(each, changes) list_fields(each);
}

static void prepare_run(struct ui_page *p)
{
    cJSON *sync = cJSON_GetObjectItemCaseSensitive(ui_page_data(p), "sync");
    ui_list_changes(sync);
    ui_page_pager(p, "after", json_text(sync, "next"), "");
}

void web_ui_run(struct req *r)
{
    static const struct ui_look look = {"run", "runs", "What a sync changed", "runs"};
    static const char *const names[] = {"type", "operation"};
    const char *after = req_arg(r, "after");
    struct change_cursor cursor;
    if (after && *after && (!change_cursor_read(&cursor, after) || cursor.snapshot)) {
        reply_invalid(r, "query", "after", "cursor", "next of the page before");
        return;
    }
    struct ui_page *p = ui_page_new(r, &look);
    ui_page_filter(p, names, sizeof names / sizeof *names);
    ui_page_sql(p, "sync", &query_run_changes, 5,
                (const char *[]){req_param(r, 0), req_arg(r, "type"), req_arg(r, "operation"), after, CHANGES_SHOWN});
    ui_page_sql(p, "failed", &ui_query_run_failed, 1, (const char *[]){req_param(r, 0)});
    ui_page_need(p, "sync", "No such sync: it is older than what is kept, or never was");
    ui_page_before(p, prepare_run);
    ui_page_go(p);
}
