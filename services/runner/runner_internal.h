/* Inside of a runner process: runner.c (loop, task context), followup.c (what a finished task sends). */
#ifndef LOGIKALD_SERVICES_RUNNER_RUNNER_INTERNAL_H
#define LOGIKALD_SERVICES_RUNNER_RUNNER_INTERNAL_H

#include "ipc/queue.h"
#include "ipc/queue_message.h"
#include "ipc/task.h"
#include "services/runner/runner.h"

struct runner_self {
    const struct conf *conf;
    struct runner_shared *shared;
    const struct queue_keys *keys;
    int fd;
    uint32_t seq;             /* of the task that runs */
    const struct wire *frame; /* its RUN frame */
    int64_t told_ms;          /* last progress */
    bool has_spoken;          /* the task has sent something by the socket: its end must follow there */
    struct buf in, out;
};

/* Adds SEND frames to sends, and entries of "children" to children (a JSON list without brackets), for what follows a
 * success (callbacks, the next of the chain) or a failure (errbacks). 0, or -ERR_INPUT: a signature is malformed. */
int followups_of_success(const struct runner_self *self, const struct message_body *body, const cJSON *result,
                         struct buf *sends, struct buf *children, struct err *err);
int followups_of_failure(const struct runner_self *self, const struct message_body *body, struct buf *sends,
                         struct buf *children, struct err *err);

/* Sends what is in out to the worker; ends the process when the worker is gone. */
void runner_flush(struct runner_self *self);

#endif
