/* Joining a sync that is going on: a request for what is being synced waits for it and takes its result. */
#ifndef LOGIKALD_SERVICES_SYNC_TASKS_JOIN_H
#define LOGIKALD_SERVICES_SYNC_TASKS_JOIN_H

#include <cjson/cJSON.h>

#include "services/sync/run/run.h"

/* A whole run: opened after whoever has the scope, or joined; work does it, and makes *result; closed as that says. 0
 * and the result, or negative and none. */
typedef int (*run_work_fn)(struct sync_run *run, void *arg, cJSON **result, struct err *err);
int join_or_work(struct task_ctx *ctx, const struct run_ask *ask, run_work_fn work, void *arg, cJSON **result,
                 struct err *err);

/* run_open, after whoever has the scope: 0, and the run is open; 1: joined, *result is there and the run is closed; or
 * negative, and the run is closed but for what run_close does. */
int join_or_open(struct sync_run *run, struct task_ctx *ctx, const struct run_ask *ask, cJSON **result,
                 struct err *err);

#endif
