/* Revoking: see queue.h. Redis is told first (revoke.lua): what is remembered there binds every worker, also one that
 * is away just now, so that a revoke needs nobody to hear it. Then monitors hear of what was ended where it waited, and
 * workers of all of it. */
#include "ipc/queue/queue_internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/clock.h"
#include "ipc/queue/queue_message.h"
#include "ipc/redis/script_call.h"

#define FIXED_KEYS 6 /* before the result keys */

int queue_note_revoked(struct redis *redis, const struct queue_keys *keys, int64_t result_expires_s,
                       const char *const *ids, size_t count, redis_fn fn, void *arg)
{
    static const char *const names[] = {KEY_REVOKED,       KEY_SCHEDULED, KEY_SCHEDULED_MESSAGES,
                                        KEY_SCHEDULED_IDS, KEY_HISTORY,   KEY_ENDED};
    struct script_call c = {0};
    char key[QUEUE_KEY_SIZE], now[CLOCK_TEXT_SIZE];
    clock_iso_us(wall_us(), now);
    now[strcspn(now, "Z+")] = '\0';
    script_call_keys(&c, keys, names, FIXED_KEYS, 0, "");
    script_call_number(&c, result_expires_s);
    script_call_copy(&c, now);
    script_call_number(&c, QUEUE_REVOKED_MAX);
    for (size_t i = 0; i < count; i++) {
        script_call_add_key(&c, queue_result_key(keys, key, ids[i]));
        script_call_text(&c, ids[i]);
    }
    return script_call_run(&c, redis, "revoke", fn, arg);
}

/* task-revoked, as a worker would say it; lost when nobody listens. */
static void tell_monitors(struct queue *q, const char *id)
{
    struct buf body = {0}, message = {0};
    char channel[QUEUE_KEY_SIZE], host[128] = "", headers[200];
    gethostname(host, sizeof host - 1);
    snprintf(headers, sizeof headers, "{\"hostname\": \"logikald@%s\"}", host);
    buf_printf(
        &body,
        "{\"hostname\": \"logikald@%s\", \"utcoffset\": 0, \"pid\": %d, \"clock\": 0, \"timestamp\": %.6f, \"type\": "
        "\"task-revoked\", \"terminated\": false, \"signum\": null, \"expired\": false, \"uuid\": ",
        host, (int)getpid(), (double)wall_us() / 1e6);
    buf_json_string(&body, id, strlen(id));
    buf_char(&body, '}');
    if (!body.failed) message_wrap(&message, body.data, body.len, headers, q->keys.events, "task.revoked");
    const char *words[] = {"PUBLISH", queue_event_channel(&q->keys, channel, "task.revoked"), message.data};
    const size_t lens[] = {7, strlen(channel), message.len};
    if (!body.failed && !message.failed) redis_command(q->redis, NULL, NULL, 3, words, lens);
    buf_free(&body);
    buf_free(&message);
}

static void on_noted(void *arg, const struct redis_answer *answer)
{
    struct queue_op *op = arg;
    struct queue *q = op->q;
    char channel[QUEUE_KEY_SIZE], exchange[QUEUE_KEY_SIZE];
    char *message = op->message;
    op->message = NULL;
    if (q && answer->fault == REDIS_FINE && answer->reply->type == REDIS_REPLY_ARRAY) {
        for (size_t i = 0; i < answer->reply->elements; i++) tell_monitors(q, answer->reply->element[i]->str);
        redis_call(q->redis, NULL, NULL, "PUBLISH",
                   queue_channel(&q->keys, channel, queue_control_exchange(&q->keys, exchange)), message, REDIS_END);
    }
    free(message);
    queue_on_done(op, answer);
}

int queue_revoke(struct queue *q, const char *const *ids, size_t count, bool terminate, queue_done_fn fn, void *arg,
                 struct err *err)
{
    struct buf body = {0}, message = {0};
    char exchange[QUEUE_KEY_SIZE];
    struct queue_op *op = queue_op_new(q, arg, err);
    if (!op) return -ERR_NOMEM;
    op->fn.done = fn;
    buf_str(&body, "{\"method\": \"revoke\", \"arguments\": {\"task_id\": [");
    for (size_t i = 0; i < count; i++) {
        if (i > 0) buf_str(&body, ", ");
        buf_json_string(&body, ids[i], strlen(ids[i]));
    }
    buf_printf(&body,
               "], \"terminate\": %s, \"signal\": \"SIGTERM\"}, \"destination\": null, \"pattern\": null, "
               "\"matcher\": null}",
               terminate ? "true" : "false");
    if (!body.failed)
        message_wrap(&message, body.data, body.len, "{\"clock\": 1, \"expires\": 0}",
                     queue_control_exchange(&q->keys, exchange), "");
    op->message = body.failed ? NULL : buf_steal(&message);
    buf_free(&body);
    if (!op->message) {
        buf_free(&message);
        return queue_accepted(op, -ERR_LIMIT, err);
    }
    int rc = queue_note_revoked(q->redis, &q->keys, q->result_expires_s, ids, count, on_noted, op);
    if (rc != 0) free(op->message);
    return queue_accepted(op, rc, err);
}
