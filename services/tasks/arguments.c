/* See arguments.h. Clients of the replaced system pass on what only that one had (addresses, credentials): so what is
 * not known is told, and not refused as Python would. */
#include "services/tasks/arguments.h"

#include <stdio.h>
#include <string.h>

#include "conf/log.h"

#define NAME_SIZE  40
#define TOLD_MAX   10
#define NAME_SHOWN 60

struct parameter {
    char name[NAME_SIZE];
    bool is_flag;
};

/* The next of "name other? third"; at: where it goes on. */
static bool next_parameter(const char **at, struct parameter *p)
{
    *at += strspn(*at, " ");
    size_t len = strcspn(*at, " ");
    p->is_flag = len > 0 && (*at)[len - 1] == '?';
    snprintf(p->name, sizeof p->name, "%.*s", (int)(len - p->is_flag), *at);
    *at += len;
    return len > 0;
}

int arguments_check(const struct task_def *def, const cJSON *args, const cJSON *kwargs, struct err *err)
{
    struct parameter p;
    const char *at = def->params;
    for (int i = 0; at && next_parameter(&at, &p); i++) {
        const cJSON *by_place = cJSON_IsArray(args) ? cJSON_GetArrayItem(args, i) : NULL;
        const cJSON *by_name = cJSON_GetObjectItemCaseSensitive(kwargs, p.name);
        if (by_place && by_name)
            return err_set(err, ERR_INPUT, "%s is given twice, by its place and by its name: nothing was done", p.name);
        const cJSON *value = by_name ? by_name : by_place;
        if (p.is_flag && value && !cJSON_IsNull(value) && task_truth(value) < 0)
            return err_set(err, ERR_INPUT, "%s is neither true nor false: nothing was done", p.name);
    }
    return 0;
}

static bool has_parameter(const char *params, const char *name)
{
    struct parameter p;
    while (next_parameter(&params, &p))
        if (strcmp(p.name, name) == 0) return true;
    return false;
}

static int count_parameters(const char *params)
{
    struct parameter p;
    int count = 0;
    while (next_parameter(&params, &p)) count++;
    return count;
}

void arguments_tell_ignored(const struct task_def *def, const cJSON *args, const cJSON *kwargs, cJSON *result)
{
    char word[NAME_SHOWN];
    const cJSON *one, *named = cJSON_IsObject(kwargs) ? kwargs : NULL;
    if (!def->params) return;
    cJSON *names = cJSON_CreateArray();
    int count = cJSON_IsArray(args) ? cJSON_GetArraySize(args) : 0;
    for (int i = count_parameters(def->params); i < count && cJSON_GetArraySize(names) < TOLD_MAX; i++) {
        snprintf(word, sizeof word, "argument %d", i + 1);
        cJSON_AddItemToArray(names, cJSON_CreateString(word));
    }
    cJSON_ArrayForEach(one, named) {
        bool is_known = has_parameter(def->params, one->string) || strcmp(one->string, "dry_run") == 0; /* looked at */
        if (!is_known && cJSON_GetArraySize(names) < TOLD_MAX)
            cJSON_AddItemToArray(names, cJSON_CreateString(one->string));
    }
    cJSON_ArrayForEach(one, names) {
        log_warning("%s takes no %.60s: it is ignored", def->name, one->valuestring);
    }
    if (names && names->child && cJSON_IsObject(result))
        cJSON_AddItemToObject(result, "ignored_arguments", names);
    else
        cJSON_Delete(names);
}
