/* Housekeeping of the journal of changes (migrations/0100_changes.sql). */
#ifndef LOGIKALD_SERVICES_STORE_JOURNAL_H
#define LOGIKALD_SERVICES_STORE_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "conf/err.h"

struct db;

/* The log's word of it: why. */
#define JOURNAL_IS_ANOTHER                                                                                             \
    "PostgreSQL is another one than before: %s. What was committed last may be gone: readers of the feed who had "     \
    "come "                                                                                                            \
    "further than what is surely still there get 410, webhooks a gap, and they read all anew"

/* Removes what is older than days and notes how far, so that a reader that missed it is told. How many blocks, or
 * negative. */
int64_t journal_prune(struct db *db, int days, struct err *err);
/* When a standby has taken over, or the database was restored, what was committed last may be gone and transaction
 * numbers are used anew: a new epoch begins. 1 with why, 0, or negative. */
int journal_settle(struct db *db, char *why, size_t size, struct err *err);

#endif
