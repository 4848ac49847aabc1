/* Delivering changes to webhooks: all endpoints for which there is something to do, several at once, each by one
 * deliverer at a time (a lease in PostgreSQL), in order, batch by batch. What is sent is kept in the database before it
 * is sent (the same bytes under the same id until they are confirmed), and the endpoint's place moves with the
 * confirmation, so that whoever is killed in between leaves something to repeat, and nothing to miss. */
#ifndef LOGIKALD_SERVICES_FEED_DELIVER_H
#define LOGIKALD_SERVICES_FEED_DELIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "ipc/task.h"

struct deliver_counts {
    int64_t posts, changes; /* confirmed */
    int64_t refused;        /* tries that failed */
    bool is_cut;            /* the time was over before all was done */
};

/* Blocks until nothing is left to do now, or budget_ms have passed. 0 or negative. */
int deliver(struct task_ctx *ctx, int64_t budget_ms, struct deliver_counts *counts, struct err *err);

#endif
