/* Stamps that were revoked (`revoke_by_stamped_headers`): tasks that bear one of them do not run. Kept in Redis as
 * well, so that a worker which starts later, or was away, knows them. */
#ifndef LOGIKALD_SERVICES_WORKER_DISPATCH_STAMPED_H
#define LOGIKALD_SERVICES_WORKER_DISPATCH_STAMPED_H

#include "ipc/queue/queue_message.h"
#include "services/worker/worker.h"

int stamped_open(struct worker *w, struct err *err);
void stamped_close(struct worker *w);
/* The header's value, or each of a list of them. How many there were. */
int stamped_add(struct worker *w, const char *header, const cJSON *values);
bool stamped_has(const struct worker *w, const struct message *m);
/* fn is called when what Redis has was more than was known. */
void stamped_load(struct worker *w, void (*fn)(struct worker *w));

#endif
