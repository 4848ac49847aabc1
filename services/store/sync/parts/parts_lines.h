/* Storing the lines that were read from files. For parts_store.c. */
#ifndef LOGIKALD_SERVICES_STORE_SYNC_PARTS_PARTS_LINES_H
#define LOGIKALD_SERVICES_STORE_SYNC_PARTS_PARTS_LINES_H

#include "services/store/sync/parts/parts_store.h"

/* Of all items with is_stored, within the caller's transaction: lines and tables of their files, and in their versions
 * whose they are. 0 or negative. */
int parts_lines_store(struct db *db, struct parts_item *items, int n, int reader, struct err *err);

#endif
