/* Which tables and columns the migrations make, read from their own text; and whether those in the database are they.
 * A shared database may have tables of our names that are somebody else's. */
#ifndef LOGIKALD_SERVICES_STORE_SHAPE_H
#define LOGIKALD_SERVICES_STORE_SHAPE_H

#include <stdbool.h>

#include "conf/text/buf.h"
#include "conf/err.h"

struct db;

/* What a migration (a path of embedded_migrations, NULL = all of them) makes, as two array literals of the same length:
 * tables, columns. only_created: without the columns that it adds to tables made before. */
void shape_of(const char *path, bool only_created, struct buf *tables, struct buf *columns);

/* One row for each table that is there and lacks columns ($1 tables, $2 columns): its name with the schema, the
 * columns. */
extern const char shape_sql[];
/* What such a row means, in words with what to do. */
void shape_say(const char *table, const char *columns, char *out, unsigned size);

/* 0 when every table of path (as shape_of) that is there is ours, else -ERR_CONFIG with the first that is not. */
int shape_check(struct db *db, const char *path, bool only_created, struct err *err);

#endif
