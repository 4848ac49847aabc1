/* Celery's own tasks that run another one many times: what `map`, `starmap` and `chunks` of a signature send. */
#ifndef LOGIKALD_SERVICES_TASKS_CANVAS_H
#define LOGIKALD_SERVICES_TASKS_CANVAS_H

#include "ipc/task.h"

/* celery.map(task=signature, it=[...]): the results of the task for each item, one after the other. The first failure
 * is its own. */
int task_map(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err);
/* celery.starmap: each item is a list of arguments. */
int task_starmap(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err);

#endif
