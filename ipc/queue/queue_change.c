/* Changing what lies in the queues: dead letters back to work, purging, pausing. See queue.h. */
#include "ipc/queue/queue_internal.h"

#include <string.h>

#include "conf/clock.h"

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
    char dead[QUEUE_KEY_SIZE], history[QUEUE_KEY_SIZE];
    const char *argv[] = {queue_key(&q->keys, dead, KEY_DEAD, ""), queue_key(&q->keys, history, KEY_HISTORY, ""),
                          task_id ? task_id : "", q->keys.prefix, RETRY_LIMIT};
    return run(q, "retry_dead", 2, 5, argv, fn, arg, err);
}

int queue_purge(struct queue *q, const char *name, queue_count_fn fn, void *arg, struct err *err)
{
    char keys[QUEUE_STEPS][QUEUE_KEY_SIZE];
    const char *argv[QUEUE_STEPS];
    int count = q->keys.step_count;
    for (int i = 0; i < count; i++) argv[i] = queue_step_key(&q->keys, keys[i], name, i);
    return run(q, "purge", count, count, argv, fn, arg, err);
}

int queue_purge_dead(struct queue *q, queue_count_fn fn, void *arg, struct err *err)
{
    char dead[QUEUE_KEY_SIZE];
    const char *argv[] = {queue_key(&q->keys, dead, KEY_DEAD, "")};
    return run(q, "purge", 1, 1, argv, fn, arg, err);
}

int queue_check_name(const struct queue *q, const char *name, struct err *err)
{
    char known[512] = "";
    for (int i = 0; i < q->name_count; i++) {
        size_t used = strlen(known);
        if (strcmp(q->names[i], name) == 0) return 0;
        snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "", q->names[i]);
    }
    return err_set(err, ERR_NOT_FOUND, "no queue \"%.128s\": there are %s", name, known);
}

int queue_pause(struct queue *q, const char *name, const char *by, queue_count_fn fn, void *arg, struct err *err)
{
    char key[QUEUE_KEY_SIZE], note[160];
    if (queue_check_name(q, name, err) != 0) return -ERR_NOT_FOUND;
    struct queue_op *op = queue_op_new(q, arg, err);
    if (!op) return -ERR_NOMEM;
    op->fn.count = fn;
    snprintf(note, sizeof note, "%lld %.120s", (long long)wall_ms(), by);
    return queue_accepted(
        op,
        redis_call(q->redis, on_count, op, "HSETNX", queue_key(&q->keys, key, KEY_PAUSED, ""), name, note, REDIS_END),
        err);
}

int queue_resume(struct queue *q, const char *name, queue_count_fn fn, void *arg, struct err *err)
{
    char key[QUEUE_KEY_SIZE], channel[QUEUE_KEY_SIZE];
    const char *argv[] = {queue_key(&q->keys, key, KEY_PAUSED, ""), name,
                          queue_channel(&q->keys, channel, CHANNEL_RESUMED)};
    return run(q, "resume", 1, 3, argv, fn, arg, err);
}

int queue_entry_pause(struct queue *q, const char *entry, const char *by, queue_count_fn fn, void *arg, struct err *err)
{
    char key[QUEUE_KEY_SIZE], note[160];
    struct queue_op *op = queue_op_new(q, arg, err);
    if (!op) return -ERR_NOMEM;
    op->fn.count = fn;
    snprintf(note, sizeof note, "%lld %.120s", (long long)wall_ms(), by);
    return queue_accepted(op,
                          redis_call(q->redis, on_count, op, "HSETNX", queue_key(&q->keys, key, KEY_BEAT_PAUSED, ""),
                                     entry, note, REDIS_END),
                          err);
}

int queue_entry_resume(struct queue *q, const char *entry, queue_count_fn fn, void *arg, struct err *err)
{
    char key[QUEUE_KEY_SIZE];
    struct queue_op *op = queue_op_new(q, arg, err);
    if (!op) return -ERR_NOMEM;
    op->fn.count = fn;
    return queue_accepted(
        op, redis_call(q->redis, on_count, op, "HDEL", queue_key(&q->keys, key, KEY_BEAT_PAUSED, ""), entry, REDIS_END),
        err);
}

void queue_entry_note_run(struct queue *q, const char *entry, const char *by)
{
    char key[QUEUE_KEY_SIZE], note[160];
    snprintf(note, sizeof note, "%lld %.120s", (long long)wall_ms(), by);
    redis_call(q->redis, NULL, NULL, "HSET", queue_key(&q->keys, key, KEY_BEAT_BY_HAND, ""), entry, note, REDIS_END);
}
