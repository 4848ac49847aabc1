/* The list of tasks that this worker knows, for `registered`. */
#include "services/worker/monitor/listed.h"

#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "services/tasks/task_table.h"
#include "services/worker/dispatch/dispatch.h"
#include "services/worker/dispatch/limits.h"
#include "services/worker/monitor/answer.h"

static int by_name(const void *a, const void *b)
{
    const struct task_def *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static void add_seconds(struct buf *out, int64_t ms)
{
    if (ms > 0) buf_printf(out, "%.6g", (double)ms / 1000);
}

/* The value of an attribute as Celery's tasks have it; nothing for one that is not set. */
static void add_attribute(struct worker *w, const struct task_def *def, const char *name, struct buf *out)
{
    int row = (int)(def - task_table(NULL));
    int64_t soft, hard;
    limits_of(w, row, &soft, &hard);
    if (strcmp(name, "name") == 0)
        buf_str(out, def->name);
    else if (strcmp(name, "queue") == 0)
        buf_str(out, def->queue);
    else if (strcmp(name, "rate_limit") == 0 && dispatch_rate(w, row) > 0)
        buf_printf(out, "%.6g/s", dispatch_rate(w, row));
    else if (strcmp(name, "time_limit") == 0)
        add_seconds(out, hard);
    else if (strcmp(name, "soft_time_limit") == 0)
        add_seconds(out, soft);
    else if (strcmp(name, "ignore_result") == 0)
        buf_str(out, def->ignores_result ? "True" : "False");
    else if (strcmp(name, "acks_late") == 0 || strcmp(name, "track_started") == 0)
        buf_str(out, "True");
    else if (strcmp(name, "serializer") == 0)
        buf_str(out, "json");
}

static cJSON *described(struct worker *w, const struct task_def *def, const cJSON *attributes)
{
    struct buf out = {0}, value = {0};
    const cJSON *name;
    int count = 0;
    buf_str(&out, def->name);
    cJSON_ArrayForEach(name, attributes) {
        buf_reset(&value);
        if (cJSON_IsString(name)) add_attribute(w, def, name->valuestring, &value);
        if (value.len > 0) buf_printf(&out, "%s%s=%s", count++ ? " " : " [", name->valuestring, value.data);
    }
    if (count > 0) buf_char(&out, ']');
    cJSON *text = cJSON_CreateString(out.failed ? def->name : out.data);
    buf_free(&value);
    buf_free(&out);
    return text;
}

cJSON *listed_tasks(struct worker *w, const cJSON *arguments)
{
    static const char *const usual[] = {"exchange", "routing_key", "rate_limit"};
    const cJSON *asked = request_member(arguments, "taskinfoitems");
    bool has_builtins = request_is_true(request_member(arguments, "builtins"));
    cJSON *own = cJSON_IsArray(asked) && asked->child ? NULL : cJSON_CreateStringArray(usual, 3);
    cJSON *list = cJSON_CreateArray();
    size_t count, known = 0;
    const struct task_def *table = task_table(&count), *defs[TASKS_MAX] = {0};
    for (size_t i = 0; i < count && known < TASKS_MAX; i++)
        if (task_find(table[i].name, conf_bool(w->conf, SET_DIAGNOSTIC_TASKS)) &&
            (has_builtins || strncmp(table[i].name, "celery.", 7) != 0))
            defs[known++] = &table[i];
    qsort(defs, known, sizeof(void *), by_name);
    for (size_t i = 0; i < known; i++) cJSON_AddItemToArray(list, described(w, defs[i], own ? own : asked));
    cJSON_Delete(own);
    return list;
}
