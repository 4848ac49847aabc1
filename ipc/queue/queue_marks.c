/* What Redis keeps besides messages and results, for people: who leads the schedule, when its entries last ran and
 * which of them are paused, when a task was revoked. Some plain reads, one answer. */
#include "ipc/queue/queue_internal.h"

#include <stdlib.h>

#include "conf/text/whole.h"

struct marks {
    cJSON *json;
    struct err err;
    int waiting;
    queue_list_fn fn;
    void *arg;
    struct queue_op *op; /* says whether the queue is still there */
};

static void settle(struct marks *m, const struct redis_answer *answer)
{
    struct err err;
    const struct err *fault = queue_fault(answer, &err);
    if (fault && m->err.code == ERR_NONE) m->err = *fault;
    if (--m->waiting > 0) return;
    if (m->op->q) m->fn(m->arg, m->err.code ? NULL : m->json, m->err.code ? &m->err : NULL);
    queue_op_free(m->op);
    cJSON_Delete(m->json);
    free(m);
}

static void on_leader(void *arg, const struct redis_answer *answer)
{
    struct marks *m = arg;
    const redisReply *reply = answer->reply;
    if (reply && reply->type == REDIS_REPLY_STRING) cJSON_AddStringToObject(m->json, "leader", reply->str);
    settle(m, answer);
}

static void on_runs(void *arg, const struct redis_answer *answer)
{
    struct marks *m = arg;
    const redisReply *reply = answer->reply;
    cJSON *runs = cJSON_AddObjectToObject(m->json, "runs"), *noted = cJSON_AddObjectToObject(m->json, "noted");
    for (size_t i = 0; reply && reply->type == REDIS_REPLY_ARRAY && i + 1 < reply->elements; i += 2) {
        if (reply->element[i]->type != REDIS_REPLY_STRING || reply->element[i + 1]->type != REDIS_REPLY_STRING)
            continue;
        cJSON_AddNumberToObject(runs, reply->element[i]->str, strtod(reply->element[i + 1]->str, NULL));
        if (reply->element[i + 1]->str[0] == '0') cJSON_AddTrueToObject(noted, reply->element[i]->str);
    }
    settle(m, answer);
}

/* "since by" of each entry */
static void add_notes(struct marks *m, const char *name, const struct redis_answer *answer)
{
    const redisReply *reply = answer->reply;
    cJSON *all = cJSON_AddObjectToObject(m->json, name);
    for (size_t i = 0; reply && reply->type == REDIS_REPLY_ARRAY && i + 1 < reply->elements; i += 2) {
        if (reply->element[i]->type != REDIS_REPLY_STRING || reply->element[i + 1]->type != REDIS_REPLY_STRING)
            continue;
        const char *by = NULL;
        cJSON *one = cJSON_AddObjectToObject(all, reply->element[i]->str);
        cJSON_AddNumberToObject(one, "since_ms", (double)whole_read(reply->element[i + 1]->str, &by));
        cJSON_AddStringToObject(one, "by", by + (*by == ' '));
    }
    settle(m, answer);
}

static void on_paused(void *arg, const struct redis_answer *answer)
{
    add_notes(arg, "paused", answer);
}

static void on_by_hand(void *arg, const struct redis_answer *answer)
{
    add_notes(arg, "by_hand", answer);
}

static void on_revoked(void *arg, const struct redis_answer *answer)
{
    struct marks *m = arg;
    const redisReply *reply = answer->reply;
    if (reply && reply->type == REDIS_REPLY_STRING)
        cJSON_AddNumberToObject(m->json, "revoked_ms", 1000 * strtod(reply->str, NULL));
    settle(m, answer);
}

int queue_marks(struct queue *q, const char *task_id, queue_list_fn fn, void *arg, struct err *err)
{
    char lock[QUEUE_KEY_SIZE], runs[QUEUE_KEY_SIZE], paused[QUEUE_KEY_SIZE], revoked[QUEUE_KEY_SIZE];
    char by_hand[QUEUE_KEY_SIZE];
    struct queue_op *op = queue_op_new(q, arg, err);
    struct marks *m = op ? calloc(1, sizeof *m) : NULL;
    if (!m) {
        if (op) queue_op_free(op);
        return -ERR_NOMEM;
    }
    *m = (struct marks){.json = cJSON_CreateObject(), .fn = fn, .arg = arg, .op = op};
    m->waiting +=
        redis_call(q->redis, on_leader, m, "GET", queue_key(&q->keys, lock, KEY_BEAT_LOCK, ""), REDIS_END) == 0;
    m->waiting += redis_call(q->redis, on_runs, m, "HGETALL", queue_key(&q->keys, runs, KEY_BEAT, ""), REDIS_END) == 0;
    m->waiting +=
        redis_call(q->redis, on_paused, m, "HGETALL", queue_key(&q->keys, paused, KEY_BEAT_PAUSED, ""), REDIS_END) == 0;
    m->waiting += redis_call(q->redis, on_by_hand, m, "HGETALL", queue_key(&q->keys, by_hand, KEY_BEAT_BY_HAND, ""),
                             REDIS_END) == 0;
    if (task_id)
        m->waiting += redis_call(q->redis, on_revoked, m, "ZSCORE", queue_key(&q->keys, revoked, KEY_REVOKED, ""),
                                 task_id, REDIS_END) == 0;
    if (m->waiting > 0) return 0;
    cJSON_Delete(m->json);
    free(m);
    return queue_accepted(op, -ERR_REDIS, err);
}
