/* Who holds a lease, so that it can be told whether the holder still lives: host, process, and when the process began.
 */
#ifndef LOGIKALD_SERVICES_STORE_OWNER_H
#define LOGIKALD_SERVICES_STORE_OWNER_H

#include <stdbool.h>

#include "services/store/lease.h"

#define OWNER_WORKER_SIZE 128

/* This process, working on a task. */
void owner_self(char out[LEASE_OWNER_SIZE], const char *task_id);
/* The worker whose runner this process is. */
void owner_worker(char out[OWNER_WORKER_SIZE]);
/* True only when it is certain: it was a process of this boot and this container, and is no more. */
bool owner_is_dead(const char *owner);

/* Takes a lease as lease_acquire does, at once also from a holder that is dead. */
int owner_take_lease(struct db *db, struct lease *lease, const char *name, const char *owner, int64_t ttl_ms,
                     struct err *err);

#endif
