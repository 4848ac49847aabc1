/* The list of a running sync's projects that several processes work off: each row is taken by one, under its lease, and
 * is free again when that lease is gone. */
#ifndef LOGIKALD_SERVICES_STORE_SYNC_SYNC_SHARE_H
#define LOGIKALD_SERVICES_STORE_SYNC_SYNC_SHARE_H

#include <stdbool.h>
#include <stdint.h>
#include <libpq-fe.h>

#include "conf/text/buf.h"
#include "conf/err.h"

struct db;
struct lease;
struct stage;

/* Makes the list of a run from its plan (sync_tree.h): how many rows, or -ERR_DB. */
int64_t shares_publish(const struct stage *stage, int64_t run, bool with_files, struct err *err);
void shares_drop(struct db *db, int64_t run);

/* Takes up to limit free rows, in order: seq, project row id, GUID, chain, changed (epoch or null), needs_phases,
 * needs_elevations, with_files. NULL on an error. */
PGresult *shares_take(struct db *db, int64_t run, const struct lease *holder, int limit, struct err *err);
/* The leader is done with a row. */
int shares_forget(struct db *db, int64_t run, int64_t seq, struct err *err);
/* A helper is; counts is an array literal. It does nothing when the row is not the helper's any more. */
int shares_done(struct db *db, int64_t run, int64_t seq, const struct lease *holder, const char *counts,
                const char *errors, struct err *err);

struct shares_state {
    int64_t free, in_work, done; /* in_work and done: of all others than self */
};
int shares_look(struct db *db, int64_t run, const struct lease *self, struct shares_state *out, struct err *err);
/* Who else has rows in work: holder, its token, the owner of its lease, whether that lease is in force. */
PGresult *shares_holders(struct db *db, int64_t run, const struct lease *self, struct err *err);
/* Frees the rows of a holder that is gone, and ends what leases its owner ("" = unknown) still has. */
int shares_free(struct db *db, int64_t run, const char *holder, const char *token, const char *owner, struct err *err);
/* Adds up the counts of the rows that others have done, and removes those: how many, or -ERR_DB. */
int64_t shares_collect(struct db *db, int64_t run, int64_t counts[], int n, struct buf *errors, struct err *err);

/* Is the run going on, under a lease in force? With rows that are free? 1, 0 or -ERR_DB. */
int shares_run_lives(struct db *db, int64_t run, struct err *err);
int shares_has_free(struct db *db, int64_t run, struct err *err);

#endif
