/* Tasks: what waits, runs, is scheduled or dead, and each task's own page. */
#include <stdlib.h>
#include <string.h>

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

#define SHOWN         100 /* of a list, without a search of each queue */
#define DEAD_SHOWN    50
#define RAW_SHOWN     2000 /* bytes of a message that cannot be read */
#define RUNNING_READ  1000
#define RUNNING_SHOWN 100
#define QUEUES_MAX    8

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

/* What was searched comes as {count, is_whole, entries}; without a search the counts are known of the queues. */
static void settle_list(cJSON *data, const char *list, const char *count_key, double count)
{
    const cJSON *found = json_member(data, list);
    bool is_whole = true;
    if (cJSON_IsObject(found)) {
        cJSON *whole = cJSON_DetachItemFromObjectCaseSensitive(data, list);
        count = json_member(whole, "count")->valuedouble;
        is_whole = cJSON_IsTrue(json_member(whole, "is_whole"));
        cJSON_AddItemToObject(data, list, cJSON_DetachItemFromObjectCaseSensitive(whole, "entries"));
        cJSON_Delete(whole);
    }
    cJSON *counts = cJSON_AddObjectToObject(data, count_key);
    cJSON_AddNumberToObject(counts, "count", count);
    cJSON_AddBoolToObject(counts, "is_one", count == 1);
    cJSON_AddBoolToObject(counts, "is_part", !is_whole);
    int shown = cJSON_GetArraySize(json_member(data, list));
    cJSON_AddBoolToObject(counts, "is_more", count > shown);
    cJSON_AddNumberToObject(counts, "shown", shown);
    cJSON_AddBoolToObject(counts, "is_full", count >= DEAD_LETTERS_MAX);
    dress(cJSON_GetObjectItemCaseSensitive(data, list));
}

static void prepare(struct ui_page *p)
{
    cJSON *data = ui_page_data(p), *waiting = cJSON_CreateArray();
    const cJSON *stats = json_member(data, "queues"), *queue;
    const char *text = cJSON_GetStringValue(json_member(data, "q"));
    double depth = 0;
    cJSON_ArrayForEach(queue, json_member(stats, "queues")) depth += json_number(queue, "depth", 0);
    for (int i = 0; i < QUEUES_MAX; i++) {
        cJSON *part = cJSON_DetachItemFromObjectCaseSensitive(data, queue_keys[i]);
        while (part && part->child) cJSON_AddItemToArray(waiting, cJSON_DetachItemViaPointer(part, part->child));
        cJSON_Delete(part);
    }
    if (json_member(data, "waiting"))
        cJSON_Delete(waiting);
    else
        cJSON_AddItemToObject(data, "waiting", waiting);
    cJSON *running = cJSON_GetObjectItemCaseSensitive(data, "running");
    bool is_searched = text && *text;
    if (is_searched) keep_matching(running, text);
    while (cJSON_GetArraySize(running) > RUNNING_SHOWN) cJSON_DeleteItemFromArray(running, RUNNING_SHOWN);
    settle_list(data, "running", "running_count",
                is_searched ? cJSON_GetArraySize(running) : json_number(stats, "unacked", 0));
    settle_list(data, "waiting", "waiting_count", depth);
    settle_list(data, "scheduled", "scheduled_count", json_number(stats, "scheduled", 0));
    settle_list(data, "dead", "dead_count", json_number(stats, "dead", 0));
}

void web_ui_tasks(struct req *r)
{
    static const struct ui_look look = {"tasks", "tasks", "Tasks", "queues runs"};
    struct ui_page *p = ui_page_new(r, &look);
    const char *text = req_arg(r, "q");
    cJSON_AddStringToObject(ui_page_data(p), "q", text ? text : "");
    ui_page_stats(p, "queues");
    ui_page_list(p, "running", QUEUE_UNACKED, NULL, RUNNING_READ);
    if (text && *text) {
        ui_page_search(p, "waiting", QUEUE_WAITING, text, SHOWN);
        ui_page_search(p, "scheduled", QUEUE_SCHEDULED, text, SHOWN);
        ui_page_search(p, "dead", QUEUE_DEAD, text, DEAD_SHOWN);
    } else {
        char *names = req_strdup(r, conf_str(r->web->conf, SET_WORKER_QUEUES)), *rest = NULL;
        int n = 0;
        ui_page_list(p, "scheduled", QUEUE_SCHEDULED, NULL, SHOWN);
        ui_page_list(p, "dead", QUEUE_DEAD, NULL, DEAD_SHOWN);
        for (char *name = strtok_r(names, ", ", &rest); name && n < QUEUES_MAX; name = strtok_r(NULL, ", ", &rest))
            ui_page_list(p, queue_keys[n++], QUEUE_WAITING, name, SHOWN);
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
