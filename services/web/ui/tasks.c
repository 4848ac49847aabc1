/* Tasks: what waits, runs, is scheduled or dead, and each task's own page. */
#include <stdlib.h>
#include <string.h>
#include <event2/http.h>

#include "conf/text/buf.h"
#include "conf/text/json.h"
#include "conf/text/utf8.h"
#include "ipc/mask.h"
#include "ipc/redis/queue_keys.h"
#include "services/store/ui/ui_logs.h"
#include "services/store/web/watch/history_read.h"
#include "services/web/gate/handlers.h"
#include "services/web/jobs/actions.h"
#include "services/web/ui/bulk.h"
#include "services/web/ui/page.h"

#define SHOWN        100 /* of a list, without a search of each queue */
#define DEAD_SHOWN   50
#define RAW_SHOWN    2000 /* bytes of a message that cannot be read */
#define RUNNING_READ 1000
#define QUEUES_MAX   8
#define SEARCHED_MAX 5000 /* of what a search finds, pages lead so far: all before them is read for each */

static const char *const queue_keys[QUEUES_MAX] = {"w0", "w1", "w2", "w3", "w4", "w5", "w6", "w7"};

/* ---- the list ---- */

static void keep_matching(cJSON *list, const char *text)
{
    for (cJSON *each = list ? list->child : NULL, *next; each; each = next) {
        next = each->next;
        if (!ui_bulk_matches(each, text)) cJSON_Delete(cJSON_DetachItemViaPointer(list, each));
    }
}

/* Arguments as text, without what is secret in them: what templates can show. */
static void dress(cJSON *list)
{
    cJSON *each;
    cJSON_ArrayForEach(each, list) {
        static const char *const members[] = {"args", "kwargs"};
        for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
            cJSON *value = cJSON_GetObjectItemCaseSensitive(each, members[i]);
            mask_secrets(value);
            if (!value || cJSON_IsNull(value) || cJSON_IsString(value)) continue;
            char *text = value->child ? cJSON_PrintUnformatted(value) : NULL;
            cJSON_ReplaceItemInObjectCaseSensitive(each, members[i], cJSON_CreateString(text ? text : ""));
            cJSON_free(text);
        }
        /* The bare message only when it could not be read: otherwise it is told by its parts. */
        cJSON *raw = cJSON_GetObjectItemCaseSensitive(each, "message");
        mask_secrets(raw);
        mask_secrets(cJSON_GetObjectItemCaseSensitive(each, "reason"));
        const cJSON *args = cJSON_GetObjectItemCaseSensitive(each, "args");
        if (cJSON_IsString(raw) && cJSON_IsString(args))
            cJSON_DeleteItemFromObjectCaseSensitive(each, "message");
        else if (cJSON_IsString(raw))
            raw->valuestring[utf8_cut(raw->valuestring, RAW_SHOWN)] = '\0';
    }
}

/* One list of the page: so many of it are shown, from an offset on that is an argument of its name. */
struct shown {
    const char *list, *count_key;
    enum queue_view view;
    int page;
};
enum { RUNNING, WAITING, SCHEDULED, DEAD, LISTS };
static const struct shown shown[LISTS] = {
    [RUNNING] = {"running", "running_count", QUEUE_UNACKED, SHOWN},
    [WAITING] = {"waiting", "waiting_count", QUEUE_WAITING, SHOWN},
    [SCHEDULED] = {"scheduled", "scheduled_count", QUEUE_SCHEDULED, SHOWN},
    [DEAD] = {"dead", "dead_count", QUEUE_DEAD, DEAD_SHOWN},
};

static int64_t offset_of(const cJSON *data, int which)
{
    return json_whole(json_member(data, "offsets"), shown[which].list, 0);
}

static void drop_first(cJSON *list, int64_t n)
{
    while (n-- > 0 && list && list->child) cJSON_DeleteItemFromArray(list, 0);
}

static void add_step(cJSON *pager, const char *key, const char *q, const char *list, int64_t offset)
{
    struct buf out = {0};
    char *encoded = evhttp_uriencode(q, -1, false);
    buf_printf(&out, "?q=%s&%s=%lld#%s", encoded ? encoded : "", list, (long long)offset, list);
    if (!out.failed) cJSON_AddStringToObject(pager, key, out.data);
    buf_free(&out);
    free(encoded);
}

