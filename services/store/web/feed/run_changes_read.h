/* What a run of the sync has changed, from the journal. */
#ifndef LOGIKALD_SERVICES_STORE_WEB_FEED_RUN_CHANGES_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_FEED_RUN_CHANGES_READ_H

#include "services/store/db/pool.h"

/* (run, type or NULL, operation or NULL, cursor of the last one of the page before or NULL, limit): one row with one
 * column, {run, is_whole, totals, types, error_count, errors, changes, next}; no row: there is no such run. */
extern const struct query query_run_changes;

#endif
