/* API clients and the system: configuration in force, processes, their logs, and who did what. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/json.h"
#include "services/store/ui/ui_actions.h"
#include "services/store/ui/ui_logs.h"
#include "services/store/ui/ui_overview.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/fault.h"
#include "services/web/http/reply.h"
#include "services/web/ui/action_words.h"
#include "services/web/ui/control.h"
#include "services/web/ui/log_lines.h"
#include "services/web/ui/page.h"
#include "services/web/watch/health/state.h"
#include "services/web/watch/health/verdict.h"

#define LOG_LINES     "400"
#define ACTIONS_SHOWN "50"
#define ACTIONS_COUNT 50
#define RUNNING_READ  1000

void web_ui_clients(struct req *r)
{
    static const struct ui_look look = {"clients", "clients", "API clients", ""};
    struct ui_page *p = ui_page_new(r, &look);
    ui_page_sql(p, "clients", &ui_query_clients, 0, NULL);
    ui_page_sql(p, "more_clients", &ui_query_clients_more, 0, NULL);
    ui_page_go(p);
}

/* ---- system ---- */

static void add_settings(cJSON *data, const struct conf *conf)
{
    static const char *const reloads[] = {[SETTING_LIVE] = "applied by a reload",
                                          [SETTING_REPLACE] = "a reload replaces the processes",
                                          [SETTING_RESTART] = "needs a restart"};
    cJSON *list = cJSON_AddArrayToObject(data, "settings");
    for (int id = 0; id < SET_COUNT; id++) {
        char value[512];
        cJSON *each = cJSON_CreateObject();
        enum conf_source source = conf_source(conf, id);
        cJSON_AddStringToObject(each, "key", settings[id].key);
        cJSON_AddStringToObject(each, "env", settings[id].env);
        cJSON_AddStringToObject(each, "value", conf_shown(conf, id, value, sizeof value));
        cJSON_AddStringToObject(each, "source", conf_source_name(source));
        cJSON_AddBoolToObject(each, "is_own", source != SOURCE_DEFAULT);
        cJSON_AddStringToObject(each, "help", settings[id].help);
        cJSON_AddStringToObject(each, "reload", reloads[settings[id].reload]);
        cJSON_AddItemToArray(list, each);
    }
}

/* Which child a worker is: its id ends in "/NAME/PID". */
static bool is_of(const char *worker, const char *child)
{
    const char *at = worker ? strstr(worker, child) : NULL;
    return at && at > worker && at[-1] == '/' && at[strlen(child)] == '/';
}

/* What a worker runs: {tasks, syncs: [{current, total}]}, which tells what becomes of it when the worker ends. */
static void add_running(cJSON *child, const cJSON *running, const cJSON *runs)
{
    const char *name = json_text(child, "name");
    int tasks = 0;
    cJSON *syncs = cJSON_AddArrayToObject(child, "syncs");
    const cJSON *task, *run;
    cJSON_ArrayForEach(task, running) {
        if (!is_of(json_text(task, "worker"), name)) continue;
        tasks++;
        cJSON_ArrayForEach(run, runs) {
            const char *id = json_text(run, "task_id"), *own = json_text(task, "id");
            if (!id || !own || strcmp(id, own) != 0) continue;
            cJSON *sync = cJSON_CreateObject();
            cJSON_AddNumberToObject(sync, "current", json_number(run, "current", 0));
            cJSON_AddNumberToObject(sync, "total", json_number(run, "total", 0));
            cJSON_AddItemToArray(syncs, sync);
        }
    }
    cJSON_AddNumberToObject(child, "tasks", tasks);
}

static void dress(struct ui_page *p)
{
    cJSON *data = ui_page_data(p), *child, *actions = cJSON_GetObjectItemCaseSensitive(data, "actions");
    action_words_add(actions);
    char next[32] = "";
    if (cJSON_GetArraySize(actions) == ACTIONS_COUNT)
        snprintf(next, sizeof next, "%.0f", json_number(cJSON_GetArrayItem(actions, ACTIONS_COUNT - 1), "id", 0));
    ui_page_pager(p, "before", next, "#who");
    const cJSON *running = json_member(data, "running");
    cJSON_ArrayForEach(child, json_member(json_member(data, "supervisor"), "children")) {
        const char *role = json_text(child, "role"), *name = json_text(child, "name");
        if (!role || !name) continue;
        cJSON_AddBoolToObject(child, "is_worker", strcmp(role, "worker") == 0);
        cJSON_AddBoolToObject(child, "is_beat", strcmp(role, "beat") == 0);
        cJSON_AddBoolToObject(child, "is_postgres", strstr(name, "postgres") != NULL);
        cJSON_AddBoolToObject(child, "is_redis", strstr(name, "redis") != NULL);
        if (running)
            add_running(child, running, json_member(data, "runs"));
        else
            cJSON_AddTrueToObject(child, "is_unsure");
    }
}

