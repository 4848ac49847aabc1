/* Parts lists of a test's own: made by SQLite, stored as the version before did, read by the real parser. */
#ifndef LOGIKALD_TESTS_SUPPORT_PARTS_PARTS_LISTS_H
#define LOGIKALD_TESTS_SUPPORT_PARTS_PARTS_LISTS_H

#include <sqlite3.h>

#include "tests/support/web.h"

/* The bytes of a file made by these statements; sqlite3_free them. Fails the test when one of them is wrong. */
unsigned char *parts_list_make(const char *tables, const char *rows, sqlite3_int64 *size);
/* Puts it beside the elevation as one that waits to be taken over and read. */
void parts_list_store(struct web_server *web, int elevation, const unsigned char *bytes, sqlite3_int64 size);
void parts_list_store_rows(struct web_server *web, int elevation, const char *tables, const char *rows);
/* One of the reader's own tables, with these rows, in place of what the elevation has, as if it had come from the
 * upstream. */
void parts_list_replace(struct pg_server *pg, int elevation, const char *rows);
/* Has them read; args as JSON: "[[1,2],true]" are elevations, and true that they are read again. */
void parts_list_read(struct web_server *web, const char *args);
/* The same, which may fail: its exit status. */
int parts_list_try(struct web_server *web, const char *args);

#endif
