/* The one list of tasks: name, queue, function. */
#ifndef LOGIKALD_SERVICES_TASKS_TASK_TABLE_H
#define LOGIKALD_SERVICES_TASKS_TASK_TABLE_H

#include <stddef.h>

#include "ipc/task.h"

#define TASKS_MAX 64 /* rows: tables of other rooms are as long */

/* All rows; *count gets their number. */
const struct task_def *task_table(size_t *count);
/* The row with this name, or NULL. Diagnostic tasks are found only when with_diagnostics. */
const struct task_def *task_find(const char *name, bool with_diagnostics);

/* Before a task is run: 0, or -ERR_INPUT when it is asked for a dry run that it cannot make, or in words that are
 * neither yes nor no. Nothing may be done then: whoever asked believes that nothing will be. */
int task_check_dry_run(const struct task_def *def, const cJSON *args, const cJSON *kwargs, struct err *err);

#endif
