/* Drawings of elevations in the database, for the task that fetches one. */
#ifndef LOGIKALD_SERVICES_STORE_SYNC_FILES_SYNC_DRAWING_H
#define LOGIKALD_SERVICES_STORE_SYNC_FILES_SYNC_DRAWING_H

#include <stddef.h>
#include <stdint.h>
#include <libpq-fe.h>

#include "conf/err.h"

struct db;
struct lease;

/* Where the elevation is upstream: its directory's chain, project, phase and its own identifier (as the upstream spells
 * them), its name, version_id, changed (epoch), and whether somebody waits for its drawing. No row: there is no such
 * elevation (any more). NULL on an error. */
PGresult *drawing_place(struct db *db, int64_t elevation_id, struct err *err);

struct drawing_row {
    int64_t elevation_id;
    const char *version_id; /* of the elevation when it was asked for; NULL = none */
    int64_t changed_s;      /* 0 = none */
    const void *bytes;      /* NULL: there is none, see error */
    size_t len;
    const char *type;               /* Content-Type */
    const char *error, *error_code; /* why there is none; a former drawing stays */
};
/* Nobody is at it any more. 0; -ERR_CONFLICT when the lease was lost; -ERR_DB. */
int drawing_store(struct db *db, const struct lease *lease, const struct drawing_row *drawing, struct err *err);

/* Drops what was fetched more than days ago (0 = nothing), of vanished elevations what vanished more than vanished_days
 * ago (0 = nothing), and what is only a failure of the day before. How many, or -ERR_DB. */
int64_t drawings_sweep(struct db *db, int days, int vanished_days, struct err *err);

#endif
