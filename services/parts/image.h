/* A SQLite file in memory that a stranger wrote: read-only, with everything switched off that it does not need (no
 * disk, no attach, no extensions, no views, no triggers, no functions of its schema), with limits on sizes, and with a
 * deadline after which every statement is interrupted. */
#ifndef LOGIKALD_SERVICES_PARTS_IMAGE_H
#define LOGIKALD_SERVICES_PARTS_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sqlite3.h>

#include "conf/err.h"

#define PARTS_BYTES_MAX (24 * 1024 * 1024) /* unless image_limit says otherwise */
#define PARTS_TIME_MS   5000

struct image_db;
struct unframer;

struct image {
    struct image_db *db;
    int64_t deadline_ms;
    bool has_failed;    /* a statement did: the connection is not used again */
    bool has_no_memory; /* something could not be read for lack of memory, which says nothing about the file */
    bool is_cut_off;    /* the database did not give what was asked for, likewise */
};

/* The bytes must outlive the image, which stays where it is. 0; -ERR_LIMIT when it is too large; -ERR_INPUT when it is
 * no SQLite file; -ERR_NOMEM. */
int image_open(struct image *image, const void *bytes, size_t len, struct err *err);
/* The same of a packed file (unframer_open), unpacked as far as it is read. */
int image_open_frames(struct image *image, struct unframer *frames, struct err *err);
void image_close(struct image *image); /* zero or closed is fine; all statements are released before */
/* The largest file that is opened from now on, by this process. */
void image_limit(size_t bytes);
void image_forget(void); /* closes the connections that are kept for the next files */

const char *image_cut_off(const struct image *image); /* how the database said so */
bool image_is_late(const struct image *image);        /* reading it takes longer than it may */
bool image_has_table(struct image *image, const char *table);
bool image_has_column(struct image *image, const char *table, const char *column);
bool image_is_memory_short(const struct image *image); /* the last call failed for lack of it */

/* A statement at its beginning, or NULL with err: image_release it. What differs from file to file is bound, so that
 * the same text serves all. */
sqlite3_stmt *image_prepare(struct image *image, const char *sql, struct err *err);
void image_release(struct image *image, sqlite3_stmt *statement); /* NULL is fine */
/* 1 = a row, 0 = no more, or -ERR_INPUT, -ERR_TIMEOUT, -ERR_NOMEM. */
int image_step(struct image *image, sqlite3_stmt *statement, struct err *err);

#endif
