/* Remote control that only looks: what `celery inspect` and Flower ask. Shapes as in docs/queue.md. Tasks that wait for
 * their time are in Redis and belong to all workers: each answers `scheduled` with all of them (see pidbox.c). */
#include "services/worker/monitor/inspect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/text/whole.h"
#include "conf/version.h"
#include "services/tasks/task_table.h"
#include "services/worker/delivery.h"
#include "services/worker/dispatch/dispatch.h"
#include "services/worker/events/events.h"
#include "services/worker/broker/consumer.h"
#include "services/worker/monitor/answer.h"
#include "services/worker/monitor/listed.h"
#include "services/worker/monitor/memory.h"
#include "services/worker/monitor/revoke.h"
#include "services/worker/runners/runners.h"
#include "services/worker/dispatch/revoked.h"

#define LISTED_MAX       1000
#define REVOKED_TOLD_MAX 5000

static void add_null(cJSON *object, const char *name)
{
    cJSON_AddNullToObject(object, name);
}

/* As values; as text, in Python's writing, when asked for (safe) or when they are packed. */
static void add_arguments(cJSON *task, const struct delivery *d, bool is_safe)
{
    struct message_body body = {0};
    if (is_safe || d->m.packing != PACKING_NONE) {
        cJSON_AddStringToObject(task, "args", d->m.args_repr);
        cJSON_AddStringToObject(task, "kwargs", d->m.kwargs_repr);
        return;
    }
    bool is_fine = message_body_parse(d->m.body, d->m.body_len, &body, NULL) == 0;
    cJSON_AddItemToObject(task, "args", is_fine && body.args ? cJSON_Duplicate(body.args, true) : cJSON_CreateArray());
    cJSON_AddItemToObject(task, "kwargs",
                          is_fine && body.kwargs ? cJSON_Duplicate(body.kwargs, true) : cJSON_CreateObject());
    message_body_free(&body);
}

static cJSON *task_object(struct worker *w, const struct delivery *d, bool is_safe)
{
    cJSON *task = cJSON_CreateObject(), *delivery = cJSON_CreateObject();
    cJSON_AddStringToObject(task, "id", d->m.id);
    cJSON_AddStringToObject(task, "name", d->m.name);
    add_arguments(task, d, is_safe);
    cJSON_AddStringToObject(task, "type", d->m.task);
    cJSON_AddStringToObject(task, "hostname", w->node);
    if (d->started_wall_us)
        cJSON_AddNumberToObject(task, "time_start", (double)d->started_wall_us / 1e6);
    else
        add_null(task, "time_start");
    cJSON_AddBoolToObject(task, "acknowledged", false);
    cJSON_AddStringToObject(delivery, "exchange", "");
    cJSON_AddStringToObject(delivery, "routing_key", d->queue);
    cJSON_AddNumberToObject(delivery, "priority", d->m.priority);
    if (d->deliveries > 1)
        cJSON_AddBoolToObject(delivery, "redelivered", true);
    else
        add_null(delivery, "redelivered");
    cJSON_AddItemToObject(task, "delivery_info", delivery);
    if (runners_is_running(w, d))
        cJSON_AddNumberToObject(task, "worker_pid", runners_pid(w, d->slot));
    else
        add_null(task, "worker_pid");
    return task;
}

/* running: those that run; else those that are here and do not. */
static cJSON *task_list(struct worker *w, bool running, bool is_safe)
{
    cJSON *list = cJSON_CreateArray();
    struct delivery *d;
    int count = 0;
    for (int i = 0; i < RUNNERS_MAX; i++) {
        TAILQ_FOREACH(d, deliveries_sent(w, i), link)
            if (runners_is_running(w, d) == running && count++ < LISTED_MAX)
                cJSON_AddItemToArray(list, task_object(w, d, is_safe));
    }
    if (!running) {
        TAILQ_FOREACH(d, deliveries_in(w, DELIVERY_READY), link)
            if (count++ < LISTED_MAX) cJSON_AddItemToArray(list, task_object(w, d, is_safe));
    }
    return list;
}

static cJSON *ping(struct worker *w, const cJSON *arguments)
{
    (void)w, (void)arguments;
    cJSON *answer = cJSON_CreateObject();
    cJSON_AddStringToObject(answer, "ok", "pong");
    return answer;
}

static cJSON *active(struct worker *w, const cJSON *arguments)
{
    return task_list(w, true, request_is_true(request_member(arguments, "safe")));
}

static cJSON *reserved(struct worker *w, const cJSON *arguments)
{
    (void)arguments;
    return task_list(w, false, false);
}

