/* Going over all that waits, is scheduled or dead by a filter: to search, and to cancel, retry or delete what matches.
 * A sweep is a chain of short script calls (sweep.lua) over one list after the other, so Redis is never held up for
 * long. */
#include "ipc/queue/queue_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"

#define BATCH    250
#define KEYS_MAX 3

struct sweep {
    struct queue_sweep what;                            /* its texts point into here */
    char queue[256], text[804], letter[48], expiry[24]; /* text: 200 characters of UTF-8 */
    enum queue_sweep_action action;
    queue_sweep_fn fn;
    int step; /* the list under way: queue and priority */
    int64_t offset, left, looked, matched;
    cJSON *entries;
};

static const char *const action_words[] = {"look", "cancel", "retry", "delete"};

static int step_count(const struct queue *q, const struct sweep *s)
{
    if (s->what.view != QUEUE_WAITING) return 1;
    return s->queue[0] ? q->keys.step_count : q->name_count * q->keys.step_count;
}

static const char *step_queue(const struct queue *q, const struct sweep *s)
{
    if (s->what.view != QUEUE_WAITING) return "";
    return s->queue[0] ? s->queue : q->names[s->step / q->keys.step_count];
}

static void queue_sweep_free(struct sweep *s)
{
    if (!s) return;
    cJSON_Delete(s->entries);
    free(s);
}

static void end(struct queue_op *op, bool is_whole, const struct err *err)
{
    struct sweep *s = op->sweep;
    if (op->q) s->fn(op->arg, s->matched, is_whole, s->entries, err);
    op->sweep = NULL;
    queue_sweep_free(s);
    queue_op_free(op);
}

static void on_swept(void *arg, const struct redis_answer *answer);

static int go_on(struct queue_op *op)
{
    static const char *const names[][KEYS_MAX] = {
        [QUEUE_SCHEDULED] = {KEY_SCHEDULED, KEY_SCHEDULED_MESSAGES, KEY_SCHEDULED_IDS},
        [QUEUE_DEAD] = {KEY_DEAD, KEY_HISTORY}};
    struct queue *q = op->q;
    struct sweep *s = op->sweep;
    char keys[KEYS_MAX][QUEUE_KEY_SIZE], offset[24], left[24] = "", count[24], wanted[24], now[CLOCK_TEXT_SIZE];
    const char *argv[KEYS_MAX + 13];
    int n = 0;
    if (s->what.view == QUEUE_WAITING)
        argv[n++] = queue_step_key(&q->keys, keys[0], step_queue(q, s), s->step % q->keys.step_count);
    else
        for (; n < KEYS_MAX && names[s->what.view][n]; n++)
            argv[n] = queue_key(&q->keys, keys[n], names[s->what.view][n], "");
    int nkeys = n;
    int64_t more = s->what.wanted - cJSON_GetArraySize(s->entries);
    snprintf(offset, sizeof offset, "%lld", (long long)s->offset);
    if (s->left >= 0) snprintf(left, sizeof left, "%lld", (long long)s->left);
    snprintf(count, sizeof count, "%d", BATCH);
    snprintf(wanted, sizeof wanted, "%lld", (long long)(more > 0 ? more : 0));
    clock_iso_us(wall_us(), now);
    now[strcspn(now, "Z+")] = '\0';
    argv[n++] = s->what.view == QUEUE_WAITING ? "waiting" : s->what.view == QUEUE_DEAD ? "dead" : "scheduled";
    argv[n++] = action_words[s->action];
    argv[n++] = s->text;
    argv[n++] = offset;
    argv[n++] = left;
    argv[n++] = count;
    argv[n++] = wanted;
    argv[n++] = step_queue(q, s);
    argv[n++] = q->keys.prefix;
    argv[n++] = q->keys.result_prefix;
    argv[n++] = s->expiry;
    argv[n++] = now;
    argv[n++] = s->letter;
    return redis_script(q->redis, "sweep", on_swept, op, nkeys, n, argv, NULL);
}

