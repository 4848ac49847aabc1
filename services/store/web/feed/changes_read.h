/* The journal of changes, read by cursor. Order and cursor are those of 0100_changes.sql; nothing that a running
 * transaction could still put before it is ever shown. Statements for pool_query; all parameters are text. */
#ifndef LOGIKALD_SERVICES_STORE_WEB_FEED_CHANGES_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_FEED_CHANGES_READ_H

#include "services/store/db/pool.h"

/* (epoch, xid, seq, item, types split by commas or NULL, Logikal ids or row ids of projects split by commas or NULL,
 * object's row id or NULL, at most, the snapshot that the reader has as text or NULL) -> one row: is the cursor older
 * than what is kept, is it newer than anything, how many, is there more, the cursor to go on from, the changes as JSON
 * objects, a line each. */
extern const struct query query_changes_page;
/* (Logikal ids or row ids of projects split by commas) -> those of which neither table nor journal has heard, or NULL
 */
extern const struct query query_changes_unknown;
/* () -> "epoch-xid-seq-item": below it everything can be seen. */
extern const struct query query_changes_head;
/* () -> the newest block that can be seen, as text: differs when there is something new. */
extern const struct query query_changes_newest;
/* () -> seconds that the first change that is committed and cannot be seen yet has waited, and from 1 s on the
 * transaction that it waits for, in words. */
extern const struct query query_changes_lag;

#endif
