/* The rows of any table of a parts list, as they are: for who asks for one that is not among the stored lines. Like all
 * that opens a file, for a confined process alone. */
#ifndef LOGIKALD_SERVICES_PARTS_TABLE_H
#define LOGIKALD_SERVICES_PARTS_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "conf/text/buf.h"
#include "conf/err.h"

/* Adds a line of JSON ({"column": value, ...}, a BLOB as {"bytes": n}) for each of limit rows from the first one (0)
 * on, in the table's order; names (or NULL) gets the columns likewise, all of them null. How many there were;
 * -ERR_NOT_FOUND: there is no such table; -ERR_INPUT, -ERR_TIMEOUT, -ERR_LIMIT (the file, or out, is too large),
 * -ERR_NOMEM. */
int64_t parts_table_rows(const void *bytes, size_t len, const char *table, int64_t first, int64_t limit,
                         struct buf *names, struct buf *out, struct err *err);

#endif
