/* Time and the running tasks: who has started is told (STARTED), work that waits behind a long task is taken back, soft
 * and hard time limits are enforced, and what was asked to stop and does not is killed. */
#ifndef LOGIKALD_SERVICES_WORKER_DISPATCH_LIMITS_H
#define LOGIKALD_SERVICES_WORKER_DISPATCH_LIMITS_H

#include "services/worker/worker.h"

int limits_open(struct worker *w, struct err *err);
void limits_close(struct worker *w);
/* Time limits of a row of the task table from now on, where the message names none; 0 = as configured. */
void limits_set(struct worker *w, int row, int64_t soft_ms, int64_t hard_ms);
void limits_of(const struct worker *w, int row, int64_t *soft_ms, int64_t *hard_ms);
void limits_watch(struct worker *w); /* a runner got work: look at it soon */

#endif
