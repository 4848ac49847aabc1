/* Celery's own tasks: what `map`, `starmap` and `chunks` of a signature send, and those that start a canvas. */
#ifndef LOGIKALD_SERVICES_TASKS_CANVAS_H
#define LOGIKALD_SERVICES_TASKS_CANVAS_H

#include "ipc/task.h"

/* celery.map(task=signature, it=[...]): the results of the task for each item, one after the other. The first failure
 * is its own. */
int task_map(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err);
/* celery.starmap: each item is a list of arguments. */
int task_starmap(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err);
/* celery.group(tasks), celery.chain(tasks), celery.chord(header, body): sends them. Its result is the one that whoever
 * waits looks at, as Celery's as_tuple() has it. */
int task_canvas(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err);
/* celery.chunks(task, it, n): starts a group of starmaps, each over n items of the list. */
int task_chunks(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err);

#endif
