/* Remote control of a worker: anything may be published on its channel. What would reach Redis, runners or the loop is
 * replaced, and checks what it is asked for. short run: 8000 */
#include "conf/log.h"
#include "services/tasks/task_table.h"
#include "services/worker/delivery.h"
#include "services/worker/dispatch/dispatch.h"
#include "services/worker/events/events.h"
#include "services/worker/broker/consumer.h"
#include "services/worker/dispatch/limits.h"
#include "services/worker/broker/membership.h"
#include "services/worker/monitor/pidbox.h"
#include "services/worker/monitor/revoke.h"
#include "services/worker/dispatch/revoked.h"
#include "services/worker/runners/runners.h"
#include "services/worker/runners/scale.h"
#include "tests/fuzz/fuzz.h"

static redis_sub_fn on_message;

struct redis_sub *redis_psubscribe(struct redis *r, const char *pattern, redis_sub_fn fn, void *arg)
{
    (void)r, (void)pattern;
    on_message = fn;
    return arg;
}

int redis_call(struct redis *r, redis_fn fn, void *arg, ...)
{
    (void)r, (void)fn, (void)arg;
    return -ERR_REDIS;
}

int redis_script(struct redis *r, const char *name, redis_fn fn, void *arg, int nkeys, int argc,
                 const char *const *argv, const size_t *lens)
{
    (void)r, (void)name, (void)fn, (void)arg, (void)nkeys, (void)argc, (void)argv, (void)lens;
    return -ERR_REDIS;
}

int64_t redis_round_trips(const struct redis *r)
{
    (void)r;
    return 0;
}

int revoke_apply(struct worker *w, const char *const *ids, size_t count, bool terminate, int signal)
{
    (void)w;
    for (size_t i = 0; i < count; i++) PROMISE(ids[i]);
    PROMISE(count > 0 && (!terminate || (signal >= 1 && signal <= 64)));
    return (int)(count % 2);
}

void revoke_catch_up(struct worker *w)
{
    (void)w;
}

void revoke_hear(struct worker *w, const cJSON *ids)
{
    (void)w, (void)ids;
}

void limits_set(struct worker *w, int row, int64_t soft_ms, int64_t hard_ms)
{
    (void)w;
    PROMISE(row >= 0 && row < TASKS_MAX && soft_ms >= 0 && hard_ms >= 0);
}

void limits_of(const struct worker *w, int row, int64_t *soft_ms, int64_t *hard_ms)
{
    (void)w;
    *soft_ms = row;
    *hard_ms = 0;
}

bool scale_is_on(const struct worker *w)
{
    (void)w;
    return true;
}

int scale_most(const struct worker *w)
{
    (void)w;
    return 3;
}

int scale_least(const struct worker *w)
{
    (void)w;
    return 1;
}

int scale_set(struct worker *w, int most, int least, struct err *err)
{
    (void)w, (void)err;
    PROMISE(most >= 0 && least >= 0 && most <= RUNNERS_MAX && least <= RUNNERS_MAX);
    return 0;
}

int scale_change(struct worker *w, int by, struct err *err)
{
    (void)w, (void)err;
    PROMISE(by != 0 && by >= -RUNNERS_MAX && by <= RUNNERS_MAX);
    return 0;
}

void revoked_list(const struct worker *w, cJSON *out)
{
    (void)w, (void)out;
}

int runners_size(const struct worker *w)
{
    (void)w;
    return 2;
}

pid_t runners_pid(const struct worker *w, int slot)
{
    (void)w, (void)slot;
    return 0;
}

void runners_recycle(struct worker *w)
{
    (void)w;
}

int dispatch_want(const struct worker *w)
{
    (void)w;
    return 2;
}

int64_t dispatch_total(const struct worker *w, int row)
{
    (void)w;
    return row;
}

double dispatch_rate(const struct worker *w, int row)
{
    (void)w;
    return row % 2;
}

void dispatch_set_rate(struct worker *w, int row, double per_second)
{
    (void)w;
    PROMISE(row >= 0 && row < TASKS_MAX && per_second >= 0);
}

int consumer_queue_count(const struct worker *w)
{
    (void)w;
    return 0;
}

int consumer_add_queue(struct worker *w, const char *name, struct err *err)
{
    (void)w;
    PROMISE(name && *name);
    return strlen(name) < 128 ? 0 : err_set(err, ERR_LIMIT, "too long");
}

int consumer_drop_queue(struct worker *w, const char *name)
{
    (void)w;
    return *name ? 0 : -1;
}

bool membership_is_leaving(const struct worker *w)
{
    (void)w;
    return false;
}

void worker_stop(struct worker *w, const char *why)
{
    (void)w, (void)why;
}

void events_worker(struct worker *w, const char *type)
{
    (void)w, (void)type;
}

static int64_t clock_value;

bool events_of_tasks(struct worker *w, bool is_on)
{
    (void)w;
    return is_on;
}

int64_t events_clock(const struct worker *w)
{
    (void)w;
    return clock_value;
}

int64_t events_tick(struct worker *w)
{
    (void)w;
    return ++clock_value;
}

int64_t events_done_count(const struct worker *w)
{
    (void)w;
    return 0;
}

void events_heard(struct worker *w, int64_t clock)
{
    (void)w;
    PROMISE(clock >= 0);
    if (clock > clock_value) clock_value = clock;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct worker w;
    struct err err = {0};
    if (!w.conf) {
        w.conf = conf_load(&(struct conf_paths){0}, &err);
        w.base = event_base_new();
        snprintf(w.node, sizeof w.node, "logikald@fuzz");
        log_set_level(LOG_CRITICAL);
        PROMISE(w.conf && w.base && deliveries_open(&w, &err) == 0 && pidbox_open(&w, &err) == 0 && on_message);
    }
    char *text = fuzz_text(data, size);
    clock_value = 0;
    on_message(&w, REDIS_SUB_MESSAGE, "/0.celery.pidbox", text, size);
    free(text);
    return 0;
}
