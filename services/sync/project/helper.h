/* Help between workers: asking for it, and noticing that a helper is gone. See worklist.h. */
#ifndef LOGIKALD_SERVICES_SYNC_PROJECT_HELPER_H
#define LOGIKALD_SERVICES_SYNC_PROJECT_HELPER_H

#include "services/sync/run/run.h"

#define HELP_TASK "tasks.sync_tasks.help_sync_task"

/* When help was asked for last; zero at first. */
struct helper_call {
    int count;
    int64_t next_ms;
};

/* Sends the request: list is the run, leader its worker, hops how often it was passed on. */
int helper_request(struct task_ctx *ctx, int64_t list, const char *leader, int hops, struct err *err);
/* Sends a task that another worker may take in the next seconds; it is sent again now and then, and never where there
 * is no queue. Whether somebody comes does not matter to the caller. */
void helper_ask(struct sync_run *run, struct helper_call *call);

/* Frees what helpers hold that are gone: 0 or -ERR_DB. */
int helper_free_lost(struct sync_run *run, int64_t list, struct err *err);

#endif