/* behind: is there something behind what is shown? */
static void add_pager(cJSON *data, cJSON *counts, int which, bool is_behind)
{
    const char *q = json_text(data, "q"), *list = shown[which].list;
    int64_t offset = offset_of(data, which), page = shown[which].page;
    cJSON *pager = cJSON_AddObjectToObject(counts, "pager");
    if (offset > page) add_step(pager, "newest", q, list, 0);
    if (offset > 0) add_step(pager, "newer", q, list, offset > page ? offset - page : 0);
    if (is_behind && (!*q || offset + page <= SEARCHED_MAX)) add_step(pager, "older", q, list, offset + page);
}

/* What was searched comes as {count, is_whole, entries}, from the first on; without a search the counts are known of
 * the queues. longest: where several lists are shown as one, that of the longest. */
static void settle_list(cJSON *data, int which, double count, double longest)
{
    const char *list = shown[which].list;
    const cJSON *found = json_member(data, list);
    int64_t offset = offset_of(data, which);
    bool is_whole = true;
    if (cJSON_IsObject(found)) {
        cJSON *whole = cJSON_DetachItemFromObjectCaseSensitive(data, list);
        count = longest = json_number(whole, "count", 0);
        is_whole = cJSON_IsTrue(json_member(whole, "is_whole"));
        cJSON *entries = cJSON_DetachItemFromObjectCaseSensitive(whole, "entries");
        drop_first(entries, offset);
        cJSON_AddItemToObject(data, list, entries);
        cJSON_Delete(whole);
    }
    cJSON *counts = cJSON_AddObjectToObject(data, shown[which].count_key);
    cJSON_AddNumberToObject(counts, "count", count);
    cJSON_AddBoolToObject(counts, "is_one", count == 1);
    cJSON_AddBoolToObject(counts, "is_part", !is_whole);
    int here = cJSON_GetArraySize(json_member(data, list));
    cJSON_AddBoolToObject(counts, "is_more", offset == 0 && count > here);
    cJSON_AddNumberToObject(counts, "shown", here);
    cJSON_AddNumberToObject(counts, "offset", (double)offset);
    cJSON_AddBoolToObject(counts, "is_each", longest < count);
    cJSON_AddBoolToObject(counts, "is_past", here == 0 && offset > 0 && count > 0);
    cJSON_AddBoolToObject(counts, "is_full", count >= DEAD_LETTERS_MAX);
    add_pager(data, counts, which, longest > (double)(offset + shown[which].page));
    dress(cJSON_GetObjectItemCaseSensitive(data, list));
}

/* The lists of the queues one behind the other; how many wait in all, and where most. */
static void join_waiting(cJSON *data, double *depth, double *longest)
{
    const cJSON *queue;
    cJSON *waiting = cJSON_CreateArray();
    cJSON_ArrayForEach(queue, json_member(json_member(data, "queues"), "queues")) {
        double own = json_number(queue, "depth", 0);
        *depth += own;
        if (own > *longest) *longest = own;
    }
    for (int i = 0; i < QUEUES_MAX; i++) {
        cJSON *part = cJSON_DetachItemFromObjectCaseSensitive(data, queue_keys[i]);
        while (part && part->child) cJSON_AddItemToArray(waiting, cJSON_DetachItemViaPointer(part, part->child));
        cJSON_Delete(part);
    }
    if (json_member(data, "waiting"))
        cJSON_Delete(waiting);
    else
        cJSON_AddItemToObject(data, "waiting", waiting);
}

static void prepare(struct ui_page *p)
{
    cJSON *data = ui_page_data(p), *running = cJSON_GetObjectItemCaseSensitive(data, "running");
    const cJSON *stats = json_member(data, "queues");
    const char *text = json_text(data, "q");
    double depth = 0, longest = 0, unacked = json_number(stats, "unacked", 0);
    join_waiting(data, &depth, &longest);
    if (text && *text) {
        keep_matching(running, text);
        unacked = cJSON_GetArraySize(running);
        drop_first(running, offset_of(data, RUNNING));
        while (cJSON_GetArraySize(running) > SHOWN) cJSON_DeleteItemFromArray(running, SHOWN);
    }
    settle_list(data, RUNNING, unacked, unacked);
    settle_list(data, WAITING, depth, longest);
    settle_list(data, SCHEDULED, json_number(stats, "scheduled", 0), json_number(stats, "scheduled", 0));
    settle_list(data, DEAD, json_number(stats, "dead", 0), json_number(stats, "dead", 0));
}

