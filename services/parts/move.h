/* Taking over the files that an earlier version stored beside their elevations: packed, and put among the files by
 * their content. Each is a transaction of its own, so that it can end at any time and goes on from there. */
#ifndef LOGIKALD_SERVICES_PARTS_MOVE_H
#define LOGIKALD_SERVICES_PARTS_MOVE_H

#include <stdint.h>

#include "conf/err.h"
#include "ipc/task.h"

struct db;

/* Those of these elevations that are not moved yet. 0 or negative. */
int parts_move_these(struct db *db, const int64_t *ids, int n, struct err *err);
/* All that there are, for at most ms (0 = as long as it takes); a cancelled task stops between two. How many were
 * moved, or negative. */
int64_t parts_move_all(struct task_ctx *ctx, struct db *db, int64_t ms, struct err *err);

#endif
