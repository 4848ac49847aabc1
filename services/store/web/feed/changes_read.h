/* The journal of changes, read by cursor. Order and cursor are those of 0100_changes.sql; nothing that a running
 * transaction could still put before it is ever shown. Statements for pool_query; all parameters are text. */
#ifndef LOGIKALD_SERVICES_STORE_WEB_FEED_CHANGES_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_FEED_CHANGES_READ_H

#include "services/store/db/pool.h"

/* (epoch, xid, seq, item, types split by commas or NULL, Logikal ids or row ids of projects split by commas or NULL,
 * object's row id or NULL, at most, the snapshot that the reader has as text or NULL) -> one row: is the cursor older
 * than what is kept, is it newer than anything, how many, is there more, the cursor to go on from, the changes as JSON
 * objects, a line each; is the database another one than before: query_changes_settle comes first then; has
 * all ended by now that the reader's snapshot ran beside, and been told. */
extern const struct query query_changes_page;
/* (Logikal ids or row ids of projects split by commas) -> those of which neither table nor journal has heard, or NULL
 */
extern const struct query query_changes_unknown;
/* () -> "epoch-xid-seq-item", the end of what can be seen; whether query_changes_settle comes first. */
extern const struct query query_changes_head;
/* () -> why the epoch ends with it (a standby took over, it was restored), or "" */
extern const struct query query_changes_settle;
/* () -> the same; notes how far readers may have come without losing anything by a fail-over from now on. */
extern const struct query query_changes_mark;
/* () -> the newest block that can be seen, as text: differs when there is something new. */
extern const struct query query_changes_newest;
/* () -> seconds that the first change that is committed and cannot be seen yet has waited, and from 1 s on the
 * transaction that it waits for, in words; whether there is something to mark; how many epochs have ended, and when the
 * last one did, within the last hour (or ""). */
extern const struct query query_changes_lag;

#endif
