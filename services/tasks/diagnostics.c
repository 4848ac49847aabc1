/* Diagnostic tasks: see tasks.h. `effect` opens a Redis connection of its own in the runner, on a private event loop,
 * since tasks are synchronous and see nothing of the worker's. */
#include "services/tasks/diagnostics.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <event2/event.h>

#include "conf/clock.h"
#include "conf/machine/random.h"
#include "ipc/queue/queue_message.h"
#include "ipc/redis/redis.h"

#define SLEEP_STEPS   10
#define SLEEP_MAX_S   86400
#define EFFECT_WAIT_S 20

int task_noop(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err)
{
    (void)ctx, (void)args, (void)kwargs, (void)result, (void)err;
    return 0;
}

int task_ignored(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err)
{
    return task_noop(ctx, args, kwargs, result, err);
}

int task_add(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err)
{
    const cJSON *a = task_arg(args, kwargs, 0, "a"), *b = task_arg(args, kwargs, 1, "b");
    if (!cJSON_IsNumber(a) || !cJSON_IsNumber(b)) {
        ctx->exc_type = "TypeError";
        return err_set(err, ERR_INPUT, "add() takes two numbers, a and b");
    }
    if (!json_number_fits(a) || !json_number_fits(b)) {
        ctx->exc_type = "OverflowError";
        return err_set(err, ERR_INPUT, "add() counts with integers up to 2^53");
    }
    *result = cJSON_CreateNumber(a->valuedouble + b->valuedouble);
    return 0;
}

int task_sum(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err)
{
    const cJSON *numbers = task_arg(args, kwargs, 0, "numbers"), *one;
    double sum = 0;
    bool are_fine = cJSON_IsArray(numbers);
    cJSON_ArrayForEach(one, numbers) {
        are_fine = are_fine && json_number_fits(one);
        sum += cJSON_IsNumber(one) ? one->valuedouble : 0;
    }
    if (!are_fine) {
        ctx->exc_type = "TypeError";
        return err_set(err, ERR_INPUT, "sum() takes a list of numbers");
    }
    *result = cJSON_CreateNumber(sum);
    return 0;
}

int task_given(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err)
{
    (void)ctx, (void)kwargs, (void)err;
    *result = args ? cJSON_Duplicate(args, true) : cJSON_CreateArray();
    return 0;
}

int task_echo(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err)
{
    (void)ctx, (void)args, (void)err;
    *result = kwargs ? cJSON_Duplicate(kwargs, true) : cJSON_CreateObject();
    return 0;
}

/* Sleeps until the monotonic time, in short pieces; false when the task is cancelled. */
static bool sleep_until(struct task_ctx *ctx, int64_t until_us)
{
    for (int64_t left; (left = until_us - mono_us()) > 0;) {
        if (left > 50000) left = 50000;
        struct timespec ts = {.tv_nsec = (long)left * 1000};
        nanosleep(&ts, NULL);
        if (ctx->ops->is_cancelled(ctx->self)) return false;
    }
    return true;
}

int task_sleep(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err)
{
    const cJSON *seconds = task_arg(args, kwargs, 0, "seconds");
    if (!cJSON_IsNumber(seconds) || !(seconds->valuedouble >= 0) || seconds->valuedouble > SLEEP_MAX_S) {
        ctx->exc_type = "ValueError";
        return err_set(err, ERR_INPUT, "sleep() takes seconds from 0 to %d", SLEEP_MAX_S);
    }
    int64_t began = mono_us();
    int steps = seconds->valuedouble < 0.2 ? 1 : SLEEP_STEPS; /* of a short one nobody could read the progress */
    for (int step = 1; step <= steps; step++) {
        if (!sleep_until(ctx, began + (int64_t)(seconds->valuedouble * 1e6 * step / steps)))
            return err_set(err, ERR_CANCELLED, "asked to stop");
        ctx->ops->progress(ctx->self, step, steps, "sleeping");
    }
    *result = cJSON_CreateNumber(seconds->valuedouble);
    return 0;
}

int task_fail(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err)
{
    const cJSON *message = task_arg(args, kwargs, 0, "message"), *retries = task_arg(args, kwargs, 1, "retries");
    (void)result;
    ctx->exc_type = "ValueError";
    if (cJSON_IsNumber(retries) && retries->valuedouble >= 1) {
        ctx->retry_after_ms = 1000;
        ctx->max_retries = retries->valueint;
    }
    return err_set(err, ERR_INPUT, "%.400s", cJSON_IsString(message) ? message->valuestring : "failed as asked");
}

