/* Task ids that must not run: the newest 50 000. They are remembered in Redis as well (revoke.lua), by whoever revokes,
 * so that a worker that starts later, or did not hear of it, knows them too. */
#ifndef LOGIKALD_SERVICES_WORKER_DISPATCH_REVOKED_H
#define LOGIKALD_SERVICES_WORKER_DISPATCH_REVOKED_H

#include <cjson/cJSON.h>

#include "services/worker/worker.h"

int revoked_open(struct worker *w, struct err *err);
void revoked_close(struct worker *w);
void revoked_add(struct worker *w, const char *id);
bool revoked_has(const struct worker *w, const char *id);
void revoked_list(const struct worker *w, cJSON *out);
/* Reads what Redis remembers; fn (may be NULL) is called when that is known, with what was new (NULL-terminated). */
void revoked_load(struct worker *w, void (*fn)(struct worker *w, const char *const *ids, size_t count));

#endif
