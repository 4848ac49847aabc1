/* Housekeeping of the journal of changes: what is old goes, and a restored database begins a new epoch. */
#include "services/store/journal.h"

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

int journal_check_epoch(struct db *db, struct err *err)
{
    int64_t rows = db_exec(db, err,
                           "UPDATE changes_state s SET epoch = s.epoch + 1 WHERE EXISTS (SELECT FROM changes c"
                           " WHERE c.epoch = s.epoch AND c.xid >= pg_snapshot_xmax(pg_current_snapshot()))",
                           0, NULL);
    return rows < 0 ? -ERR_DB : rows > 0;
}
