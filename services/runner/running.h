/* The task that runs in a runner, as the worker hears of it: what it asks for on its way (to tell how far it is,
 * whether it was cancelled, to send tasks and canvases), and its end. All of it leaves as frames of that task, in
 * order. */
#ifndef LOGIKALD_SERVICES_RUNNER_RUNNING_H
#define LOGIKALD_SERVICES_RUNNER_RUNNING_H

#include "ipc/task.h"
#include "ipc/redis/queue_keys.h"
#include "services/runner/wire.h"

struct running;

extern const struct task_ops running_ops; /* of a context whose self is a struct running */

/* One for the life of the process, which speaks over fd and ends when the worker is gone. NULL: no memory. */
struct running *running_new(int fd, struct runner_shared *shared, const struct queue_keys *keys);
/* The frame must live until the end of its task, the canvas (see message_canvas; may be NULL) as well. */
void running_begin(struct running *r, const struct wire *frame);
void running_set_canvas(struct running *r, const cJSON *canvas);
/* What the task has started, as children of its result: items of a JSON array. */
const struct buf *running_children(const struct running *r);
/* Fills in whose frame it is, and tells it. False: no memory for it, nothing was told. */
bool running_end(struct running *r, struct wire *done);

#endif
