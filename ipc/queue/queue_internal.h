/* Inside of the queue's client side: queue.c (send, life), queue_revoke.c, queue_result.c, queue_view.c,
 * queue_change.c. */
#ifndef LOGIKALD_IPC_QUEUE_QUEUE_INTERNAL_H
#define LOGIKALD_IPC_QUEUE_QUEUE_INTERNAL_H

#include <sys/queue.h>

#include "conf/text/buf.h"
#include "ipc/queue/queue.h"
#include "ipc/redis/queue_keys.h"

/* One request on its way. When the queue is freed first, q becomes NULL and nobody is called. */
struct queue_op {
    LIST_ENTRY(queue_op) link;
    struct queue *q;
    union {
        queue_done_fn done;
        result_fn result;
        queue_stats_fn stats;
        queue_list_fn list;
        queue_count_fn count;
    } fn;
    void *arg;
    enum queue_view view;
    struct result_wait *wait;
    struct sweep *sweep; /* of queue_sweep.c */
    char *message;       /* of queue_revoke.c */
    char text[256];      /* task id or queue, as the request needs it */
};

struct queue {
    struct event_base *base;
    struct redis *redis, *listener; /* the caller's; our own, for subscriptions */
    struct queue_keys keys;
    char names[QUEUE_NAMES_MAX][128]; /* served by workers */
    int name_count;
    int64_t lease_s, result_expires_s;
    char bound[QUEUE_NAMES_MAX][128]; /* bindings written since the queue was made */
    int bound_count;
    LIST_HEAD(queue_ops, queue_op) ops;
    LIST_HEAD(result_waits, result_wait) waits;
    struct buf scratch, error;
};

struct queue_op *queue_op_new(struct queue *q, void *arg, struct err *err); /* NULL with err */
void queue_op_free(struct queue_op *op);
/* What is known of an entry as view.lua and sweep.lua give them: so many words each. */
size_t queue_row_width(enum queue_view view);
cJSON *queue_row(const struct queue *q, enum queue_view view, redisReply **e, int64_t index, const char *queue);
/* The fault of an answer as an error, or NULL when it is fine. */
const struct err *queue_fault(const struct redis_answer *answer, struct err *err);
void queue_on_done(void *arg, const struct redis_answer *answer); /* tells op->fn.done, frees op */
/* Turns redis_command's verdict into an error; frees op when it was not accepted. */
int queue_accepted(struct queue_op *op, int rc, struct err *err);

#endif
