/* Results of the sync's tasks as JSON, and the answers that several tasks share. */
#ifndef LOGIKALD_SERVICES_SYNC_TASKS_RESULT_H
#define LOGIKALD_SERVICES_SYNC_TASKS_RESULT_H

#include <stdbool.h>
#include <cjson/cJSON.h>

#include "services/sync/run/run.h"

/* {"success":true,"skipped":true,"reason":...,"task_id","checked_at"} */
cJSON *result_skipped(const struct task_ctx *ctx, const char *reason);
/* True when the master switch is off: *result is the answer. For scheduled tasks. */
bool result_is_switched_off(const struct task_ctx *ctx, cJSON **result);

/* A result with success, message, task_id, started_at, duration_seconds. */
cJSON *result_new(const struct sync_run *run, bool is_success, const char *message);
void result_add_duration(cJSON *result, int64_t ms);
/* What the upstream's client did: calls, logins, retries ... And how much other workers
 * helped. */
void result_add_upstream(cJSON *result, const struct sync_run *run);
void result_add_errors(cJSON *result, const struct sync_run *run);
/* "status": completed, partial (with errors, or is_broken: begun and not ended), held, cancelled, failed. Of a run that
 * is held, and nothing worse: success false, how many rows of each type, and the message says so. */
void result_add_status(cJSON *result, const struct sync_run *run, int rc, bool is_broken);
/* Of a dry run: "dry_run", "preview" (sync_preview.h) and "not_previewed", and the message says so. Else nothing. */
int result_add_preview(cJSON *result, struct sync_run *run, struct err *err);
/* How a run with this result (NULL = none) and outcome ends: completed, held, cancelled, failed. */
const char *result_state(const cJSON *result, int rc);
/* Ends a row of sync_logs with what the result says; of so many objects, so many well, and failed ones. */
int result_log(struct sync_run *run, int64_t log, const cJSON *result, int rc, int64_t processed, int64_t successful,
               int64_t failed, struct err *err);
/* phases_synced, elevations_synced, parts_lists_synced, parts_lists_failed, thumbnails_synced ... */
void result_add_counts(cJSON *result, const struct sync_counts *counts);

/* Text of a required argument (a text or a whole number) as malloc'ed text, or NULL and -ERR_INPUT's text in err. */
char *argument_text(const cJSON *args, const cJSON *kwargs, int index, const char *name, struct err *err);

#endif
