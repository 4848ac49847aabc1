/* A SQLite file in memory that a stranger wrote: opened read-only from its bytes, with everything switched off that it
 * does not need (no disk, no attach, no extensions, no views, no triggers, no functions of its schema), with limits on
 * sizes, and with a deadline after which every statement is interrupted. */
#ifndef LOGIKALD_SERVICES_PARTS_IMAGE_H
#define LOGIKALD_SERVICES_PARTS_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sqlite3.h>

#include "conf/err.h"

#define PARTS_BYTES_MAX (24 * 1024 * 1024) /* unless image_limit says otherwise */
#define PARTS_TIME_MS   5000

struct image {
    sqlite3 *db;
    unsigned char *copy; /* of bytes, when they had to be changed; else NULL */
    int64_t deadline_ms;
    bool is_utf8;       /* its texts, as the file says */
    bool has_failed;    /* a statement did: the connection is not used again */
    bool has_no_memory; /* something could not be read for lack of memory, which says nothing about the file */
};

/* The bytes must outlive the image. 0; -ERR_LIMIT when it is too large; -ERR_INPUT when it is no SQLite file;
 * -ERR_NOMEM. */
int image_open(struct image *image, const void *bytes, size_t len, struct err *err);
/* A file's bytes that are one's own, made so that image_open needs no copy of them: in memory there is no write-ahead
 * log.
 */
void image_without_wal(char *bytes, size_t len);
void image_close(struct image *image); /* zero or closed is fine */
/* The largest file that is opened from now on, by this process. */
void image_limit(size_t bytes);
void image_forget(void); /* closes the connection that is kept for the next file */

bool image_has_table(struct image *image, const char *table);
bool image_has_column(struct image *image, const char *table, const char *column);

/* A prepared statement, or NULL with err. The caller finalizes it. */
sqlite3_stmt *image_prepare(struct image *image, const char *sql, struct err *err);
/* 1 = a row, 0 = no more, or -ERR_INPUT, -ERR_TIMEOUT, -ERR_NOMEM. */
int image_step(struct image *image, sqlite3_stmt *statement, struct err *err);

#endif
