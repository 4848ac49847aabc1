/* Celery's own tasks: map and starmap run a task of the table once for each item of a list, in the same runner; the
 * others send what they stand for. */
#include "services/tasks/canvas.h"

#include <string.h>

#include "services/tasks/task_table.h"

static const struct task_def *task_of(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, struct err *err)
{
    const cJSON *signature = task_arg(args, kwargs, 0, "task");
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(signature, "task"));
    const struct task_def *def = name ? task_find(name, conf_bool(ctx->conf, SET_DIAGNOSTIC_TASKS)) : NULL;
    if (def && def->run != task_map && def->run != task_starmap && def->run != task_canvas && def->run != task_chunks)
        return def;
    ctx->exc_type = "NotRegistered";
    err_set(err, ERR_INPUT, "%.200s", name ? name : "the signature names no task");
    return NULL;
}

static int run_one(struct task_ctx *ctx, const struct task_def *def, const cJSON *item, bool is_list, cJSON *results,
                   struct err *err)
{
    cJSON *list = NULL, *one = NULL;
    if (!is_list) {
        list = cJSON_CreateArray();
        cJSON_AddItemToArray(list, cJSON_Duplicate(item, true));
    }
    int rc = def->run(ctx, is_list ? item : list, NULL, &one, err);
    cJSON_Delete(list);
    if (rc == 0) cJSON_AddItemToArray(results, one ? one : cJSON_CreateNull());
    return rc;
}

static int run_each(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, bool is_star, cJSON **result,
                    struct err *err)
{
    const cJSON *items = task_arg(args, kwargs, 1, "it"), *item;
    const struct task_def *def = task_of(ctx, args, kwargs, err);
    int64_t total = cJSON_GetArraySize(items), n = 0;
    if (!def) return -ERR_INPUT;
    cJSON *results = cJSON_CreateArray();
    int rc = cJSON_IsArray(items) ? 0 : err_set(err, ERR_INPUT, "it is not a list");
    cJSON_ArrayForEach(item, items) {
        if (rc == 0 && ctx->ops->is_cancelled(ctx->self)) rc = err_set(err, ERR_CANCELLED, "asked to stop");
        if (rc == 0 && is_star && !cJSON_IsArray(item))
            rc = err_set(err, ERR_INPUT, "an item is not a list of arguments");
        if (rc != 0) break;
        rc = run_one(ctx, def, item, is_star, results, err);
        ctx->ops->progress(ctx->self, ++n, total, def->name);
    }
    if (rc == 0)
        *result = results;
    else
        cJSON_Delete(results);
    return rc;
}

int task_map(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err)
{
    return run_each(ctx, args, kwargs, false, result, err);
}

int task_starmap(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err)
{
    return run_each(ctx, args, kwargs, true, result, err);
}

/* The message is a signature itself: its name, its arguments. Celery's old form of a chord has the header's first
 * arguments among its own. */
int task_canvas(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err)
{
    static const char *const names[] = {"header", "body", "partial_args"};
    bool is_chord = strcmp(ctx->name, "celery.chord") == 0;
    cJSON *signature = cJSON_CreateObject();
    cJSON_AddStringToObject(signature, "task", ctx->name);
    cJSON *given = cJSON_AddObjectToObject(signature, "kwargs");
    for (int i = 0; i < (is_chord ? 3 : 1); i++) {
        const cJSON *value = task_arg(args, kwargs, i, is_chord ? names[i] : "tasks");
        if (!value || cJSON_IsNull(value)) continue;
        if (i == 2)
            cJSON_AddItemToObject(signature, "args", cJSON_Duplicate(value, true));
        else
            cJSON_AddItemToObject(given, is_chord ? names[i] : "tasks", cJSON_Duplicate(value, true));
    }
    bool is_whole = given->child != NULL;
    int rc = is_whole ? ctx->ops->start(ctx->self, signature, result, err)
                      : err_set(err, ERR_INPUT, "%s() has no tasks to start", ctx->name);
    cJSON_Delete(signature);
    return rc;
}

static cJSON *starmap_of(const cJSON *task)
{
    cJSON *map = cJSON_CreateObject(), *given = cJSON_AddObjectToObject(map, "kwargs");
    cJSON_AddStringToObject(map, "task", "celery.starmap");
    cJSON_AddTrueToObject(map, "immutable");
    cJSON_AddItemToObject(given, "task", task ? cJSON_Duplicate(task, true) : cJSON_CreateNull());
    cJSON_AddArrayToObject(given, "it");
    return map;
}

int task_chunks(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err)
{
    const cJSON *task = task_arg(args, kwargs, 0, "task"), *it = task_arg(args, kwargs, 1, "it"), *item;
    const cJSON *size = task_arg(args, kwargs, 2, "n");
    int n = cJSON_IsNumber(size) && size->valuedouble >= 1 && size->valuedouble < 1e9 ? (int)size->valuedouble : 0;
    int count = 0;
    if (!cJSON_IsArray(it) || n == 0) return err_set(err, ERR_INPUT, "chunks() takes a task, a list and a size from 1");
    cJSON *group = cJSON_CreateObject(), *part = NULL;
    cJSON_AddStringToObject(group, "task", "celery.group");
    cJSON *tasks = cJSON_AddArrayToObject(cJSON_AddObjectToObject(group, "kwargs"), "tasks");
    cJSON_ArrayForEach(item, it) {
        if (count++ % n == 0) {
            part = starmap_of(task);
            cJSON_AddItemToArray(tasks, part);
            part = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(part, "kwargs"), "it");
        }
        cJSON_AddItemToArray(part, cJSON_Duplicate(item, true));
    }
    int rc = ctx->ops->start(ctx->self, group, result, err);
    cJSON_Delete(group);
    return rc;
}
