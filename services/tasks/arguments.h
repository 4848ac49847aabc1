/* What a task is given, held against the names that its row has: whatever would silently do something else than was
 * meant is refused or told. */
#ifndef LOGIKALD_SERVICES_TASKS_ARGUMENTS_H
#define LOGIKALD_SERVICES_TASKS_ARGUMENTS_H

#include "ipc/task.h"

/* Before a task is run: 0, or -ERR_INPUT when an argument is given twice, or one that is yes or no is neither: nothing
 * may be done then. */
int arguments_check(const struct task_def *def, const cJSON *args, const cJSON *kwargs, struct err *err);
/* Arguments that the task does not have do nothing: the log names them, and an object that is its result, as
 * "ignored_arguments". */
void arguments_tell_ignored(const struct task_def *def, const cJSON *args, const cJSON *kwargs, cJSON *result);

#endif