int task_crash(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err)
{
    const cJSON *number = task_arg(args, kwargs, 0, "signal");
    int sig = cJSON_IsNumber(number) && number->valueint > 0 && number->valueint < NSIG ? number->valueint : SIGSEGV;
    (void)ctx, (void)result;
    signal(sig, SIG_DFL);
    raise(sig);
    return err_set(err, ERR_INPUT, "signal %d does not end a process", sig);
}

/* ---- effect ---- */
struct effect {
    struct event_base *base;
    struct redis *redis;
    char runs[520], run[33];
    const char *key;
    int64_t value;
    bool is_done, is_over, is_unknown; /* unknown: it was asked for, and may have been made */
    char why[200];
};

static void on_counted(void *arg, const struct redis_answer *answer)
{
    struct effect *e = arg;
    if (answer->fault == REDIS_CLOSED) return;
    if (answer->fault != REDIS_FINE) snprintf(e->why, sizeof e->why, "%s", answer->text);
    if (answer->fault == REDIS_LOST || answer->fault == REDIS_LATE) return; /* asked again when Redis is there */
    e->is_unknown = false;
    e->is_over = true;
    e->is_done = answer->fault == REDIS_FINE && answer->reply->type == REDIS_REPLY_INTEGER;
    if (e->is_done) e->value = answer->reply->integer;
    event_base_loopbreak(e->base);
}

/* Under the name of this run, so that asking again counts nothing again. */
static void on_state(void *arg, bool is_up, const char *why)
{
    struct effect *e = arg;
    const char *argv[] = {e->key, e->runs, e->run};
    if (!is_up)
        snprintf(e->why, sizeof e->why, "%s", why);
    else if (!e->is_over && redis_script(e->redis, "effect", on_counted, e, 2, 3, argv, NULL) == 0)
        e->is_unknown = true;
}

/* False when the task is cancelled. As long as it is not known whether the effect was made, another run might make it a
 * second time: only this one can find out. */
static bool wait_for_effect(struct task_ctx *ctx, struct effect *e)
{
    const struct timeval look = {.tv_usec = 200000};
    int64_t until_ms = mono_ms() + EFFECT_WAIT_S * 1000;
    redis_start(e->redis);
    while (!e->is_over && (e->is_unknown || mono_ms() < until_ms)) {
        if (ctx->ops->is_cancelled(ctx->self)) return false;
        event_base_loopexit(e->base, &look);
        event_base_dispatch(e->base);
    }
    return true;
}

int task_effect(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err)
{
    const cJSON *key = task_arg(args, kwargs, 0, "key"), *delay = task_arg(args, kwargs, 1, "delay_ms");
    bool goes_on = true;
    struct redis_url url;
    struct effect e = {0};
    if (!cJSON_IsString(key) || strlen(key->valuestring) > 500)
        return err_set(err, ERR_INPUT, "effect() takes the name of a key");
    if (cJSON_IsNumber(delay) && !sleep_until(ctx, mono_us() + (int64_t)(fmin(delay->valuedouble, 60000) * 1000)))
        return err_set(err, ERR_CANCELLED, "asked to stop");
    int rc = redis_url_from_conf(ctx->conf, &url, err);
    if (rc) return rc;
    e.key = key->valuestring;
    snprintf(e.runs, sizeof e.runs, "%s.runs", e.key);
    random_token_hex(e.run, 16);
    e.base = event_base_new();
    e.redis = e.base ? redis_new(e.base, &url, "logikald-effect", err) : NULL;
    if (e.redis) {
        redis_on_state(e.redis, on_state, &e);
        goes_on = wait_for_effect(ctx, &e);
    }
    redis_free(e.redis);
    if (e.base) event_base_free(e.base);
    if (e.is_done) {
        *result = cJSON_CreateNumber((double)e.value);
        return 0;
    }
    if (!goes_on) return err_set(err, ERR_CANCELLED, "asked to stop");
    ctx->retry_after_ms = 500;
    ctx->max_retries = 100;
    return err_set(err, ERR_REDIS, "the effect could not be made: %s", e.why[0] ? e.why : "no answer in time");
}
