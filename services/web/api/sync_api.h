/* Running a task for a request that waits for its result. */
#ifndef LOGIKALD_SERVICES_WEB_API_SYNC_API_H
#define LOGIKALD_SERVICES_WEB_API_SYNC_API_H

#include <cjson/cJSON.h>

#include "services/web/http/req.h"

#define TASK_SCHEDULER "tasks.scheduler_tasks."
#define TASK_SYNC      "tasks.sync_tasks."
#define TASK_PARSER    "tasks.sqlite_parser_tasks."

/* Answers with the task's result, put into the form that clients know by shape (NULL = as it is; the new object is the
 * answer's), or 202, or why it failed. kwargs is taken. */
typedef cJSON *(*sync_shape)(const struct req *r, const cJSON *result);
void sync_run(struct req *r, const char *task, const char *queue, cJSON *kwargs, sync_shape shape);
/* The same of several objects at once: also the answer of one that failed, in part or whole, is 200 and shape's, which
 * gets back what was asked for. */
void sync_run_of(struct req *r, const char *task, const char *queue, cJSON *kwargs, sync_shape shape,
                 const char *asked);
const char *sync_asked(const struct req *r);

#endif
