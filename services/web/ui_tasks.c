/* Tasks: what waits, runs, is scheduled or dead, and each task's own page. */
#include <stdlib.h>
#include <string.h>

#include "services/store/ui_queries.h"
#include "services/web/handlers.h"
#include "services/web/ui_page.h"

#define SHOWN       200
#define DEAD_SHOWN  50
#define QUEUES_MAX  8
#define RUNNING_MAX 40

/* ---- the list ---- */

static bool mentions(const cJSON *entry, const char *text)
{
    static const char *const members[] = {"id", "task", "reason", "queue", "worker"};
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
        const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, members[i]));
        if (value && strcasestr(value, text)) return true;
    }
    return false;
}

static void keep_matching(cJSON *list, const char *text)
{
    for (cJSON *each = list ? list->child : NULL, *next; each; each = next) {
        next = each->next;
        if (!mentions(each, text)) cJSON_Delete(cJSON_DetachItemViaPointer(list, each));
    }
}

/* Times of day from milliseconds, arguments as text: what templates can show. */
static void dress(cJSON *list)
{
    cJSON *each;
    cJSON_ArrayForEach(each, list)
    {
        static const char *const members[] = {"args", "kwargs", "message"};
        for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
            cJSON *value = cJSON_GetObjectItemCaseSensitive(each, members[i]);
            if (!value || cJSON_IsNull(value) || cJSON_IsString(value)) continue;
            bool is_empty = (cJSON_IsArray(value) || cJSON_IsObject(value)) && !value->child;
            char *text = is_empty ? NULL : cJSON_PrintUnformatted(value);
            cJSON_ReplaceItemInObjectCaseSensitive(each, members[i], cJSON_CreateString(text ? text : ""));
            cJSON_free(text);
        }
    }
}

static void prepare(struct ui_page *p)
{
    static const char *const lists[] = {"running", "waiting", "scheduled", "dead"};
    cJSON *data = ui_page_data(p), *waiting = cJSON_CreateArray();
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(data, "q"));
    for (int i = 0; i < QUEUES_MAX; i++) {
        static const char *const keys[QUEUES_MAX] = {"w0", "w1", "w2", "w3", "w4", "w5", "w6", "w7"};
        cJSON *part = cJSON_DetachItemFromObjectCaseSensitive(data, keys[i]);
        while (part && part->child) cJSON_AddItemToArray(waiting, cJSON_DetachItemViaPointer(part, part->child));
        cJSON_Delete(part);
    }
    cJSON_AddItemToObject(data, "waiting", waiting);
    const cJSON *dead = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(data, "queues"), "dead");
    cJSON_AddBoolToObject(data, "more_dead", cJSON_IsNumber(dead) && dead->valuedouble > DEAD_SHOWN);
    cJSON_AddNumberToObject(data, "dead_shown", DEAD_SHOWN);
    cJSON_AddBoolToObject(data, "dead_any", cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(data, "dead")) > 0);
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
        cJSON *list = cJSON_GetObjectItemCaseSensitive(data, lists[i]);
        if (!list) continue;
        if (text && *text) keep_matching(list, text);
        dress(list);
    }
}

void web_ui_tasks(struct req *r)
{
    static const struct ui_look look = {"tasks", "tasks", "Tasks", "queues runs"};
    static const char *const keys[QUEUES_MAX] = {"w0", "w1", "w2", "w3", "w4", "w5", "w6", "w7"};
    struct ui_page *p = ui_page_new(r, &look);
    const char *text = req_arg(r, "q");
    cJSON_AddStringToObject(ui_page_data(p), "q", text ? text : "");
    ui_page_stats(p, "queues");
    ui_page_list(p, "running", QUEUE_UNACKED, NULL, RUNNING_MAX);
    ui_page_list(p, "scheduled", QUEUE_SCHEDULED, NULL, SHOWN);
    ui_page_list(p, "dead", QUEUE_DEAD, NULL, DEAD_SHOWN);
    char *names = req_strdup(r, conf_str(r->web->conf, SET_WORKER_QUEUES)), *rest = NULL;
    int n = 0;
    for (char *name = strtok_r(names, ", ", &rest); name && n < QUEUES_MAX; name = strtok_r(NULL, ", ", &rest))
        ui_page_list(p, keys[n++], QUEUE_WAITING, name, SHOWN);
    ui_page_sql(p, "runs", &ui_query_runs, 3, (const char *[]){"", text, "30"});
    ui_page_before(p, prepare);
    ui_page_go(p);
}

void web_ui_task(struct req *r)
{
    static const struct ui_look look = {"task", "tasks", "Task", "queues runs logs"};
    const char *id = req_param(r, 0);
    struct ui_page *p = ui_page_new(r, &look);
    cJSON_AddStringToObject(ui_page_data(p), "id", id);
    ui_page_title(p, "Task");
    ui_page_sql(p, "history", &ui_query_run, 1, (const char *[]){id});
    ui_page_result(p, "result", id);
    ui_page_go(p);
}
