/* The one list of tasks: name, queue, function, limits. */
#ifndef LOGIKALD_SERVICES_TASKS_TASK_TABLE_H
#define LOGIKALD_SERVICES_TASKS_TASK_TABLE_H

#include <stddef.h>

#include "ipc/task.h"

#define TASKS_MAX 64 /* rows: tables of other rooms are as long */

/* All rows; *count gets their number. */
const struct task_def *task_table(size_t *count);
/* The row with this name, or NULL. Diagnostic tasks are found only when with_diagnostics. */
const struct task_def *task_find(const char *name, bool with_diagnostics);

#endif
