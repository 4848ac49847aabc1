/* Time and the running tasks: who has started is told (STARTED), work that waits behind a long task is taken back, soft
 * and hard time limits are enforced, and what was asked to stop and does not is killed. */
#ifndef LOGIKALD_SERVICES_WORKER_LIMITS_H
#define LOGIKALD_SERVICES_WORKER_LIMITS_H

#include "services/worker/worker.h"

int limits_open(struct worker *w, struct err *err);
void limits_close(struct worker *w);
void limits_watch(struct worker *w); /* a runner got work: look at it soon */

#endif
