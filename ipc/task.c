/* What a task is, for the one who writes it and the one who runs it. A task is a plain synchronous function in a
 * runner process (or in a one-shot child). See task.h. */
#include "ipc/task.h"

#include <inttypes.h>
#include <strings.h>

#include "conf/log.h"

static void local_progress(void *self, int64_t current, int64_t total, const char *status)
{
    (void)self;
    log_debug("progress %" PRId64 "/%" PRId64 " %s", current, total, status ? status : "");
}

static bool local_is_cancelled(void *self)
{
    const volatile int *stop = self;
    return stop && *stop;
}

static int local_enqueue(void *self, const char *task, const cJSON *args, const cJSON *kwargs,
                         const struct task_options *options, char *id_out, struct err *err)
{
    (void)self, (void)args, (void)kwargs, (void)options, (void)id_out;
    return err_set(err, ERR_REDIS, "no queue here to send %s to", task);
}

static int local_start(void *self, const cJSON *signature, cJSON **result, struct err *err)
{
    (void)self, (void)signature, (void)result;
    return err_set(err, ERR_REDIS, "no queue here to send a canvas to");
}

static const struct task_ops local_ops = {
    .progress = local_progress, .is_cancelled = local_is_cancelled, .enqueue = local_enqueue, .start = local_start};

void task_ctx_local(struct task_ctx *ctx, const struct conf *conf, const char *id, const char *name,
                    const volatile int *stop)
{
    *ctx = (struct task_ctx){.id = id,
                             .name = name,
                             .queue = "",
                             .root_id = id,
                             .deliveries = 1,
                             .conf = conf,
                             .ops = &local_ops,
                             .self = (void *)(uintptr_t)stop};
}

const cJSON *task_arg(const cJSON *args, const cJSON *kwargs, int index, const char *name)
{
    const cJSON *value = cJSON_IsObject(kwargs) ? cJSON_GetObjectItemCaseSensitive(kwargs, name) : NULL;
    if (!value && index >= 0 && cJSON_IsArray(args)) value = cJSON_GetArrayItem(args, index);
    return value;
}

int task_truth(const cJSON *value)
{
    static const char *const yes[] = {"true", "1", "yes", "on"}, *const no[] = {"false", "0", "no", "off", ""};
    if (!value || cJSON_IsNull(value) || cJSON_IsFalse(value)) return 0;
    if (cJSON_IsTrue(value)) return 1;
    if (cJSON_IsNumber(value)) return value->valuedouble != 0;
    const char *text = cJSON_GetStringValue(value);
    for (size_t i = 0; text && i < sizeof yes / sizeof *yes; i++)
        if (strcasecmp(text, yes[i]) == 0) return 1;
    for (size_t i = 0; text && i < sizeof no / sizeof *no; i++)
        if (strcasecmp(text, no[i]) == 0) return 0;
    return -1;
}

bool task_flag(const cJSON *args, const cJSON *kwargs, int index, const char *name)
{
    return task_truth(task_arg(args, kwargs, index, name)) == 1;
}