static cJSON *queue_object(const char *name)
{
    static const char *const nulls[] = {"queue_arguments",  "binding_arguments", "consumer_arguments", "alias",
                                        "no_declare",       "expires",           "message_ttl",        "max_length",
                                        "max_length_bytes", "max_priority"};
    cJSON *queue = cJSON_CreateObject(), *exchange = cJSON_CreateObject();
    cJSON_AddStringToObject(queue, "name", name);
    cJSON_AddStringToObject(exchange, "name", name);
    cJSON_AddStringToObject(exchange, "type", "direct");
    add_null(exchange, "arguments");
    cJSON_AddBoolToObject(exchange, "durable", true);
    cJSON_AddBoolToObject(exchange, "passive", false);
    cJSON_AddBoolToObject(exchange, "auto_delete", false);
    add_null(exchange, "delivery_mode");
    cJSON_AddBoolToObject(exchange, "no_declare", false);
    cJSON_AddItemToObject(queue, "exchange", exchange);
    cJSON_AddStringToObject(queue, "routing_key", name);
    cJSON_AddBoolToObject(queue, "durable", true);
    cJSON_AddBoolToObject(queue, "exclusive", false);
    cJSON_AddBoolToObject(queue, "auto_delete", false);
    cJSON_AddBoolToObject(queue, "no_ack", false);
    cJSON_AddArrayToObject(queue, "bindings");
    for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++) add_null(queue, nulls[i]);
    return queue;
}

static cJSON *active_queues(struct worker *w, const cJSON *arguments)
{
    (void)arguments;
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < consumer_queue_count(w); i++) cJSON_AddItemToArray(list, queue_object(consumer_queue(w, i)));
    return list;
}

