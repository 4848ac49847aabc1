/* What a task sends when it has ended. Pure but for fresh ids and times. */
#ifndef LOGIKALD_SERVICES_RUNNER_FOLLOWUP_H
#define LOGIKALD_SERVICES_RUNNER_FOLLOWUP_H

#include "ipc/queue_keys.h"
#include "ipc/queue_message.h"

/* The task that has ended; queue: where it came from, for follow-ups that name none. */
struct ended_task {
    const struct queue_keys *keys;
    const char *id, *root_id, *queue;
};

/* Adds frames of type SEND to sends, and entries of "children" to children (a JSON list without brackets), for what
 * follows a success (callbacks, the next of the chain) or a failure (errbacks). 0, or -ERR_INPUT: a signature is
 * malformed. */
int followups_of_success(const struct ended_task *task, const struct message_body *body, const cJSON *result,
                         struct buf *sends, struct buf *children, struct err *err);
int followups_of_failure(const struct ended_task *task, const struct message_body *body, struct buf *sends,
                         struct buf *children, struct err *err);

#endif
