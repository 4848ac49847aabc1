/* Inside of a runner process: its loop and the context of a task. */
#ifndef LOGIKALD_SERVICES_RUNNER_RUNNER_INTERNAL_H
#define LOGIKALD_SERVICES_RUNNER_RUNNER_INTERNAL_H

#include "ipc/queue/queue.h"
#include "ipc/queue/queue_message.h"
#include "ipc/task.h"
#include "services/runner/runner.h"

struct runner_self {
    const struct conf *conf;
    struct runner_shared *shared;
    const struct queue_keys *keys;
    int fd;
    uint32_t seq;             /* of the task that runs */
    const struct wire *frame; /* its RUN frame */
    const cJSON *canvas;      /* see message_canvas; or NULL */
    struct buf children;      /* of its result, for what it started */
    int64_t told_ms;          /* last progress */
    bool has_spoken;          /* the task has sent something by the socket: its end must follow there */
    struct buf in, out;
};

/* Sends what is in out to the worker; ends the process when the worker is gone. */
void runner_flush(struct runner_self *self);

extern const struct task_ops runner_ops; /* of a context whose self is a runner_self */

#endif
