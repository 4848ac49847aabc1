/* Revoking: what waits here or in Redis ends as REVOKED, what runs is stopped when that is asked for. */
#ifndef LOGIKALD_SERVICES_WORKER_MONITOR_REVOKE_H
#define LOGIKALD_SERVICES_WORKER_MONITOR_REVOKE_H

#include "services/worker/worker.h"

/* Returns how many running tasks are being stopped. */
int revoke_apply(struct worker *w, const char *const *ids, size_t count, bool terminate, int signal);
/* Registered, or heard again: reads what was revoked meanwhile, and ends what of it waits here. */
void revoke_catch_up(struct worker *w);

#endif
