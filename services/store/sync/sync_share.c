/* The list of a running sync's projects that several processes work off: each row is taken by one, under its lease, and
 * is free again when that lease is gone. See sync_share.h. */
#include "services/store/sync/sync_share.h"

#include "services/store/db/db.h"
#include "services/store/lease.h"
#include "services/store/sync/staging/sync_stage.h"

static int done(int64_t rows)
{
    return rows < 0 ? -ERR_DB : 0;
}

int64_t shares_publish(const struct stage *stage, int64_t run, bool with_files, struct err *err)
{
    struct db *db = stage->db;
    char id[DB_NUMBER_SIZE], stage_id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, run), with_files ? "t" : "f", db_number(stage_id, stage->id)};
    if (db_exec(db, err,
                "DELETE FROM sync_shares s WHERE s.run_id = $1::bigint"
                " OR NOT EXISTS (SELECT FROM sync_runs r WHERE r.id = s.run_id AND r.state = 'running')",
                1, values) < 0)
        return -ERR_DB;
    return db_exec(db, err,
                   "INSERT INTO sync_shares (run_id, seq, project_id, guid, chain, changed, needs_phases,"
                   "  needs_elevations, with_files)"
                   " SELECT $1::bigint, seq, project_id, guid, chain, changed, needs_phases, needs_elevations, $2::bool"
                   " FROM sync_stage_plan WHERE stage = $3::bigint",
                   3, values);
}

void shares_drop(struct db *db, int64_t run)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, run)};
    if (db_is_alive(db)) db_exec(db, NULL, "DELETE FROM sync_shares WHERE run_id = $1", 1, values);
}

PGresult *shares_take(struct db *db, int64_t run, const struct lease *holder, int limit, struct err *err)
{
    char id[DB_NUMBER_SIZE], token[DB_NUMBER_SIZE], limit_text[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, run), holder->name, db_number(token, holder->token),
                            db_number(limit_text, limit)};
    return db_query(db, err,
                    "WITH free AS (SELECT seq FROM sync_shares WHERE run_id = $1::bigint AND holder IS NULL"
                    "  ORDER BY seq LIMIT $4::integer FOR UPDATE SKIP LOCKED),"
                    " taken AS (UPDATE sync_shares s SET holder = $2, holder_token = $3::bigint FROM free"
                    "  WHERE s.run_id = $1::bigint AND s.seq = free.seq RETURNING s.*) "
                    "SELECT seq, project_id, guid, chain, changed, needs_phases, needs_elevations, with_files"
                    " FROM taken ORDER BY seq",
                    4, values);
}

int shares_forget(struct db *db, int64_t run, int64_t seq, struct err *err)
{
    char id[DB_NUMBER_SIZE], row[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, run), db_number(row, seq)};
    return done(db_exec(db, err, "DELETE FROM sync_shares WHERE run_id = $1 AND seq = $2", 2, values));
}

int shares_done(struct db *db, int64_t run, int64_t seq, const struct lease *holder, const char *counts,
                const char *errors, struct err *err)
{
    char id[DB_NUMBER_SIZE], row[DB_NUMBER_SIZE], token[DB_NUMBER_SIZE];
    const char *values[] = {
        db_number(id, run), db_number(row, seq), holder->name, db_number(token, holder->token), counts, errors};
    return done(db_exec(db, err,
                        "UPDATE sync_shares SET done_at = now(), counts = $5, errors = $6"
                        " WHERE run_id = $1 AND seq = $2 AND holder = $3 AND holder_token = $4",
                        6, values));
}

int shares_look(struct db *db, int64_t run, const struct lease *self, struct shares_state *out, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, run), self->name};
    PGresult *r = db_query(db, err,
                           "SELECT count(*) FILTER (WHERE holder IS NULL),"
                           " count(*) FILTER (WHERE holder <> $2 AND done_at IS NULL), count(done_at)"
                           " FROM sync_shares WHERE run_id = $1",
                           2, values);
    if (!r) return -ERR_DB;
    *out = (struct shares_state){.free = db_int(r, 0, 0), .in_work = db_int(r, 0, 1), .done = db_int(r, 0, 2)};
    PQclear(r);
    return 0;
}

PGresult *shares_holders(struct db *db, int64_t run, const struct lease *self, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, run), self->name};
    return db_query(db, err,
                    "SELECT DISTINCT s.holder, s.holder_token, coalesce(l.owner, ''),"
                    "  coalesce(l.token = s.holder_token AND l.expires_at > clock_timestamp(), false)"
                    " FROM sync_shares s LEFT JOIN leases l ON l.name = s.holder"
                    " WHERE s.run_id = $1 AND s.done_at IS NULL AND s.holder <> $2",
                    2, values);
}

int shares_free(struct db *db, int64_t run, const char *holder, const char *token, const char *owner, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *leases[] = {owner}, *values[] = {db_number(id, run), holder, token};
    if (*owner && db_exec(db, err, "UPDATE leases SET expires_at = '-infinity' WHERE owner = $1", 1, leases) < 0)
        return -ERR_DB;
    return done(db_exec(db, err,
                        "UPDATE sync_shares SET holder = NULL, holder_token = NULL"
                        " WHERE run_id = $1 AND holder = $2 AND holder_token = $3 AND done_at IS NULL",
                        3, values));
}

int64_t shares_collect(struct db *db, int64_t run, int64_t counts[], int n, struct buf *errors, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, run)};
    PGresult *r = db_query(db, err,
                           "WITH finished AS (DELETE FROM sync_shares WHERE run_id = $1 AND done_at IS NOT NULL"
                           "  RETURNING counts, errors),"
                           " sums AS (SELECT c.at, sum(c.value) AS value FROM finished,"
                           "  unnest(counts) WITH ORDINALITY AS c (value, at) GROUP BY c.at) "
                           "SELECT (SELECT count(*) FROM finished),"
                           " (SELECT string_agg(errors, E'\\n') FROM finished), at, value FROM sums"
                           " UNION ALL SELECT 0, NULL, 0, 0",
                           1, values);
    if (!r) return -ERR_DB;
    int64_t finished = 0;
    for (int i = 0; i < PQntuples(r); i++) {
        int64_t at = db_int(r, i, 2);
        if (at >= 1 && at <= n) counts[at - 1] += db_int(r, i, 3);
        if (db_int(r, i, 0) > 0 && finished == 0) {
            finished = db_int(r, i, 0);
            if (db_text(r, i, 1)) buf_str(errors, db_text(r, i, 1));
        }
    }
    PQclear(r);
    return finished;
}

static int query_bool(struct db *db, const char *sql, int64_t run, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, run)};
    PGresult *r = db_query(db, err, sql, 1, values);
    if (!r) return -ERR_DB;
    int is_true = PQntuples(r) && db_bool(r, 0, 0);
    PQclear(r);
    return is_true;
}

int shares_run_lives(struct db *db, int64_t run, struct err *err)
{
    return query_bool(db,
                      "SELECT EXISTS (SELECT FROM sync_runs r JOIN leases l ON l.name = r.scope"
                      " WHERE r.id = $1 AND r.state = 'running' AND l.expires_at > clock_timestamp())",
                      run, err);
}

int shares_has_free(struct db *db, int64_t run, struct err *err)
{
    return query_bool(db, "SELECT EXISTS (SELECT FROM sync_shares WHERE run_id = $1 AND holder IS NULL)", run, err);
}
