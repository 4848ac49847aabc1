/* Who holds a lease, so that it can be told whether the holder still lives: host, process, and when the process began.
 */
#ifndef LOGIKALD_SERVICES_SYNC_OWNER_H
#define LOGIKALD_SERVICES_SYNC_OWNER_H

#include <stdbool.h>

#include "services/store/lease.h"

/* This process, working on a task. */
void owner_self(char out[LEASE_OWNER_SIZE], const char *task_id);
/* True only when it is certain: it was a process of this host, and is no more. */
bool owner_is_dead(const char *owner);

#endif