/* Where each list begins. */
static void add_offsets(struct req *r, cJSON *data, bool is_search, int64_t offsets[LISTS])
{
    cJSON *kept = cJSON_AddObjectToObject(data, "offsets");
    for (int i = 0; i < LISTS; i++) {
        const char *text = req_arg(r, shown[i].list);
        offsets[i] = text && *text ? req_arg_int(r, shown[i].list) : 0;
        if (is_search && offsets[i] > SEARCHED_MAX) offsets[i] = SEARCHED_MAX;
        cJSON_AddNumberToObject(kept, shown[i].list, (double)offsets[i]);
    }
}

void web_ui_tasks(struct req *r)
{
    static const struct ui_look look = {"tasks", "tasks", "Tasks", "queues runs"};
    struct ui_page *p = ui_page_new(r, &look);
    const char *text = req_arg(r, "q");
    int64_t from[LISTS];
    cJSON_AddStringToObject(ui_page_data(p), "q", text ? text : "");
    add_offsets(r, ui_page_data(p), text && *text, from);
    ui_page_stats(p, "queues");
    if (text && *text) {
        ui_page_list(p, "running", QUEUE_UNACKED, NULL, 0, RUNNING_READ);
        for (int i = WAITING; i < LISTS; i++)
            ui_page_search(p, shown[i].list, shown[i].view, text, from[i] + shown[i].page);
    } else {
        char *names = req_strdup(r, conf_str(r->web->conf, SET_WORKER_QUEUES)), *rest = NULL;
        int n = 0;
        for (int i = 0; i < LISTS; i++)
            if (i != WAITING) ui_page_list(p, shown[i].list, shown[i].view, NULL, from[i], shown[i].page);
        for (char *name = strtok_r(names, ", ", &rest); name && n < QUEUES_MAX; name = strtok_r(NULL, ", ", &rest))
            ui_page_list(p, queue_keys[n++], QUEUE_WAITING, name, from[WAITING], SHOWN);
    }
    ui_page_sql(p, "runs", &ui_query_runs, 3, (const char *[]){"", text, "30"});
    ui_page_before(p, prepare);
    ui_page_go(p);
}

/* Of a dry run the result says what would change; a task of this process has it here, an older one the history. */
static void prepare_task(struct ui_page *p)
{
    cJSON *data = ui_page_data(p), *kept = cJSON_DetachItemFromObjectCaseSensitive(data, "kept");
    const char *text = json_text(json_member(data, "result"), "result");
    if (!text) text = json_text(json_member(json_member(data, "past"), "task"), "result");
    const char *status = json_text(json_member(data, "result"), "status");
    const cJSON *task = json_member(json_member(data, "past"), "task");
    bool is_over =
        status && (strcmp(status, "SUCCESS") == 0 || strcmp(status, "FAILURE") == 0 || strcmp(status, "REVOKED") == 0);
    cJSON_AddBoolToObject(data, "is_over", is_over || (!status && json_text(task, "ended_at")));
    if (json_text(task, "name")) ui_page_name(p, json_text(task, "name"));
    cJSON *result = kept ? kept : cJSON_Parse(text);
    cJSON *preview = cJSON_DetachItemFromObjectCaseSensitive(result, "preview");
    if (cJSON_IsObject(preview)) {
        ui_list_changes(preview);
        cJSON_AddItemToObject(data, "preview", preview);
    } else {
        cJSON_Delete(preview);
    }
    cJSON_Delete(result);
}

void web_ui_task(struct req *r)
{
    static const struct ui_look look = {"task", "tasks", "Task", "queues runs logs"};
    const char *id = req_param(r, 0);
    const struct action *a = action_find(r->web->actions, id);
    struct ui_page *p = ui_page_new(r, &look);
    cJSON_AddStringToObject(ui_page_data(p), "id", id);
    if (a && a->result) cJSON_AddItemToObject(ui_page_data(p), "kept", cJSON_Duplicate(a->result, true));
    ui_page_title(p, "Task");
    ui_page_sql(p, "past", &query_history_task, 1, (const char *[]){id});
    ui_page_before(p, prepare_task);
    ui_page_sql(p, "history", &ui_query_run, 1, (const char *[]){id});
    ui_page_result(p, "result", id);
    ui_page_go(p);
}
