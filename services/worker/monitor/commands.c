/* See commands.h. The texts are Celery's where it has one. */
#include "services/worker/monitor/commands.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "conf/log.h"
#include "ipc/queue/queue_message.h"
#include "services/tasks/task_table.h"
#include "services/worker/broker/consumer.h"
#include "services/worker/dispatch/dispatch.h"
#include "services/worker/events/events.h"
#include "services/worker/dispatch/limits.h"
#include "services/worker/monitor/answer.h"
#include "services/worker/monitor/revoke.h"
#include "services/worker/runners/runners.h"
#include "services/worker/runners/scale.h"

#define IDS_MAX     10000
#define LIMIT_MAX_S 604800.0

/* ---- revoking ---- */
/* The signal asked for, SIGTERM when none is; 0 when there is none of that name or number. */
static int signal_of(const cJSON *arguments)
{
    const cJSON *value = request_member(arguments, "signal");
    if (!value || (cJSON_IsString(value) && !value->valuestring[0])) return SIGTERM;
    if (cJSON_IsNumber(value))
        return value->valuedouble >= 1 && value->valuedouble < NSIG ? (int)value->valuedouble : 0;
    if (!cJSON_IsString(value)) return 0;
    const char *name = value->valuestring + (strncasecmp(value->valuestring, "SIG", 3) == 0 ? 3 : 0);
    for (int number = 1; number < NSIG; number++) {
        const char *known = sigabbrev_np(number);
        if (known && strcasecmp(known, name) == 0) return number;
    }
    return 0;
}

static cJSON *revoke_ids(struct worker *w, const cJSON *arguments, bool always_terminate)
{
    const cJSON *ids = request_member(arguments, "task_id"), *item;
    bool terminate = always_terminate || request_is_true(request_member(arguments, "terminate"));
    int number = signal_of(arguments);
    const char *list[IDS_MAX];
    size_t count = 0;
    if (cJSON_IsString(ids))
        list[count++] = ids->valuestring;
    else if (cJSON_IsArray(ids))
        cJSON_ArrayForEach(item, ids)
            if (cJSON_IsString(item) && count < IDS_MAX) list[count++] = item->valuestring;
    if (count == 0) return celery_answer("error", "TypeError('revoke: task_id must be a string or a list of strings')");
    if (terminate && number == 0) return celery_answer("error", "ValueError('revoke: no such signal')");
    int running = revoke_apply(w, list, count, terminate, number);
    struct buf names = {0};
    for (size_t i = 0; i < count && names.len < 400; i++) buf_printf(&names, "%s%.255s", i > 0 ? ", " : "", list[i]);
    log_info("revoked by remote control: %s%s", names.data, terminate ? " (running ones are stopped)" : "");
    cJSON *answer;
    if (!terminate)
        answer = celery_answer("ok", "tasks %.500s flagged as revoked", names.data);
    else if (running > 0)
        answer = celery_answer("ok", "terminate: %.500s", names.data);
    else
        answer = celery_answer("ok", "terminate: tasks unknown");
    buf_free(&names);
    return answer;
}

static cJSON *do_revoke(struct worker *w, const cJSON *arguments)
{
    return revoke_ids(w, arguments, false);
}

static cJSON *do_terminate(struct worker *w, const cJSON *arguments)
{
    return revoke_ids(w, arguments, true);
}

/* Python's spelling also takes a list of "header=value". */
static cJSON *stamps_of(const cJSON *headers)
{
    const cJSON *one;
    if (cJSON_IsObject(headers)) return headers->child ? cJSON_Duplicate(headers, true) : NULL;
    if (!cJSON_IsArray(headers) || !headers->child) return NULL;
    cJSON *stamps = cJSON_CreateObject();
    cJSON_ArrayForEach(one, headers) {
        char name[256];
        const char *sign = cJSON_IsString(one) ? strchr(one->valuestring, '=') : NULL;
        if (!sign || sign - one->valuestring >= (int)sizeof name) continue;
        snprintf(name, sizeof name, "%.*s", (int)(sign - one->valuestring), one->valuestring);
        cJSON *values = cJSON_GetObjectItemCaseSensitive(stamps, name);
        if (!values) values = cJSON_AddArrayToObject(stamps, name);
        cJSON_AddItemToArray(values, cJSON_CreateString(sign + 1));
    }
    return stamps;
}

