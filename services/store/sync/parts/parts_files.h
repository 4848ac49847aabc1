/* Files of parts lists by their content (parts_files): taking over what an earlier version stored elsewhere, reading a
 * file, sweeping what nobody has any more. */
#ifndef LOGIKALD_SERVICES_STORE_SYNC_PARTS_PARTS_FILES_H
#define LOGIKALD_SERVICES_STORE_SYNC_PARTS_PARTS_FILES_H

#include <stdint.h>
#include <libpq-fe.h>

#include "conf/text/buf.h"
#include "conf/err.h"

struct db;
struct packed;

/* The whole file, added to out: 0, -ERR_NOT_FOUND, -ERR_INPUT (what is stored is damaged), -ERR_NOMEM, -ERR_DB. */
int parts_file_load(struct db *db, const char *sha256, struct buf *out, struct err *err);

/* Elevation ids after `after` whose file is not in parts_files yet; ids: an array literal of the only ones that count,
 * NULL = all. NULL on an error. */
PGresult *parts_unmoved_ids(struct db *db, int64_t after, const char *ids, int limit, struct err *err);
/* One row: the bytes (binary) of such a file; no row when it was moved meanwhile. NULL on an error. */
PGresult *parts_unmoved_content(struct db *db, int64_t elevation_id, struct err *err);
/* Puts it in its place, as the elevation's first version, unless other bytes came meanwhile: one transaction. */
int parts_move(struct db *db, int64_t elevation_id, const struct packed *packed, struct err *err);

struct parts_swept {
    int64_t versions, lists, files, bytes;
};
/* Removes versions beyond the newest `versions` of an elevation, everything of elevations that vanished more than
 * vanished_days ago (0 = never), the files that nobody has any more, and bills that were made long ago. */
int parts_sweep(struct db *db, int versions, int vanished_days, struct parts_swept *swept, struct err *err);

#endif
