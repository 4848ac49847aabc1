/* A file of a parts list as SQLite reads it: a file system of one file that is in memory, read-only. The file behind a
 * connection that stands can be another one: SQLite notices by the change counter, which is served as another number
 * for each, and drops what it holds of the pages. Write-ahead logs there are none: a file in WAL mode is served as one
 * with a rollback journal.
 *
 * What a connection reads while it reads the schema is written down. A schema is nothing but a function of these bytes:
 * a file in which they are the same has the same schema (image_file_is_alike). */
#ifndef LOGIKALD_SERVICES_PARTS_IMAGE_FILE_H
#define LOGIKALD_SERVICES_PARTS_IMAGE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sqlite3.h>

#include "conf/err.h"

struct unframer;

/* Either its bytes, or what unpacks them as they are asked for. They must outlive their use. */
struct image_source {
    const void *bytes;
    size_t len;
    struct unframer *frames;
};

#define IMAGE_HEADER 100 /* bytes of a SQLite file's header */

struct image_file; /* the connection's file */

/* A connection with this file behind it, NULL without memory. *file lives as long as the connection. */
sqlite3 *image_file_connect(const struct image_source *source, struct image_file **file);
/* Sets the file behind the connection, NULL = none; no statement is under way. */
void image_file_set(struct image_file *file, const struct image_source *source);
/* How long reading waited for the database. */
int64_t image_file_waited_ms(const struct image_file *file);
/* Why the last read failed, when it was no matter of SQLite's; NULL = it did not. */
const struct err *image_file_error(const struct image_file *file);

int image_source_read(const struct image_source *source, size_t offset, void *out, size_t n, struct err *err);
/* The pages of a file of at least a header, by the header and by its size alike; 0 = they do not agree. */
uint32_t image_source_pages(const struct image_source *source);

/* Writes down what is read from now on until the end. false: it was more than is kept, or something could not be read.
 */
void image_file_note_begin(struct image_file *file);
bool image_file_note_end(struct image_file *file);
/* Are all bytes that were written down the same in this source? But for those of the header that tell nothing about a
 * schema: how often it was changed, how many pages it has, and which are free. */
bool image_file_is_alike(const struct image_file *file, const struct image_source *source);

#endif
