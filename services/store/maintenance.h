/* Housekeeping and a look at the state of what is served. */
#ifndef LOGIKALD_SERVICES_STORE_MAINTENANCE_H
#define LOGIKALD_SERVICES_STORE_MAINTENANCE_H

#include <stdint.h>
#include <libpq-fe.h>

#include "conf/err.h"

struct db;

struct cleanup_counts {
    int64_t sync_logs, sync_runs, api_logs, parsing_errors, leases, sessions, changes;
};
/* Removes what is older than days; what goes on is left alone. Each table is its own statement. */
int maintenance_cleanup(struct db *db, int days, struct cleanup_counts *counts, struct err *err);

/* Rows of object_type, age of the last sync in seconds (null = never), interval in minutes, staleness threshold in
 * minutes, is_sync_enabled, last_status, last_error, retry_count. NULL on an error. */
PGresult *maintenance_freshness(struct db *db, struct err *err);
/* One row: projects, elevations, parts lists, failed projects, parts lists waiting, parts lists that could not be read,
 * failed syncs of the last 24 hours, syncs running, the age of the oldest confirmed project in seconds (null = none).
 */
PGresult *maintenance_totals(struct db *db, struct err *err);

#endif
