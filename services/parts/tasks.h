/* The tasks of the parts list parser, as the task table lists them (task_fn of ipc/task.h). They read the stored parts
 * lists, never a disk, and never the upstream. Queue sqlite_parser. */
#ifndef LOGIKALD_SERVICES_PARTS_TASKS_H
#define LOGIKALD_SERVICES_PARTS_TASKS_H

#include "ipc/task.h"

/* tasks.sqlite_parser_tasks.parse_elevation_sqlite(elevation_id, force=False): row id. */
int task_parse_elevation_sqlite(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                                struct err *err);
/* tasks.sqlite_parser_tasks.batch_parse_elevations(elevation_ids, force=False) */
int task_batch_parse_elevations(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                                struct err *err);
/* tasks.sqlite_parser_tasks.trigger_parsing_for_new_files(): everything that waits to be parsed; in batches over the
 * queue where there is one, else here. Scheduled: does nothing when the master switch is off. */
int task_trigger_parsing_for_new_files(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                                       struct err *err);

/* tasks.sqlite_parser_tasks.take_over_parts_files(): everything that an earlier version stored, to its place, until it
 * is done or the task is cancelled; what was done stays done. The trigger does some of it each time. */
int task_take_over_parts_files(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                               struct err *err);

/* tasks.sqlite_parser_tasks.parts_table_rows(sha256, table, first=0, limit=1000): a page of a table of a stored file,
 * as lines of JSON ({"success", "count", "names", "rows"}, or {"success": false, "problem", "is_too_large"}). */
int task_parts_table_rows(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                          struct err *err);

#endif
