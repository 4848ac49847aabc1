/* What else is told, in the same step, when a task has ended without success: the rest of its chain, its errbacks, its
 * chord. And the follow-ups that a runner has made, taken into the outcome. */
#ifndef LOGIKALD_SERVICES_WORKER_SETTLE_AFTERMATH_H
#define LOGIKALD_SERVICES_WORKER_SETTLE_AFTERMATH_H

#include "services/worker/delivery.h"

/* A block of frames as a DONE frame has it: all of them leave with the outcome, or none. */
void aftermath_take(struct outcome *o, const char *block, size_t len);
/* The rest of the chain gets the result of the outcome, under each id. */
void aftermath_rest(struct delivery *d);
/* The task has failed, or will not run, with this exception; no runner has told of it. */
void aftermath_failed(struct worker *w, struct delivery *d, const char *value);
void aftermath_revoked(struct worker *w, struct delivery *d, const char *value);

#endif
