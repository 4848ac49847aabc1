/* The look before a scheduled sync: is anything due at all? Reads only, so that idle ticks leave nothing behind. */
#ifndef LOGIKALD_SERVICES_SYNC_TASKS_IDLE_H
#define LOGIKALD_SERVICES_SYNC_TASKS_IDLE_H

#include <cjson/cJSON.h>

#include "ipc/task.h"
#include "services/sync/due.h"

/* 1: nothing is due, *result says so. 0: something is (the sync decides anew under its lease). Or -ERR_DB. */
int idle_look(struct task_ctx *ctx, enum due_mode mode, cJSON **result, struct err *err);

#endif
