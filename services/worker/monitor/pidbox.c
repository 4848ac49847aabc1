/* Remote control as Celery's `inspect` and `control` speak it: requests are published on the pidbox channel, answers go
 * to the list of whoever asked, with an expiry, for askers vanish. Anything may be published there: what is not a
 * request is logged and dropped. Commands that change something are in commands.c, those that only look in inspect.c,
 * whom a request is for in matcher.c. */
#include "services/worker/monitor/pidbox.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "ipc/queue/queue_message.h"
#include "services/worker/events/events.h"
#include "services/worker/broker/membership.h"
#include "services/worker/monitor/answer.h"
#include "services/worker/monitor/commands.h"
#include "services/worker/monitor/inspect.h"
#include "services/worker/monitor/matcher.h"
#include "services/worker/monitor/revoke.h"

#define REPLY_EXPIRES "60"
#define SCHEDULED_MAX "1000"

struct pidbox {
    struct redis_sub *sub;
};

/* ---- requests and replies ---- */
struct reply {
    struct worker *worker;
    char routing_key[256];
    char *envelope;
    bool is_last; /* the worker stops when it has been pushed */
};

static void stop(struct worker *w)
{
    worker_stop(w, "asked to by remote control");
}

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
    if (r->is_last) stop(w);
    free(r->envelope);
    free(r);
}

/* False: nobody waits for one, or it cannot be sent. */
static bool send_reply(struct worker *w, const cJSON *request, cJSON *value, bool is_last)
{
    const cJSON *reply_to = cJSON_GetObjectItemCaseSensitive(request, "reply_to");
    const char *routing_key = request_text(reply_to, "routing_key"), *ticket = request_text(request, "ticket");
    char key[QUEUE_KEY_SIZE], exchange[QUEUE_KEY_SIZE];
    if (!routing_key || !ticket || strlen(routing_key) > 200) return false;
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
        r->is_last = is_last;
        snprintf(r->routing_key, sizeof r->routing_key, "%s", routing_key);
        r->envelope = buf_steal(&envelope);
    }
    bool is_sent =
        r && r->envelope &&
        redis_call(w->redis, on_bindings, r, "SMEMBERS",
                   queue_key(&w->keys, key, KEY_BINDING, queue_reply_exchange(&w->keys, exchange)), REDIS_END) == 0;
    if (!is_sent) {
        if (r) free(r->envelope);
        free(r);
    }
    buf_free(&envelope);
    buf_free(&headers);
    free(body);
    return is_sent;
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
        send_reply(q->worker, q->request, value, false);
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

static void handle(struct worker *w, const cJSON *request)
{
    const char *method = request_text(request, "method");
    const cJSON *arguments = cJSON_GetObjectItemCaseSensitive(request, "arguments");
    if (!method) {
        log_warning("a message on the control channel names no method: dropped");
        return;
    }
    if (!request_is_for(request, w->node)) return;
    if (strcmp(method, "scheduled") == 0 || strcmp(method, "dump_schedule") == 0) {
        ask_scheduled(w, request);
        return;
    }
    cJSON *value = NULL;
    if (!commands_run(w, method, arguments, &value)) {
        value = inspect_answer(w, method, arguments);
        if (!value) value = celery_answer("error", "KeyError('%.100s')", method);
    }
    bool is_last = strcmp(method, "shutdown") == 0;
    if (!send_reply(w, request, value, is_last) && is_last) stop(w);
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
        double expires = request_number(headers, "expires", 0), clock = request_number(headers, "clock", 0);
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
