/* Revoking: what waits here or in Redis ends as REVOKED, what runs is stopped when that is asked for. */
#ifndef LOGIKALD_SERVICES_WORKER_MONITOR_REVOKE_H
#define LOGIKALD_SERVICES_WORKER_MONITOR_REVOKE_H

#include <cjson/cJSON.h>

#include <cjson/cJSON.h>

#include "services/worker/worker.h"

/* Returns how many running tasks are being stopped. */
int revoke_apply(struct worker *w, const char *const *ids, size_t count, bool terminate, int signal);
/* A worker that starts tells what it knows to be revoked: an object whose names are ids. */
void revoke_hear(struct worker *w, const cJSON *ids);
/* The same for all that bear one of these stamps: an object of header -> value or list of values. */
int revoke_stamps(struct worker *w, const cJSON *headers, bool terminate, int signal);
/* Registered, or heard again: reads what was revoked meanwhile, and ends what of it waits here. */
void revoke_catch_up(struct worker *w);

#endif
