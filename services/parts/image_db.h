/* Connections to files of parts lists, kept from file to file with the schema that they have read and the statements
 * that were prepared by it: both are half of what reading a file costs, and files of one system have the same schema.
 * A connection serves another file only when all the bytes are the same that it made its schema of, and after a file
 * with which nothing went wrong: a hostile one takes its connection with it.
 *
 * One thread at a time of a process reads files. */
#ifndef LOGIKALD_SERVICES_PARTS_IMAGE_DB_H
#define LOGIKALD_SERVICES_PARTS_IMAGE_DB_H

#include <stdbool.h>
#include <stdint.h>
#include <sqlite3.h>

#include "services/parts/image_file.h"

struct image_db;

/* A connection with the source behind it, all of whose statements end at the deadline (mono_ms), which is looked at
 * until the connection is given back; NULL without memory. */
struct image_db *image_db_take(const struct image_source *source, const int64_t *deadline_ms);
/* How many schemas this process has read. */
int64_t image_db_schemas(void);
/* Lets go of the source. is_well: nothing went wrong, and the connection may serve another file. */
void image_db_give(struct image_db *d, bool is_well);
void image_db_forget(void); /* closes those that are kept */

bool image_db_is_late(const struct image_db *d); /* by its deadline; waiting for the database does not count */
sqlite3 *image_db_handle(const struct image_db *d);
const struct err *image_db_error(const struct image_db *d); /* image_file_error */
/* A statement of this text at its beginning, NULL = it cannot be prepared: image_db_release it. */
sqlite3_stmt *image_db_prepare(struct image_db *d, const char *sql);
void image_db_release(struct image_db *d, sqlite3_stmt *statement); /* NULL is fine */

#endif