static bool is_page(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 3) return false;
    for (size_t i = 0; i < reply->elements; i++)
        if (reply->element[i]->type != (i < 3 ? REDIS_REPLY_INTEGER : REDIS_REPLY_STRING)) return false;
    return true;
}

static int revoke_left(struct queue *q, const redisReply *reply, struct err *err)
{
    size_t count = reply->elements - 3;
    if (count == 0) return 0;
    const char **ids = calloc(count, sizeof *ids);
    if (!ids) return err_set(err, ERR_NOMEM, "no memory to revoke %zu tasks", count);
    for (size_t i = 0; i < count; i++) ids[i] = reply->element[3 + i]->str;
    int rc = queue_revoke(q, ids, count, false, NULL, NULL, err);
    free(ids);
    return rc;
}

static void take(struct queue_op *op, const redisReply *reply)
{
    struct sweep *s = op->sweep;
    size_t width = queue_row_width(s->what.view);
    s->offset = reply->element[0]->integer;
    s->left = reply->element[1]->integer;
    s->matched += reply->element[2]->integer;
    s->looked += BATCH;
    if (s->action != SWEEP_LOOK) return;
    for (size_t i = 3; i + width <= reply->elements; i += width)
        cJSON_AddItemToArray(s->entries, queue_row(op->q, s->what.view, reply->element + i,
                                                   cJSON_GetArraySize(s->entries), step_queue(op->q, s)));
}

static void on_swept(void *arg, const struct redis_answer *answer)
{
    struct queue_op *op = arg;
    struct sweep *s = op->sweep;
    struct err err;
    const struct err *fault = queue_fault(answer, &err);
    if (!op->q || fault || !is_page(answer->reply)) {
        if (!fault) err_set(&err, ERR_REDIS, "Redis: an answer that is not understood");
        end(op, false, &err);
        return;
    }
    take(op, answer->reply);
    if (s->action == SWEEP_CANCEL && s->what.view != QUEUE_DEAD && revoke_left(op->q, answer->reply, &err) != 0) {
        end(op, false, &err);
        return;
    }
    if (s->left <= 0) {
        s->step++;
        s->offset = 0;
        s->left = -1;
    }
    if (s->step == step_count(op->q, s))
        end(op, true, NULL);
    else if (s->what.most > 0 && s->looked >= s->what.most)
        end(op, false, NULL);
    else if (go_on(op) != 0) {
        err_set(&err, ERR_REDIS, "Redis is not reachable: %s", redis_why_down(op->q->redis));
        end(op, false, &err);
    }
}

int queue_sweep(struct queue *q, const struct queue_sweep *what, enum queue_sweep_action action, queue_sweep_fn fn,
                void *arg, struct err *err)
{
    struct sweep *s = calloc(1, sizeof *s);
    struct queue_op *op = s ? queue_op_new(q, arg, err) : NULL;
    if (!op) {
        free(s);
        return err_set(err, ERR_NOMEM, "no memory for a queue request");
    }
    s->what = *what;
    s->action = action;
    s->fn = fn;
    s->left = -1;
    s->entries = cJSON_CreateArray();
    snprintf(s->queue, sizeof s->queue, "%s", what->queue ? what->queue : "");
    snprintf(s->text, sizeof s->text, "%s", what->text ? what->text : "");
    snprintf(s->letter, sizeof s->letter, "%s", what->letter ? what->letter : "");
    snprintf(s->expiry, sizeof s->expiry, "%lld", (long long)q->result_expires_s);
    for (char *c = s->text; *c; c++) *c = (char)tolower((unsigned char)*c);
    op->sweep = s;
    int rc = go_on(op);
    if (rc == 0) return 0;
    op->sweep = NULL;
    queue_sweep_free(s);
    return queue_accepted(op, rc, err);
}
