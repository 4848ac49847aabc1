/* Housekeeping of the journal of changes: what is old goes, and a database that is another one than before begins a
 * new epoch. */
#include "services/store/journal.h"

#include <stdio.h>

#include "services/store/db/db.h"

int64_t journal_prune(struct db *db, int days, struct err *err)
{
    char text[DB_NUMBER_SIZE];
    const char *values[] = {db_number(text, days)};
    /* In one statement: the mark and the rows go together. Blocks of a transaction that still runs are never old. */
    PGresult *r = db_query(db, err,
                           "WITH gone AS (DELETE FROM changes WHERE at < now() - $1::integer * interval '1 day'"
                           "   RETURNING epoch, xid, seq),"
                           " marked AS (UPDATE changes_state s SET pruned_epoch = g.epoch, pruned_xid = g.xid,"
                           "   pruned_seq = g.seq, pruned_at = now() FROM (SELECT epoch, xid, seq FROM gone"
                           "   ORDER BY epoch DESC, xid DESC, seq DESC LIMIT 1) g"
                           "  WHERE (g.epoch, g.xid, g.seq) > (s.pruned_epoch, s.pruned_xid, s.pruned_seq))"
                           " SELECT count(*) FROM gone",
                           1, values);
    int64_t count = r ? db_int(r, 0, 0) : -ERR_DB;
    PQclear(r);
    return count;
}

int journal_settle(struct db *db, char *why, size_t size, struct err *err)
{
    PGresult *r = db_query(db, err, "SELECT changes_settle()", 0, NULL);
    if (!r) return -ERR_DB;
    snprintf(why, size, "%s", db_text(r, 0, 0));
    PQclear(r);
    return *why != 0;
}
