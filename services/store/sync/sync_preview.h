/* A sync that only looks: see migrations/0142_preview_names.sql. */
#ifndef LOGIKALD_SERVICES_STORE_SYNC_SYNC_PREVIEW_H
#define LOGIKALD_SERVICES_STORE_SYNC_SYNC_PREVIEW_H

#include <libpq-fe.h>

#include "conf/err.h"

struct db;

/* From now on what this connection writes is its own and gone with it, and PostgreSQL lets it write nothing else. 0, or
 * negative: behind a pooler, where the next transaction may have another session, it cannot be. */
int preview_begin(struct db *db, struct err *err);
/* What would have changed: one row with one column, {totals, types, changes (the first 500), is_cut}. NULL on an error.
 */
PGresult *preview_changes(struct db *db, struct err *err);

#endif
