/* How many runners there are. Without WORKER_CONCURRENCY_MAX their number stays, but for remote control (pool_grow,
 * pool_shrink). With it, it follows the load as Celery's autoscale does: one more each second while all are busy, one
 * less when some have been idle for half a minute, between a least and a most number that remote control may change. */
#ifndef LOGIKALD_SERVICES_WORKER_RUNNERS_SCALE_H
#define LOGIKALD_SERVICES_WORKER_RUNNERS_SCALE_H

#include "services/worker/worker.h"

int scale_open(struct worker *w, struct err *err);
void scale_close(struct worker *w);

bool scale_is_on(const struct worker *w);
int scale_least(const struct worker *w);
int scale_most(const struct worker *w);
/* Bounds from now on; 0 = as it is. -ERR_INPUT with what is wrong with them, or when it is not on. */
int scale_set(struct worker *w, int most, int least, struct err *err);
/* So many runners more (or less); -ERR_INPUT when it is on, or when that is too many or none. */
int scale_change(struct worker *w, int by, struct err *err);

#endif