static void add_usage(cJSON *stats)
{
    struct rusage u = {0};
    getrusage(RUSAGE_SELF, &u);
    cJSON *usage = cJSON_AddObjectToObject(stats, "rusage");
    cJSON_AddNumberToObject(usage, "utime", (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6);
    cJSON_AddNumberToObject(usage, "stime", (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec / 1e6);
    const struct {
        const char *name;
        long value;
    } counts[] = {{"maxrss", u.ru_maxrss}, {"ixrss", u.ru_ixrss},     {"idrss", u.ru_idrss},
                  {"isrss", u.ru_isrss},   {"minflt", u.ru_minflt},   {"majflt", u.ru_majflt},
                  {"nswap", u.ru_nswap},   {"inblock", u.ru_inblock}, {"oublock", u.ru_oublock},
                  {"msgsnd", u.ru_msgsnd}, {"msgrcv", u.ru_msgrcv},   {"nsignals", u.ru_nsignals},
                  {"nvcsw", u.ru_nvcsw},   {"nivcsw", u.ru_nivcsw}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        cJSON_AddNumberToObject(usage, counts[i].name, (double)counts[i].value);
}

static void add_pool(struct worker *w, cJSON *stats)
{
    cJSON *pool = cJSON_AddObjectToObject(stats, "pool");
    cJSON_AddNumberToObject(pool, "max-concurrency", runners_size(w));
    cJSON *pids = cJSON_AddArrayToObject(pool, "processes"), *timeouts;
    for (int i = 0; i < RUNNERS_MAX; i++)
        if (runners_pid(w, i)) cJSON_AddItemToArray(pids, cJSON_CreateNumber(runners_pid(w, i)));
    cJSON_AddNumberToObject(pool, "max-tasks-per-child", (double)conf_int(w->conf, SET_RUNNER_MAX_TASKS));
    cJSON_AddBoolToObject(pool, "put-guarded-by-semaphore", false);
    timeouts = cJSON_AddArrayToObject(pool, "timeouts");
    cJSON_AddItemToArray(timeouts, cJSON_CreateNumber((double)conf_int(w->conf, SET_TASK_SOFT_LIMIT)));
    cJSON_AddItemToArray(timeouts, cJSON_CreateNumber((double)conf_int(w->conf, SET_TASK_HARD_LIMIT)));
}

static void add_broker(struct worker *w, cJSON *stats)
{
    cJSON *broker = cJSON_AddObjectToObject(stats, "broker");
    char db[16];
    snprintf(db, sizeof db, "%d", w->url.db);
    cJSON_AddStringToObject(broker, "hostname", w->url.transport == REDIS_UNIX ? w->url.path : w->url.host);
    add_null(broker, "userid");
    cJSON_AddStringToObject(broker, "virtual_host", db);
    cJSON_AddNumberToObject(broker, "port", w->url.port);
    cJSON_AddBoolToObject(broker, "insist", false);
    cJSON_AddBoolToObject(broker, "ssl", w->url.transport == REDIS_TLS);
    cJSON_AddStringToObject(broker, "transport", "redis");
    cJSON_AddNumberToObject(broker, "connect_timeout", 5);
    cJSON_AddObjectToObject(broker, "transport_options");
    add_null(broker, "login_method");
    add_null(broker, "uri_prefix");
    cJSON_AddNumberToObject(broker, "heartbeat", 0);
    cJSON_AddStringToObject(broker, "failover_strategy", "round-robin");
    cJSON_AddArrayToObject(broker, "alternates");
}

static cJSON *stats(struct worker *w, const cJSON *arguments)
{
    (void)arguments;
    size_t count;
    const struct task_def *table = task_table(&count);
    cJSON *answer = cJSON_CreateObject(), *total = cJSON_AddObjectToObject(answer, "total");
    char clock[24];
    for (size_t i = 0; i < count && i < TASKS_MAX; i++)
        if (dispatch_total(w, (int)i) > 0)
            cJSON_AddNumberToObject(total, table[i].name, (double)dispatch_total(w, (int)i));
    snprintf(clock, sizeof clock, "%lld", (long long)events_clock(w));
    cJSON_AddNumberToObject(answer, "pid", getpid());
    cJSON_AddStringToObject(answer, "clock", clock);
    cJSON_AddNumberToObject(answer, "uptime", floor((double)(mono_ms() - w->started_ms) / 1000));
    add_pool(w, answer);
    add_broker(w, answer);
    cJSON_AddNumberToObject(answer, "prefetch_count", dispatch_want(w));
    add_usage(answer);
    cJSON *trips = cJSON_AddObjectToObject(answer, "redis");
    cJSON_AddNumberToObject(trips, "round_trips", (double)redis_round_trips(w->redis));
    cJSON_AddNumberToObject(trips, "processed", (double)events_done_count(w));
    return answer;
}

static cJSON *revoked(struct worker *w, const cJSON *arguments)
{
    (void)arguments;
    cJSON *list = cJSON_CreateArray();
    revoked_list(w, list);
    return list;
}

/* As in Celery: what is not as it is by itself, or all of it. */
static cJSON *conf_answer(struct worker *w, const cJSON *arguments)
{
    bool has_defaults = request_is_true(request_member(arguments, "with_defaults"));
    cJSON *answer = cJSON_CreateObject();
    char text[2200];
    for (int id = 0; id < SET_COUNT; id++)
        if ((settings[id].users & USER_WORKER) &&
            (has_defaults || conf_source(w->conf, (enum setting_id)id) != SOURCE_DEFAULT))
            cJSON_AddStringToObject(answer, settings[id].key,
                                    conf_shown(w->conf, (enum setting_id)id, text, sizeof text));
    return answer;
}

static cJSON *clock_answer(struct worker *w, const cJSON *arguments)
{
    (void)arguments;
    cJSON *answer = cJSON_CreateObject();
    cJSON_AddNumberToObject(answer, "clock", (double)events_clock(w));
    return answer;
}

/* A worker that starts tells what it has revoked, and hears what others have. */
static cJSON *hello(struct worker *w, const cJSON *arguments)
{
    const char *from = request_text(arguments, "from_node");
    if (from && strcmp(from, w->node) == 0) return cJSON_CreateNull();
    revoke_hear(w, request_member(arguments, "revoked"));
    cJSON *answer = clock_answer(w, arguments), *ids = cJSON_CreateArray();
    cJSON *known = cJSON_AddObjectToObject(answer, "revoked"), *id;
    char since[40];
    snprintf(since, sizeof since, "%.3f", (double)mono_ms() / 1000); /* Celery takes nothing but a float */
    revoked_list(w, ids);
    int skip = cJSON_GetArraySize(ids) - REVOKED_TOLD_MAX;
    cJSON_ArrayForEach(id, ids) {
        if (skip-- > 0 || !cJSON_IsString(id)) continue;
        cJSON *pair = cJSON_AddArrayToObject(known, id->valuestring);
        cJSON_AddItemToArray(pair, cJSON_CreateRaw(since));
        cJSON_AddItemToArray(pair, cJSON_CreateString(id->valuestring));
    }
    cJSON_Delete(ids);
    return answer;
}

static cJSON *report(struct worker *w, const cJSON *arguments)
{
    (void)arguments;
    struct utsname system = {0};
    struct buf text = {0};
    char value[2200];
    uname(&system);
    buf_printf(&text,
               "software -> logikald:%s libevent:%s\nplatform -> system:%s arch:%s kernel version:%s\n"
               "transport:redis results:redis, %d runners, %lld tasks processed\nsettings ->\n",
               version_text, event_get_version(), system.sysname, system.machine, system.release, runners_size(w),
               (long long)events_done_count(w));
    for (int id = 0; id < SET_COUNT; id++)
        if ((settings[id].users & USER_WORKER) && conf_source(w->conf, (enum setting_id)id) != SOURCE_DEFAULT)
            buf_printf(&text, "%s: %s\n", settings[id].key,
                       conf_shown(w->conf, (enum setting_id)id, value, sizeof value));
    cJSON *answer = cJSON_CreateObject();
    cJSON_AddStringToObject(answer, "ok", text.failed ? "" : text.data);
    buf_free(&text);
    return answer;
}

static void add_if_asked(struct worker *w, const cJSON *ids, const struct delivery *d, const char *state, cJSON *out)
{
    const cJSON *id;
    cJSON_ArrayForEach(id, ids) {
        if (!cJSON_IsString(id) || strcmp(id->valuestring, d->m.id) != 0) continue;
        cJSON *pair = cJSON_CreateArray();
        cJSON_AddItemToArray(pair, cJSON_CreateString(state));
        cJSON_AddItemToArray(pair, task_object(w, d, false));
        cJSON_AddItemToObject(out, d->m.id, pair);
        return;
    }
}

static cJSON *query_task(struct worker *w, const cJSON *arguments)
{
    const cJSON *ids = request_member(arguments, "ids");
    cJSON *answer = cJSON_CreateObject(), *one = cJSON_IsString(ids) ? cJSON_CreateArray() : NULL;
    struct delivery *d;
    if (one) cJSON_AddItemToArray(one, cJSON_CreateString(ids->valuestring));
    if (one) ids = one;
    for (int i = 0; i < RUNNERS_MAX; i++) {
        TAILQ_FOREACH(d, deliveries_sent(w, i), link)
            add_if_asked(w, ids, d, runners_is_running(w, d) ? "active" : "reserved", answer);
    }
    TAILQ_FOREACH(d, deliveries_in(w, DELIVERY_READY), link) add_if_asked(w, ids, d, "reserved", answer);
    cJSON_Delete(one);
    return answer;
}

cJSON *inspect_scheduled(struct worker *w, const redisReply *reply)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; reply && reply->type == REDIS_REPLY_ARRAY && i + 2 < reply->elements; i += 3) {
        const redisReply *due = reply->element[i + 1], *entry = reply->element[i + 2];
        const char *raw = entry->str, *end = raw + entry->len;
        char queue[QUEUE_KEY_SIZE], eta[CLOCK_TEXT_SIZE], text[CLOCK_TEXT_SIZE + 8];
        queue_of_list(&w->keys, queue, raw, strcspn(raw, "\n"));
        for (int line = 0; line < 2 && raw; line++)
            if ((raw = memchr(raw, '\n', (size_t)(end - raw)))) raw++;
        struct delivery d = {.state = DELIVERY_READY, .deliveries = 1, .queue = queue};
        if (raw && message_decode(raw, (size_t)(end - raw), &d.m, NULL) == 0) {
            cJSON *item = cJSON_CreateObject();
            snprintf(text, sizeof text, "%s+00:00", clock_iso_us(whole_of(strtod(due->str, NULL)) * 1000, eta));
            cJSON_AddStringToObject(item, "eta", text);
            cJSON_AddNumberToObject(item, "priority", 6);
            cJSON_AddItemToObject(item, "request", task_object(w, &d, false));
            cJSON_AddItemToArray(list, item);
        }
        message_free(&d.m);
    }
    return list;
}

cJSON *inspect_answer(struct worker *w, const char *method, const cJSON *arguments)
{
    static const struct {
        const char *method;
        cJSON *(*run)(struct worker *w, const cJSON *arguments);
    } table[] = {
        {"ping", ping},
        {"active", active},
        {"reserved", reserved},
        {"registered", listed_tasks},
        {"stats", stats},
        {"revoked", revoked},
        {"conf", conf_answer},
        {"active_queues", active_queues},
        {"clock", clock_answer},
        {"hello", hello},
        {"report", report},
        {"query_task", query_task},
        {"memsample", memory_sample},
        {"memdump", memory_dump},
        {"objgraph", memory_graph},
        {"dump_tasks", listed_tasks},
        {"dump_conf", conf_answer},
        {"dump_active", active},
        {"dump_reserved", reserved},
        {"dump_revoked", revoked},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].method, method) == 0) return table[i].run(w, arguments);
    return NULL;
}
