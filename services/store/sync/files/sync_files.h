/* Thumbnails and parts lists: which ones are missing or belong to an older version, and storing them. What
 * failed is noted with the version that it was asked for, and asked for again later. */
#ifndef LOGIKALD_SERVICES_STORE_SYNC_FILES_SYNC_FILES_H
#define LOGIKALD_SERVICES_STORE_SYNC_FILES_SYNC_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <libpq-fe.h>

#include "conf/err.h"

struct db;
struct lease;
struct packed;

/* The elevations of a project that want a file (sync_files_sql.h) in this run, after a position (phase_id, id; 0, 0 =
 * from the start): phase_id, id, logikal_id, phase's logikal_id, version_id, changed (epoch), wants a thumbnail, wants
 * a parts list, size of the former parts list, whether there is a good parts list, whether it is of this very version,
 * its sha256 where its file is in parts_files, the elevation's name. NULL on an error. */
PGresult *files_wanted(struct db *db, int64_t run, int64_t project_id, int64_t after_phase, int64_t after_id,
                       bool thumbnails, bool parts_lists, int limit, struct err *err);

struct file_row {
    int64_t elevation_id;
    const char *version_id; /* of the elevation when it was asked for; NULL = none */
    int64_t changed_s;      /* 0 = none */
    const void *bytes;      /* NULL: there is none, see error */
    size_t len;
    const char *type;      /* Content-Type */
    const char *error;     /* why there is none */
    int64_t refused_limit; /* of a parts list that was too large: the largest that is taken; 0 = it was not */
};
/* 0; 1 when the content is what was stored before; -ERR_CONFLICT when the lease was lost; -ERR_DB. */
int file_store_thumbnail(struct db *db, const struct lease *lease, const struct file_row *file, struct err *err);
/* The same for a parts list, whose bytes are packed's (NULL = there is none); has_file: its file is in parts_files, and
 * is not sent. A new content sets the elevation's parse_status to pending, and begins a new version. invalid: it was
 * verified and refused, then parse_status is validation_failed and the text is kept as parse_error. */
int file_store_parts(struct db *db, const struct lease *lease, const struct file_row *file, const struct packed *packed,
                     bool has_file, int64_t run, const char *invalid, struct err *err);

/* The file could not be had: what is there stays, file->error is kept (of a parts list also as the elevation's
 * parse_error), and it is asked for again after a growing delay; free: how many failures in a row wait for nothing but
 * the next sync. */
int file_store_failure(struct db *db, const struct lease *lease, bool is_parts, const struct file_row *file, int free,
                       struct err *err);

/* Parts lists up to this many bytes are taken from now on: what was refused by a smaller limit is asked for again. */
int files_limit(struct db *db, int64_t limit, struct err *err);

#endif
