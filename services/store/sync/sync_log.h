/* What was synced, for people and for /metrics: runs in progress (sync_runs), rows of sync_logs, counters, histograms.
 */
#ifndef LOGIKALD_SERVICES_STORE_SYNC_SYNC_LOG_H
#define LOGIKALD_SERVICES_STORE_SYNC_SYNC_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/err.h"

struct db;
struct task_ctx;

/* A run: begin gives its id, progress may be called often, end keeps the result (JSON text or NULL) for who joined. */
int64_t sync_run_begin(struct db *db, const char *scope, const struct task_ctx *ctx, const char *asks, bool is_forced,
                       struct err *err);
int sync_run_progress(struct db *db, int64_t run, int64_t current, int64_t total, const char *status, struct err *err);
/* What the run has tried in vain for trouble_ms; NULL = nothing. */
int sync_run_trouble(struct db *db, int64_t run, const char *trouble, int64_t trouble_ms, struct err *err);
int sync_run_end(struct db *db, int64_t run, const char *state, const char *result, struct err *err);
/* Runs of a scope that never ended because their process died; called by the scope's new holder. */
int sync_run_abandon(struct db *db, const char *scope, struct err *err);
/* 1, 0 or -ERR_DB. */
int sync_run_is_forced(struct db *db, int64_t run, struct err *err);

/* The newest run of a scope that is going on, 0 when there is none; and what became of a run: its state ("running",
 * "completed" ...) and its result as JSON text, malloc'ed (NULL when there is none). */
int64_t sync_run_current(struct db *db, const char *scope, const char *asks, bool is_forced, struct err *err);
int sync_run_look(struct db *db, int64_t run, char state[16], char **result, struct err *err);

/* A row of sync_logs. begin: status 'started'. end: 'completed', 'failed' or 'cancelled'. */
struct log_end {
    const char *status, *message, *error; /* error: NULL = none */
    int64_t processed, successful, failed, skipped;
    int64_t duration_ms;
};
int64_t sync_log_begin(struct db *db, const char *sync_type, const char *task_id, int64_t project_id, struct err *err);
int sync_log_end(struct db *db, int64_t log, const struct log_end *end, struct err *err);

/* Adds to the counters of a type; outcome is 'synced', 'skipped', 'failed' or 'vanished'. Zero adds nothing. */
int sync_counter_add(struct db *db, const char *type, const char *outcome, int64_t n, struct err *err);
int sync_duration_add(struct db *db, const char *type, int64_t duration_ms, struct err *err);

#endif