/* Without PostgreSQL the page tells of processes, logs and settings, and the rest is left out. */
static void add_stored(struct req *r, struct ui_page *p)
{
    if (!r->web->verdict->is_db_up) {
        cJSON_AddTrueToObject(ui_page_data(p), "is_db_away");
        return;
    }
    ui_page_sql(p, "runs", &ui_query_runs, 3, (const char *[]){"running", "", "50"});
    ui_page_sql(p, "actions", &ui_query_actions, 3,
                (const char *[]){req_arg(r, "before"), ACTIONS_SHOWN, req_arg(r, "who")});
    ui_page_sql(p, "curves", &ui_query_memory_week, 0, NULL);
}

static void show_system(struct req *r, const cJSON *lines, const char *why_no_log)
{
    static const struct ui_look look = {"system", "system", "System", "children stores"};
    const char *log = req_arg(r, "log"), *level = req_arg(r, "level");
    struct ui_page *p = ui_page_new(r, &look);
    cJSON *data = ui_page_data(p);
    cJSON_AddStringToObject(data, "log", log ? log : "");
    cJSON_AddStringToObject(data, "level", level ? level : "");
    if (lines) cJSON_AddItemToObject(data, "lines", log_lines_of(lines, level ? level : ""));
    if (*why_no_log) cJSON_AddStringToObject(data, "no_log", why_no_log);
    cJSON_AddTrueToObject(data, "has_actions");
    cJSON_AddNumberToObject(data, "grace_s", (double)conf_int(r->web->conf, SET_WORKER_GRACE));
    cJSON_AddItemToObject(data, "switch", state_switch(r->web));
    cJSON_AddItemToObject(data, "supervisor", state_children(r->web));
    cJSON_AddItemToObject(data, "stores", state_stores(r->web));
    ui_page_filter(p, (const char *const[]){"who"}, 1);
    cJSON_AddItemToObject(data, "recorded", action_recorded(conf_str(r->web->conf, SET_RUN_DIR)));
    add_settings(data, r->web->conf);
    if (r->web->verdict->is_redis_up) ui_page_list(p, "running", QUEUE_UNACKED, NULL, 0, RUNNING_READ);
    add_stored(r, p);
    ui_page_before(p, dress);
    ui_page_go(p);
}

static void on_log(void *arg, const cJSON *answer, const cJSON *lines, const struct err *err)
{
    struct req *r = arg;
    const char *refused = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "error"));
    if (err)
        show_system(r, NULL, fault_told(r, err));
    else if (refused)
        show_system(r, NULL, refused);
    else
        show_system(r, lines, "");
}

void web_ui_system(struct req *r)
{
    const char *log = req_arg(r, "log");
    struct err err = {0};
    char *argv[] = {(char *)log, LOG_LINES};
    if (!log || !*log)
        show_system(r, NULL, "");
    else if (ui_control_ask(r->web->base, conf_str(r->web->conf, SET_RUN_DIR), "tail", 2, argv, on_log, r, &err) < 0)
        show_system(r, NULL, fault_told(r, &err));
}

/* ---- commands ---- */

static void on_command(void *arg, const cJSON *answer, const cJSON *lines, const struct err *err)
{
    struct req *r = arg;
    (void)lines;
    const char *refused = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "error"));
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "text"));
    if (err) {
        reply_unavailable(r, 5, "%s", fault_told(r, err));
    } else if (refused) {
        reply_fault(r, 409, "REFUSED", "%s", refused);
    } else {
        cJSON *out = cJSON_CreateObject();
        cJSON_AddTrueToObject(out, "success");
        cJSON_AddStringToObject(out, "message", text ? text : "The supervisor does it.");
        reply_cjson_take(r, 200, out);
    }
}

static void command(struct req *r, const char *word, int argc, char *const *argv)
{
    struct err err = {0};
    if (ui_control_ask(r->web->base, conf_str(r->web->conf, SET_RUN_DIR), word, argc, argv, on_command, r, &err) < 0)
        reply_unavailable(r, 60, "%s", fault_told(r, &err));
}

void web_process_command(struct req *r)
{
    static const char *const words[] = {"restart", "stop", "start"};
    char *name = (char *)req_param(r, 0);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(req_param(r, 1), words[i]) == 0) {
            command(r, words[i], 1, &name);
            return;
        }
    reply_detail(r, 404, "No such command: restart, stop or start were expected");
}

void web_supervisor_reload(struct req *r)
{
    command(r, "reload", 0, NULL);
}
