/* Runs of the sync beside each other, and what failed in one. Statements for pool_query; each answers one row with one
 * column, the JSON that a template sees. All parameters are text, NULL or "" = absent. */
#ifndef LOGIKALD_SERVICES_STORE_UI_UI_RUNS_H
#define LOGIKALD_SERVICES_STORE_UI_UI_RUNS_H

#include "services/store/db/pool.h"

/* (before id, limit) {runs: [{id, scope, state, is_forced, started_at, ms, message, created, changed, vanished,
 * failed}] newest first, columns: [{id, started_at}], types: [{type, name, cells: [{run, status, ms, height, objects,
 * failed, error}]}] oldest first, a cell for each run; without status: the run had nothing to do with the type, older}.
 * Height: 1 to 9, by the logarithm of the time that it took. Runs in which nothing was due are left out. */
extern const struct query ui_query_run_grid;
/* (run id) [{id, name, error, failures, failed_at}]: projects that failed during the run and were not read since */
extern const struct query ui_query_run_failed;

#endif
