/* Changing what lies in the queues: dead letters back to work, purging. See queue.h. */
#include "ipc/queue_internal.h"

#include <string.h>

#define RETRY_LIMIT "10000"

static void on_count(void *arg, const struct redis_answer *answer)
{
    struct queue_op *op = arg;
    struct err err;
    const struct err *fault = queue_fault(answer, &err);
    int64_t count = !fault && answer->reply->type == REDIS_REPLY_INTEGER ? answer->reply->integer : 0;
    if (op->q && op->fn.count) op->fn.count(op->arg, count, fault);
    queue_op_free(op);
}

static int run(struct queue *q, const char *script, int nkeys, int argc, const char *const *argv, queue_count_fn fn,
               void *arg, struct err *err)
{
    struct queue_op *op = queue_op_new(q, arg, err);
    if (!op) return -ERR_NOMEM;
    op->fn.count = fn;
    return queue_accepted(op, redis_script(q->redis, script, on_count, op, nkeys, argc, argv, NULL), err);
}

int queue_retry_dead(struct queue *q, const char *task_id, queue_count_fn fn, void *arg, struct err *err)
{
    char dead[QUEUE_KEY_SIZE], deliveries[QUEUE_KEY_SIZE];
    const char *argv[] = {queue_key(&q->keys, dead, KEY_DEAD, ""), queue_key(&q->keys, deliveries, KEY_DELIVERIES, ""),
                          task_id ? task_id : "", q->keys.prefix, RETRY_LIMIT};
    return run(q, "retry_dead", 2, 5, argv, fn, arg, err);
}

int queue_purge(struct queue *q, const char *name, queue_count_fn fn, void *arg, struct err *err)
{
    char keys[QUEUE_STEPS][QUEUE_KEY_SIZE];
    const char *argv[QUEUE_STEPS];
    for (int i = 0; i < QUEUE_STEPS; i++) argv[i] = queue_list_key(&q->keys, keys[i], name, i * 3);
    return run(q, "purge", QUEUE_STEPS, QUEUE_STEPS, argv, fn, arg, err);
}

int queue_purge_dead(struct queue *q, queue_count_fn fn, void *arg, struct err *err)
{
    char dead[QUEUE_KEY_SIZE];
    const char *argv[] = {queue_key(&q->keys, dead, KEY_DEAD, "")};
    return run(q, "purge", 1, 1, argv, fn, arg, err);
}
