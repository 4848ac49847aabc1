/* Rows of JSON as CSV after RFC 4180: a line of names, then a line each, ended by CRLF. Text that a spreadsheet would
 * take for a formula (it begins with =, +, -, @, a tab or a carriage return) gets an apostrophe before it. */
#ifndef LOGIKALD_SERVICES_WEB_CACHE_CSV_H
#define LOGIKALD_SERVICES_WEB_CACHE_CSV_H

#include "conf/text/buf.h"

/* columns: names split by commas. */
void csv_add_head(struct buf *out, const char *columns);
/* lines: JSON objects, one a line, split by ",\n". Nothing is null, lists and objects stand as JSON. False when
 * something is no JSON object, or there is no memory. */
bool csv_add_rows(struct buf *out, const char *columns, const char *lines);
/* The same with its head of rows whose members are not known before, one a line (NDJSON): names is an object with the
 * members that each row has, in the same order. */
bool csv_add_unnamed(struct buf *out, const char *names, const char *lines);

#endif
