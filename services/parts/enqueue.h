/* Having stored parts lists read: over the queue where there is one, else here and now. */
#ifndef LOGIKALD_SERVICES_PARTS_ENQUEUE_H
#define LOGIKALD_SERVICES_PARTS_ENQUEUE_H

#include <stdint.h>

#include "conf/err.h"
#include "ipc/task.h"

struct db;

/* Pending, or read by an older reader; failed and may be retried; read in part. */
enum parts_waiting { PARTS_NEW, PARTS_FAILED, PARTS_PARTIAL };

struct parts_requested {
    int64_t sent;         /* elevations sent to the queue */
    int64_t batches;      /* in how many tasks, or lots */
    int64_t read, failed; /* read here */
};
/* Of one project, or of all (0). batch = elevations for each task. A cancelled task stops early. 0 or -ERR_DB. */
int parts_request(struct task_ctx *ctx, struct db *db, enum parts_waiting which, int64_t project_id, int batch,
                  struct parts_requested *out, struct err *err);
/* A project's new ones while a sync goes on: over the queue only, and unless their parser is switched off. Where that
 * cannot be, the end of the sync asks for them. 0 or -ERR_DB. */
int parts_request_soon(struct task_ctx *ctx, struct db *db, int64_t project_id, struct err *err);

#endif
