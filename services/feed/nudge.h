/* After a commit: a task that delivers is sent for, unless one is on its way already. Where there is no queue (a child
 * of web, a command) nothing is sent: web looks when its child has ended, and a command delivers in the end by itself.
 */
#ifndef LOGIKALD_SERVICES_FEED_NUDGE_H
#define LOGIKALD_SERVICES_FEED_NUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "ipc/task.h"

struct db;

/* Sends the task. 0, or negative where there is no queue. */
int feed_send(struct task_ctx *ctx);

/* Of one that commits often. Zero-initialise. */
struct feed_nudger {
    int64_t last_ms;
    bool is_owed; /* a commit that nobody has been told of */
    bool has_no_queue;
};
/* db: not in a transaction. An error is no matter: who looks from time to time finds what waits. */
void feed_committed(struct feed_nudger *n, struct task_ctx *ctx, struct db *db);
/* From time to time, and with is_end at the end. */
void feed_tick(struct feed_nudger *n, struct task_ctx *ctx, struct db *db, bool is_end);

#endif
