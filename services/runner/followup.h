/* What a task sends when it has ended: callbacks, the next of its chain, errbacks, and its part of a chord. Pure but
 * for fresh ids and times. */
#ifndef LOGIKALD_SERVICES_RUNNER_FOLLOWUP_H
#define LOGIKALD_SERVICES_RUNNER_FOLLOWUP_H

#include "ipc/redis/queue_keys.h"
#include "ipc/queue/queue_message.h"

/* The task that has ended; queue: where it came from, for follow-ups that name none. */
struct ended_task {
    const struct queue_keys *keys;
    const char *id, *root_id, *queue;
    const char *group;   /* or NULL */
    const cJSON *canvas; /* of its message, see message_canvas; or NULL */
};

/* Each adds frames of type SEND, SET, KEY and PARTS to sends. 0, or -ERR_INPUT: a signature is malformed. */

/* result: NULL = null. Adds entries of "children" to children (a JSON list without its end). */
int followups_of_success(const struct ended_task *task, const struct message_body *body, const cJSON *result,
                         struct buf *sends, struct buf *children, struct err *err);
/* value: the exception, as it is stored. What remains of its chain has failed with it. */
int followups_of_failure(const struct ended_task *task, const struct message_body *body, const char *value,
                         struct buf *sends, struct err *err);
int followups_of_revoke(const struct ended_task *task, const struct message_body *body, const char *value,
                        struct buf *sends, struct err *err);

#endif