static cJSON *do_revoke_stamped(struct worker *w, const cJSON *arguments)
{
    bool terminate = request_is_true(request_member(arguments, "terminate"));
    int number = signal_of(arguments);
    cJSON *stamps = stamps_of(request_member(arguments, "headers"));
    if (!stamps) return celery_answer("error", "TypeError('revoke_by_stamped_headers: headers must be a dictionary')");
    if (terminate && number == 0) {
        cJSON_Delete(stamps);
        return celery_answer("error", "ValueError('revoke: no such signal')");
    }
    int running = revoke_stamps(w, stamps, terminate, number);
    struct buf shown = {0};
    python_repr(&shown, stamps, false, 300);
    log_info("revoked by remote control: what is stamped %s%s", shown.data ? shown.data : "",
             terminate ? " (running ones are stopped)" : "");
    cJSON *answer = celery_answer("ok", "headers %s %s", shown.data ? shown.data : "",
                                  !terminate    ? "flagged as revoked, but not terminated"
                                  : running > 0 ? "revoked"
                                                : "were not terminated");
    buf_free(&shown);
    cJSON_Delete(stamps);
    return answer;
}

/* ---- the pool ---- */
static cJSON *change_pool(struct worker *w, const cJSON *arguments, int sign)
{
    struct err err = {0};
    double n = request_number(arguments, "n", 1);
    if (!(n >= 1 && n <= RUNNERS_MAX)) return celery_answer("error", "ValueError('n is a number of runners')");
    if (scale_change(w, sign * (int)n, &err) != 0)
        return scale_is_on(w) ? celery_answer("error", "%s", err.text)
                              : celery_answer("error", "ValueError('%s')", err.text);
    return celery_answer("ok", sign > 0 ? "pool will grow" : "pool will shrink");
}

static cJSON *do_pool_grow(struct worker *w, const cJSON *arguments)
{
    return change_pool(w, arguments, 1);
}

static cJSON *do_pool_shrink(struct worker *w, const cJSON *arguments)
{
    return change_pool(w, arguments, -1);
}

static cJSON *do_autoscale(struct worker *w, const cJSON *arguments)
{
    struct err err = {0};
    double most = request_number(arguments, "max", 0), least = request_number(arguments, "min", 0);
    if (!(most >= 0 && most <= RUNNERS_MAX && least >= 0 && least <= RUNNERS_MAX))
        return celery_answer("error", "ValueError('max and min are numbers of runners')");
    if (scale_set(w, (int)most, (int)least, &err) != 0) return celery_answer("error", "ValueError('%s')", err.text);
    return celery_answer("ok", "autoscale now max=%d min=%d", scale_most(w), scale_least(w));
}

static cJSON *do_pool_restart(struct worker *w, const cJSON *arguments)
{
    (void)arguments;
    runners_recycle(w);
    return celery_answer("ok", "reload started");
}

/* ---- limits ---- */
/* "10/s", "10/m", "10/h", or a number of tasks a second; 0 or null = no limit. Negative = malformed. */
static double rate_of(const cJSON *value)
{
    char *end = NULL;
    if (cJSON_IsNumber(value)) return value->valuedouble;
    if (!cJSON_IsString(value) || !value->valuestring[0])
        return value && cJSON_IsBool(value) && value->valueint ? -1 : 0;
    double rate = strtod(value->valuestring, &end);
    if (end == value->valuestring || !isfinite(rate)) return -1;
    if (strcmp(end, "/m") == 0) return rate / 60;
    if (strcmp(end, "/h") == 0) return rate / 3600;
    return *end == '\0' || strcmp(end, "/s") == 0 ? rate : -1;
}

static const struct task_def *task_of(struct worker *w, const cJSON *arguments)
{
    const char *name = request_text(arguments, "task_name");
    return name ? task_find(name, conf_bool(w->conf, SET_DIAGNOSTIC_TASKS)) : NULL;
}

static cJSON *do_rate_limit(struct worker *w, const cJSON *arguments)
{
    const struct task_def *def = task_of(w, arguments);
    double rate = rate_of(request_member(arguments, "rate_limit"));
    if (!(rate >= 0 && rate <= 1e6))
        return celery_answer("error",
                             "Invalid rate limit string: ValueError('a rate is a number, or 5/s, 5/m or 5/h')");
    if (!def) return celery_answer("error", "unknown task");
    dispatch_set_rate(w, (int)(def - task_table(NULL)), rate);
    log_info("rate of %s by remote control: %.6g a second", def->name, rate);
    return celery_answer("ok", rate > 0 ? "new rate limit set successfully" : "rate limit disabled successfully");
}

static cJSON *do_time_limit(struct worker *w, const cJSON *arguments)
{
    const struct task_def *def = task_of(w, arguments);
    double soft = request_number(arguments, "soft", 0), hard = request_number(arguments, "hard", 0);
    if (!def) return celery_answer("error", "unknown task");
    if (!(soft >= 0 && soft <= LIMIT_MAX_S && hard >= 0 && hard <= LIMIT_MAX_S))
        return celery_answer("error", "ValueError('soft and hard are seconds, at most %.0f')", LIMIT_MAX_S);
    limits_set(w, (int)(def - task_table(NULL)), (int64_t)(soft * 1000), (int64_t)(hard * 1000));
    log_info("time limits of %s by remote control: soft %.3f s, hard %.3f s (0 = as configured)", def->name, soft,
             hard);
    return celery_answer("ok", "time limits set successfully");
}

