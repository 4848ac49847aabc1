/* API clients and the system: configuration in force, processes, their logs, and who did what. */
#include <stdlib.h>
#include <string.h>

#include "services/store/ui/ui_actions.h"
#include "services/web/gate/handlers.h"
#include "services/web/http/fault.h"
#include "services/web/http/reply.h"
#include "services/web/ui/control.h"
#include "services/web/ui/page.h"
#include "services/web/watch/state.h"

#define LOG_LINES "200"

void web_ui_clients(struct req *r)
{
    static const struct ui_look look = {"clients", "clients", "API clients", ""};
    struct ui_page *p = ui_page_new(r, &look);
    ui_page_sql(p, "clients", &ui_query_clients, 0, NULL);
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

static void show_system(struct req *r, cJSON *lines_take, const char *why_no_log)
{
    static const struct ui_look look = {"system", "system", "System", "children stores"};
    const char *log = req_arg(r, "log");
    struct ui_page *p = ui_page_new(r, &look);
    cJSON *data = ui_page_data(p);
    cJSON_AddStringToObject(data, "log", log ? log : "");
    if (lines_take) cJSON_AddItemToObject(data, "lines", lines_take);
    if (*why_no_log) cJSON_AddStringToObject(data, "no_log", why_no_log);
    cJSON_AddItemToObject(data, "switch", state_switch(r->web));
    cJSON_AddItemToObject(data, "supervisor", state_children(r->web));
    cJSON_AddItemToObject(data, "stores", state_stores(r->web));
    add_settings(data, r->web->conf);
    ui_page_sql(p, "actions", &ui_query_actions, 2, (const char *[]){"", "50"});
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
        show_system(r, cJSON_Duplicate(lines, 1), "");
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
