/* The history of tasks in PostgreSQL: written by workers, swept by the cleanup task. What it holds:
 * migrations/0139_task_history.sql. */
#ifndef LOGIKALD_SERVICES_STORE_TASK_HISTORY_H
#define LOGIKALD_SERVICES_STORE_TASK_HISTORY_H

#include <stdint.h>

#include "conf/err.h"
#include "services/store/db/pool.h"

struct db;

/* (JSON list of ends) -> nothing. Each: {id, name, queue, args, kwargs, arguments, state, try, delivery, worker,
 * received_us, started_us, ended_us, run_ms, error, result, result_bytes, parent_id, root_id, group_id}; what is not
 * there is NULL. Writing the same again changes nothing. */
extern const struct query query_history_write;
extern const struct query query_history_lost; /* (worker, since in unix microseconds, count) -> nothing */

/* Deletes what ended more than days ago, some thousand rows at a time. How many tasks; negative: -ERR_. */
int64_t task_history_sweep(struct db *db, int days, struct err *err);

#endif
