/* Remote control as Celery's `inspect` and `control` speak it: requests are published on the pidbox channel, answers go
 * to the list of whoever asked, with an expiry, for askers vanish. Anything may be published there: what is not a
 * request is logged and dropped. Commands that change something are here, those that only look are in inspect.c. */
#include "services/worker/monitor/pidbox.h"

#include <fnmatch.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "ipc/queue_message.h"
#include "services/tasks/task_table.h"
#include "services/worker/dispatch.h"
#include "services/worker/events.h"
#include "services/worker/consumer.h"
#include "services/worker/membership.h"
#include "services/worker/monitor/inspect.h"
#include "services/worker/monitor/revoke.h"
#include "services/worker/runners.h"

#define REPLY_EXPIRES "60"
#define IDS_MAX       10000
#define SCHEDULED_MAX "1000"

struct pidbox {
    struct redis_sub *sub;
};

static const char *text_member(const cJSON *object, const char *name)
{
    const cJSON *value = cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
    return value && cJSON_IsString(value) ? value->valuestring : NULL;
}

static double number_member(const cJSON *object, const char *name, double absent)
{
    const cJSON *value = cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
    return value && cJSON_IsNumber(value) ? value->valuedouble : absent;
}

static cJSON *answer_text(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static cJSON *answer_text(const char *name, const char *fmt, ...)
{
    char text[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    cJSON *answer = cJSON_CreateObject();
    cJSON_AddStringToObject(answer, name, text);
    return answer;
}

/* ---- commands ---- */
/* As Python judges it: Flower sends 1 for true. */
static bool is_truthy(const cJSON *value)
{
    if (cJSON_IsNumber(value)) return value->valuedouble != 0;
    if (cJSON_IsString(value)) return value->valuestring[0];
    if (cJSON_IsArray(value) || cJSON_IsObject(value)) return value->child;
    return cJSON_IsTrue(value) || cJSON_IsRaw(value);
}

/* The signal asked for, SIGTERM when none is; 0 when there is none of that name or number. */
static int signal_of(const cJSON *arguments)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(arguments, "signal");
    if (!value || cJSON_IsNull(value)) return SIGTERM;
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
    const cJSON *ids = cJSON_GetObjectItemCaseSensitive(arguments, "task_id"), *item;
    bool terminate = always_terminate || is_truthy(cJSON_GetObjectItemCaseSensitive(arguments, "terminate"));
    int number = signal_of(arguments);
    const char *list[IDS_MAX];
    size_t count = 0;
    if (cJSON_IsString(ids))
        list[count++] = ids->valuestring;
    else if (cJSON_IsArray(ids))
        cJSON_ArrayForEach(item, ids)
            if (cJSON_IsString(item) && count < IDS_MAX) list[count++] = item->valuestring;
    if (count == 0) return answer_text("error", "TypeError('revoke: task_id must be a string or a list of strings')");
    if (terminate && number == 0) return answer_text("error", "ValueError('revoke: no such signal')");
    int running = revoke_apply(w, list, count, terminate, number);
    struct buf names = {0};
    for (size_t i = 0; i < count && names.len < 400; i++) buf_printf(&names, "%s%.255s", i > 0 ? ", " : "", list[i]);
    log_info("revoked by remote control: %s%s", names.data, terminate ? " (running ones are stopped)" : "");
    cJSON *answer;
    if (!terminate)
        answer = answer_text("ok", "tasks %.500s flagged as revoked", names.data);
    else if (running > 0)
        answer = answer_text("ok", "terminate: %.500s", names.data);
    else
        answer = answer_text("ok", "terminate: tasks unknown");
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

static cJSON *do_shutdown(struct worker *w, const cJSON *arguments)
{
    (void)arguments;
    worker_stop(w, "asked to by remote control");
    return NULL;
}

static cJSON *do_heartbeat(struct worker *w, const cJSON *arguments)
{
    (void)arguments;
    events_worker(w, "worker-heartbeat");
    return NULL;
}

static cJSON *do_pool_grow(struct worker *w, const cJSON *arguments)
{
    double n = number_member(arguments, "n", 1);
    if (n < 1 || runners_size(w) + n > RUNNERS_MAX)
        return answer_text("error", "ValueError('the pool may have from 1 to %d runners')", RUNNERS_MAX);
    runners_resize(w, runners_size(w) + (int)n);
    return answer_text("ok", "pool will grow");
}

static cJSON *do_pool_shrink(struct worker *w, const cJSON *arguments)
{
    double n = number_member(arguments, "n", 1);
    if (n < 1 || runners_size(w) - n < 1)
        return answer_text("error", "ValueError('the pool may have from 1 to %d runners')", RUNNERS_MAX);
    runners_resize(w, runners_size(w) - (int)n);
    return answer_text("ok", "pool will shrink");
}

/* "10/s", "10/m", "10/h", or a number of tasks a second; 0 or null = no limit. Negative = malformed. */
static double rate_of(const cJSON *value)
{
    char *end = NULL;
    if (cJSON_IsNumber(value)) return value->valuedouble;
    if (!cJSON_IsString(value)) return 0;
    double rate = strtod(value->valuestring, &end);
    if (end == value->valuestring || !isfinite(rate)) return -1;
    if (strcmp(end, "/m") == 0) return rate / 60;
    if (strcmp(end, "/h") == 0) return rate / 3600;
    return *end == '\0' || strcmp(end, "/s") == 0 ? rate : -1;
}

static cJSON *do_rate_limit(struct worker *w, const cJSON *arguments)
{
    const char *name = text_member(arguments, "task_name");
    const struct task_def *def = name ? task_find(name, conf_bool(w->conf, SET_DIAGNOSTIC_TASKS)) : NULL;
    double rate = rate_of(cJSON_GetObjectItemCaseSensitive(arguments, "rate_limit"));
    if (rate < 0 || rate > 1e6) return answer_text("error", "Invalid rate limit string");
    if (!def) return answer_text("error", "unknown task");
    dispatch_set_rate(w, (int)(def - task_table(NULL)), rate);
    return answer_text("ok", rate > 0 ? "new rate limit set successfully" : "rate limit disabled successfully");
}

static cJSON *do_add_consumer(struct worker *w, const cJSON *arguments)
{
    struct err err;
    const char *queue = text_member(arguments, "queue");
    if (!queue || !queue[0]) return answer_text("error", "TypeError('queue must be a name')");
    if (consumer_add_queue(w, queue, &err) != 0) return answer_text("error", "%s", err.text);
    return answer_text("ok", "add consumer %s", queue);
}

static cJSON *do_cancel_consumer(struct worker *w, const cJSON *arguments)
{
    const char *queue = text_member(arguments, "queue");
    if (!queue || consumer_drop_queue(w, queue) != 0) return answer_text("error", "no such queue is consumed here");
    return answer_text("ok", "no longer consuming from %s", queue);
}

static cJSON *do_pool_restart(struct worker *w, const cJSON *arguments)
{
    (void)arguments;
    runners_recycle(w);
    return answer_text("ok", "reload started");
}

static cJSON *do_events(struct worker *w, const cJSON *arguments)
{
    (void)w, (void)arguments;
    return answer_text("ok", "task events are sent while somebody listens");
}

static cJSON *do_refuse(struct worker *w, const cJSON *arguments)
{
    (void)w, (void)arguments;
    return answer_text("error", "not supported: it is part of the configuration");
}

static const struct {
    const char *method;
    cJSON *(*run)(struct worker *w, const cJSON *arguments);
} commands[] = {
    {"revoke", do_revoke},
    {"terminate", do_terminate},
    {"shutdown", do_shutdown},
    {"heartbeat", do_heartbeat},
    {"pool_grow", do_pool_grow},
    {"pool_shrink", do_pool_shrink},
    {"rate_limit", do_rate_limit},
    {"add_consumer", do_add_consumer},
    {"cancel_consumer", do_cancel_consumer},
    {"pool_restart", do_pool_restart},
    {"enable_events", do_events},
    {"disable_events", do_events},
    {"time_limit", do_refuse},
    {"autoscale", do_refuse},
};

/* ---- requests and replies ---- */
struct reply {
    struct worker *worker;
    char routing_key[256];
    char *envelope;
};

static void push_reply(struct worker *w, const char *list, const char *envelope)
{
    redis_call(w->redis, NULL, NULL, "LPUSH", list, envelope, REDIS_END);
    redis_call(w->redis, NULL, NULL, "EXPIRE", list, REPLY_EXPIRES, REDIS_END);
}

/* Members of the binding set are "<oid> SEP SEP <list>": the reply goes to each list bound to our routing key. */
static void on_bindings(void *arg, const struct redis_answer *answer)
{
    struct reply *r = arg;
    struct worker *w = r->worker;
    const redisReply *reply = answer->reply;
    size_t len = strlen(r->routing_key);
    for (size_t i = 0; reply && reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        const char *member = reply->element[i]->type == REDIS_REPLY_STRING ? reply->element[i]->str : "";
        const char *list;
        size_t bound;
        if (!queue_binding_cut(&w->keys, member, &bound, &list) || bound != len ||
            strncmp(member, r->routing_key, len) != 0)
            continue;
        char key[QUEUE_KEY_SIZE];
        push_reply(w, queue_key(&w->keys, key, list, ""), r->envelope);
    }
    free(r->envelope);
    free(r);
}

static void send_reply(struct worker *w, const cJSON *request, cJSON *value)
{
    const cJSON *reply_to = cJSON_GetObjectItemCaseSensitive(request, "reply_to");
    const char *routing_key = text_member(reply_to, "routing_key"), *ticket = text_member(request, "ticket");
    char key[QUEUE_KEY_SIZE], exchange[QUEUE_KEY_SIZE];
    if (!routing_key || !ticket || strlen(routing_key) > 200) return;
    cJSON *by_node = cJSON_CreateObject();
    cJSON_AddItemToObject(by_node, w->node, value ? cJSON_Duplicate(value, true) : cJSON_CreateNull());
    char *body = cJSON_PrintUnformatted(by_node);
    cJSON_Delete(by_node);
    struct buf headers = {0}, envelope = {0};
    buf_str(&headers, "{\"ticket\": ");
    buf_json_string(&headers, ticket, strlen(ticket));
    buf_printf(&headers, ", \"clock\": %lld}", (long long)events_tick(w));
    if (body && !headers.failed)
        message_wrap(&envelope, body, strlen(body), headers.data, queue_reply_exchange(&w->keys, exchange),
                     routing_key);
    struct reply *r = calloc(1, sizeof *r);
    if (r && envelope.len > 0) {
        r->worker = w;
        snprintf(r->routing_key, sizeof r->routing_key, "%s", routing_key);
        r->envelope = buf_steal(&envelope);
    }
    if (!r || !r->envelope ||
        redis_call(w->redis, on_bindings, r, "SMEMBERS",
                   queue_key(&w->keys, key, KEY_BINDING, queue_reply_exchange(&w->keys, exchange)), REDIS_END) != 0) {
        if (r) free(r->envelope);
        free(r);
    }
    buf_free(&envelope);
    buf_free(&headers);
    free(body);
}

/* `scheduled` has to ask Redis before it can answer. */
struct question {
    struct worker *worker;
    cJSON *request;
};

static void on_scheduled(void *arg, const struct redis_answer *answer)
{
    struct question *q = arg;
    if (answer->fault == REDIS_FINE) {
        cJSON *value = inspect_scheduled(q->worker, answer->reply);
        send_reply(q->worker, q->request, value);
        cJSON_Delete(value);
    }
    cJSON_Delete(q->request);
    free(q);
}

static void ask_scheduled(struct worker *w, const cJSON *request)
{
    char keys[2][QUEUE_KEY_SIZE];
    struct question *q = calloc(1, sizeof *q);
    if (!q) return;
    q->worker = w;
    q->request = cJSON_Duplicate(request, true);
    const char *argv[] = {queue_key(&w->keys, keys[0], KEY_SCHEDULED, ""),
                          queue_key(&w->keys, keys[1], KEY_SCHEDULED_MESSAGES, ""), "scheduled", "0", SCHEDULED_MAX};
    if (redis_script(w->redis, "view", on_scheduled, q, 2, 5, argv, NULL) == 0) return;
    cJSON_Delete(q->request);
    free(q);
}

static bool is_for_us(struct worker *w, const cJSON *request)
{
    const cJSON *destination = cJSON_GetObjectItemCaseSensitive(request, "destination"), *item;
    const char *pattern = text_member(request, "pattern"), *matcher = text_member(request, "matcher");
    if (cJSON_IsArray(destination)) {
        cJSON_ArrayForEach(item, destination)
            if (cJSON_IsString(item) && strcmp(item->valuestring, w->node) == 0) return true;
        return false;
    }
    if (pattern && matcher) return strcmp(matcher, "glob") == 0 && fnmatch(pattern, w->node, 0) == 0;
    return true;
}

static void handle(struct worker *w, const cJSON *request)
{
    const char *method = text_member(request, "method");
    const cJSON *arguments = cJSON_GetObjectItemCaseSensitive(request, "arguments");
    if (!method) {
        log_warning("a message on the control channel names no method: dropped");
        return;
    }
    if (!is_for_us(w, request)) return;
    if (strcmp(method, "scheduled") == 0 || strcmp(method, "dump_schedule") == 0) {
        ask_scheduled(w, request);
        return;
    }
    cJSON *value = NULL;
    bool is_known = false;
    for (size_t i = 0; i < sizeof commands / sizeof *commands && !is_known; i++)
        if ((is_known = strcmp(commands[i].method, method) == 0)) value = commands[i].run(w, arguments);
    if (!is_known) {
        value = inspect_answer(w, method, arguments);
        if (!value) value = answer_text("error", "KeyError('%.100s')", method);
    }
    if (strcmp(method, "shutdown") != 0) send_reply(w, request, value);
    cJSON_Delete(value);
}

static void on_message(void *arg, enum redis_sub_event event, const char *channel, const char *payload, size_t len)
{
    (void)channel;
    struct worker *w = arg;
    struct err err;
    cJSON *envelope, *request;
    if (event == REDIS_SUB_READY) revoke_catch_up(w); /* what was published before may have been missed */
    if (event != REDIS_SUB_MESSAGE || membership_is_leaving(w)) return;
    request = message_unwrap(payload, len, &envelope, &err);
    if (!cJSON_IsObject(request)) {
        log_warning("a message on the control channel is no request (%s): dropped",
                    request ? "not an object" : err.text);
    } else {
        const cJSON *headers = cJSON_GetObjectItemCaseSensitive(envelope, "headers");
        double expires = number_member(headers, "expires", 0), clock = number_member(headers, "clock", 0);
        events_heard(w, clock > 0 && clock < 9e15 ? (int64_t)clock : 0);
        if (expires <= 0 || expires > (double)wall_ms() / 1000 - 60) handle(w, request); /* clocks may differ */
    }
    cJSON_Delete(request);
    cJSON_Delete(envelope);
}

int pidbox_open(struct worker *w, struct err *err)
{
    char channel[QUEUE_KEY_SIZE], exchange[QUEUE_KEY_SIZE];
    struct pidbox *p = w->pidbox = calloc(1, sizeof *p);
    queue_channel(&w->keys, channel, queue_control_exchange(&w->keys, exchange));
    if (p) p->sub = redis_psubscribe(w->listener, channel, on_message, w);
    return p && p->sub ? 0 : err_set(err, ERR_NOMEM, "no memory for the control channel");
}

void pidbox_close(struct worker *w)
{
    if (!w->pidbox) return;
    redis_unsubscribe(w->pidbox->sub);
    free(w->pidbox);
    w->pidbox = NULL;
}
