/* Housekeeping of the journal of changes (migrations/0100_changes.sql). */
#ifndef LOGIKALD_SERVICES_STORE_JOURNAL_H
#define LOGIKALD_SERVICES_STORE_JOURNAL_H

#include <stdint.h>

#include "conf/err.h"

struct db;

/* Removes what is older than days and notes how far, so that a reader that missed it is told. How many blocks, or
 * negative. */
int64_t journal_prune(struct db *db, int days, struct err *err);
/* After a restore from a dump, transaction numbers begin anew below those of the journal: a new epoch begins then. 1 if
 * so, 0, or negative. */
int journal_check_epoch(struct db *db, struct err *err);

#endif
