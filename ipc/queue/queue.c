/* The queue's client side: life, sending. See queue.h. */
#include "ipc/queue/queue_internal.h"

#include <stdlib.h>
#include <string.h>

#include "ipc/queue/queue_message.h"

struct queue *queue_new(struct event_base *base, struct redis *redis, const struct conf *conf, struct err *err)
{
    struct queue *q = calloc(1, sizeof *q);
    if (!q) {
        err_set(err, ERR_NOMEM, "no memory for the queue");
        return NULL;
    }
    q->base = base;
    q->redis = redis;
    queue_keys_init(&q->keys, conf, redis_where(redis));
    q->name_count = queue_names(conf_str(conf, SET_WORKER_QUEUES), q->names, QUEUE_NAMES_MAX);
    q->lease_s = conf_int(conf, SET_WORKER_LEASE);
    q->result_expires_s = conf_int(conf, SET_RESULT_EXPIRES);
    LIST_INIT(&q->ops);
    LIST_INIT(&q->waits);
    return q;
}

void queue_free(struct queue *q)
{
    if (!q) return;
    while (!LIST_EMPTY(&q->waits)) result_wait_cancel(LIST_FIRST(&q->waits));
    while (!LIST_EMPTY(&q->ops)) {
        struct queue_op *op = LIST_FIRST(&q->ops);
        LIST_REMOVE(op, link);
        op->q = NULL; /* freed by its answer */
    }
    redis_free(q->listener);
    buf_free(&q->scratch);
    buf_free(&q->error);
    free(q);
}

struct queue_op *queue_op_new(struct queue *q, void *arg, struct err *err)
{
    struct queue_op *op = calloc(1, sizeof *op);
    if (!op) {
        err_set(err, ERR_NOMEM, "no memory for a queue request");
        return NULL;
    }
    op->q = q;
    op->arg = arg;
    LIST_INSERT_HEAD(&q->ops, op, link);
    return op;
}

void queue_op_free(struct queue_op *op)
{
    if (op->q) LIST_REMOVE(op, link);
    free(op);
}

const struct err *queue_fault(const struct redis_answer *answer, struct err *err)
{
    if (answer->fault == REDIS_FINE) return NULL;
    err_set(err, answer->fault == REDIS_LATE ? ERR_TIMEOUT : ERR_REDIS, "Redis: %s", answer->text);
    return err;
}

int queue_accepted(struct queue_op *op, int rc, struct err *err)
{
    if (rc == 0) return 0;
    const struct redis *r = op->q->redis;
    if (rc == -ERR_LIMIT)
        err_set(err, ERR_LIMIT, "too much waits to be sent to Redis");
    else
        err_set(err, ERR_REDIS, "Redis is not reachable: %s", redis_is_up(r) ? "busy" : redis_why_down(r));
    queue_op_free(op);
    return rc;
}

void queue_on_done(void *arg, const struct redis_answer *answer)
{
    struct queue_op *op = arg;
    struct err err;
    const struct err *fault = queue_fault(answer, &err);
    if (op->q && op->fn.done) op->fn.done(op->arg, fault);
    queue_op_free(op);
}

/* The binding that other kombu processes look up; written once per queue and connection's life, harmless when lost. */
static void bind_queue(struct queue *q, const char *name)
{
    char key[QUEUE_KEY_SIZE], member[QUEUE_KEY_SIZE];
    for (int i = 0; i < q->bound_count; i++)
        if (strcmp(q->bound[i], name) == 0) return;
    if (q->bound_count < QUEUE_NAMES_MAX) snprintf(q->bound[q->bound_count++], 128, "%s", name);
    redis_call(q->redis, NULL, NULL, "SADD", queue_key(&q->keys, key, KEY_BINDING, name),
               queue_binding(&q->keys, member, name, name), REDIS_END);
}

int queue_send(struct queue *q, const char *task, const cJSON *args, const cJSON *kwargs,
               const struct task_options *options, char id_out[UUID_TEXT_SIZE], queue_done_fn fn, void *arg,
               struct err *err)
{
    char id[MESSAGE_ID_LIMIT + 1], key[QUEUE_KEY_SIZE];
    struct message_spec spec = message_spec_of(task, args, kwargs, options, id);
    if (!spec.queue) spec.queue = "celery";
    struct queue_op *op = queue_op_new(q, arg, err);
    if (!op) return -ERR_NOMEM;
    op->fn.done = fn;
    buf_reset(&q->scratch);
    message_encode(&q->scratch, &spec);
    if (q->scratch.failed) return queue_accepted(op, -ERR_LIMIT, err);
    if (redis_is_up(q->redis)) bind_queue(q, spec.queue);
    const char *words[] = {"LPUSH", queue_list_key(&q->keys, key, spec.queue, spec.priority), q->scratch.data};
    const size_t lens[] = {5, strlen(key), q->scratch.len};
    int rc = queue_accepted(op, redis_command(q->redis, queue_on_done, op, 3, words, lens), err);
    if (id_out) snprintf(id_out, UUID_TEXT_SIZE, "%.*s", UUID_TEXT_SIZE - 1, id);
    return rc;
}