/* ---- queues ---- */
static cJSON *do_add_consumer(struct worker *w, const cJSON *arguments)
{
    struct err err;
    const char *queue = request_text(arguments, "queue"), *exchange = request_text(arguments, "exchange");
    const char *type = request_text(arguments, "exchange_type"), *routing_key = request_text(arguments, "routing_key");
    char key[QUEUE_KEY_SIZE], member[QUEUE_KEY_SIZE];
    if (!queue || !queue[0]) return celery_answer("error", "TypeError('queue must be a name')");
    if (type && type[0] && strcmp(type, "direct") != 0)
        return celery_answer("error", "ValueError('only direct exchanges can be bound by this worker')");
    if ((exchange && strlen(exchange) > 200) || (routing_key && strlen(routing_key) > 200))
        return celery_answer("error", "ValueError('a name is too long')");
    if (consumer_add_queue(w, queue, &err) != 0) return celery_answer("error", "ValueError('%s')", err.text);
    queue_key(&w->keys, key, KEY_BINDING, exchange && exchange[0] ? exchange : queue);
    queue_binding(&w->keys, member, routing_key && routing_key[0] ? routing_key : queue, queue);
    redis_call(w->redis, NULL, NULL, "SADD", key, member, REDIS_END);
    log_info("queue %s is served from now on, by remote control", queue);
    return celery_answer("ok", "add consumer %.200s", queue);
}

static cJSON *do_cancel_consumer(struct worker *w, const cJSON *arguments)
{
    const char *queue = request_text(arguments, "queue");
    if (!queue || consumer_drop_queue(w, queue) != 0) return celery_answer("error", "no such queue is consumed here");
    log_info("queue %s is served no more, by remote control", queue);
    return celery_answer("ok", "no longer consuming from %.200s", queue);
}

/* ---- events ---- */
static cJSON *turn_events(struct worker *w, bool is_on)
{
    bool is_news = events_of_tasks(w, is_on);
    return celery_answer("ok", "task events %s%s", is_news ? "" : "already ", is_on ? "enabled" : "disabled");
}

static cJSON *do_enable_events(struct worker *w, const cJSON *arguments)
{
    (void)arguments;
    return turn_events(w, true);
}

static cJSON *do_disable_events(struct worker *w, const cJSON *arguments)
{
    (void)arguments;
    return turn_events(w, false);
}

static cJSON *do_heartbeat(struct worker *w, const cJSON *arguments)
{
    (void)arguments;
    events_worker(w, "worker-heartbeat");
    return NULL;
}

/* Candidates are workers that gossip; this one does not, so it takes no part and others decide. */
static cJSON *do_election(struct worker *w, const cJSON *arguments)
{
    (void)w, (void)arguments;
    return NULL;
}

static cJSON *do_shutdown(struct worker *w, const cJSON *arguments)
{
    (void)arguments;
    bool is_supervised = getenv("LOGIKALD_INSTANCE") && getenv("LOGIKALD_INSTANCE")[0];
    (void)w; /* the caller stops it when this has been told */
    return celery_answer("ok", is_supervised ? "the worker ends, and its supervisor starts it anew; to keep it away: "
                                               "logikald ctl stop worker"
                                             : "the worker ends");
}

bool commands_run(struct worker *w, const char *method, const cJSON *arguments, cJSON **answer)
{
    static const struct {
        const char *method;
        cJSON *(*run)(struct worker *w, const cJSON *arguments);
    } table[] = {
        {"revoke", do_revoke},
        {"terminate", do_terminate},
        {"revoke_by_stamped_headers", do_revoke_stamped},
        {"rate_limit", do_rate_limit},
        {"time_limit", do_time_limit},
        {"pool_grow", do_pool_grow},
        {"pool_shrink", do_pool_shrink},
        {"pool_restart", do_pool_restart},
        {"autoscale", do_autoscale},
        {"add_consumer", do_add_consumer},
        {"cancel_consumer", do_cancel_consumer},
        {"enable_events", do_enable_events},
        {"disable_events", do_disable_events},
        {"heartbeat", do_heartbeat},
        {"election", do_election},
        {"shutdown", do_shutdown},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(table[i].method, method) != 0) continue;
        *answer = table[i].run(w, arguments);
        return true;
    }
    return false;
}
