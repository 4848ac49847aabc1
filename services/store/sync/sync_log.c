/* What was synced, for people and for /metrics: runs in progress (sync_runs), rows of sync_logs, counters, histograms.
 * See sync_log.h. */
#include "services/store/sync/sync_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/task.h"
#include "services/store/db/db.h"

static int64_t returned_id(struct db *db, const char *sql, int n, const char *const *values, struct err *err)
{
    PGresult *r = db_query(db, err, sql, n, values);
    if (!r) return -ERR_DB;
    int64_t id = PQntuples(r) ? db_int(r, 0, 0) : 0;
    PQclear(r);
    return id;
}

static int done(int64_t rows)
{
    return rows < 0 ? -ERR_DB : 0;
}

int64_t sync_run_begin(struct db *db, const char *scope, const struct task_ctx *ctx, const char *asks, bool is_forced,
                       struct err *err)
{
    const char *values[] = {scope, ctx->id, ctx->name, is_forced ? "t" : "f", asks};
    return returned_id(db,
                       "INSERT INTO sync_runs (scope, task_id, task_name, is_forced, asks, status)"
                       " VALUES ($1, $2, $3, $4, $5, 'starting') RETURNING id",
                       5, values, err);
}

int sync_run_progress(struct db *db, int64_t run, int64_t current, int64_t total, const char *status, struct err *err)
{
    char id[DB_NUMBER_SIZE], now[DB_NUMBER_SIZE], all[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, run), db_number(now, current), db_number(all, total), status};
    return done(db_exec(db, err,
                        "UPDATE sync_runs SET current = $2, total = $3, status = $4, updated_at = now() WHERE id = $1",
                        4, values));
}

int sync_run_trouble(struct db *db, int64_t run, const char *trouble, int64_t trouble_ms, struct err *err)
{
    char id[DB_NUMBER_SIZE], ms[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, run), trouble, db_number(ms, trouble_ms)};
    return done(db_exec(db, err,
                        "UPDATE sync_runs SET trouble = $2, updated_at = now(), trouble_since = CASE WHEN $2::text IS "
                        "NULL THEN NULL ELSE now() - $3 * interval '1 millisecond' END WHERE id = $1",
                        3, values));
}

int sync_run_end(struct db *db, int64_t run, const char *state, const char *result, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, run), state, result};
    return done(db_exec(db, err,
                        "UPDATE sync_runs SET state = $2, result = $3::jsonb, updated_at = now(), finished_at = now(),"
                        " status = $2, current = CASE WHEN $2 = 'completed' THEN total ELSE current END WHERE id = $1",
                        3, values));
}

int sync_run_abandon(struct db *db, const char *scope, struct err *err)
{
    const char *values[] = {scope};
    return done(db_exec(db, err,
                        "UPDATE sync_runs SET state = 'failed', status = 'its process died', finished_at = now(),"
                        " updated_at = now() WHERE scope = $1 AND state = 'running'",
                        1, values));
}

int sync_run_is_forced(struct db *db, int64_t run, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, run)};
    return (int)returned_id(db, "SELECT 1 FROM sync_runs WHERE id = $1 AND is_forced", 1, values, err);
}

int64_t sync_run_current(struct db *db, const char *scope, const char *asks, bool is_forced, struct err *err)
{
    const char *values[] = {scope, asks, is_forced ? "t" : "f"};
    return returned_id(db,
                       "SELECT id FROM (SELECT * FROM sync_runs WHERE scope = $1 AND state = 'running'"
                       "  ORDER BY id DESC LIMIT 1) r"
                       " WHERE (r.is_forced OR NOT $3::bool) AND (r.asks = $2 OR (r.asks = 'all' AND $2 IN"
                       "  ('directory', 'project', 'phase', 'elevation')))",
                       3, values, err);
}

int sync_run_look(struct db *db, int64_t run, char state[16], char **result, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, run)};
    *result = NULL;
    snprintf(state, 16, "failed");
    PGresult *r = db_query(db, err, "SELECT state, result FROM sync_runs WHERE id = $1", 1, values);
    if (!r) return -ERR_DB;
    int rc = 0;
    if (PQntuples(r)) {
        snprintf(state, 16, "%s", db_text(r, 0, 0));
        if (db_text(r, 0, 1) && !(*result = strdup(db_text(r, 0, 1)))) rc = err_set(err, ERR_NOMEM, "no memory");
    }
    PQclear(r);
    return rc;
}

int64_t sync_log_begin(struct db *db, const char *sync_type, const char *task_id, int64_t project_id, struct err *err)
{
    char project[DB_NUMBER_SIZE];
    const char *values[] = {sync_type, task_id, project_id ? db_number(project, project_id) : NULL};
    return returned_id(db,
                       "INSERT INTO sync_logs (sync_type, status, message, task_id, project_id)"
                       " VALUES ($1, 'started', 'started', $2, $3) RETURNING id",
                       3, values, err);
}

int sync_log_end(struct db *db, int64_t log, const struct log_end *end, struct err *err)
{
    char id[DB_NUMBER_SIZE], counts[5][DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, log),
                            end->status,
                            end->message,
                            end->error,
                            db_number(counts[0], end->processed),
                            db_number(counts[1], end->successful),
                            db_number(counts[2], end->failed),
                            db_number(counts[3], end->skipped),
                            db_number(counts[4], end->duration_ms)};
    return done(
        db_exec(db, err,
                "UPDATE sync_logs SET status = $2, message = $3, error_details = $4, items_processed = $5::bigint,"
                "  items_successful = $6::bigint, items_failed = $7::bigint, items_skipped = $8::bigint,"
                "  duration_ms = $9::bigint, duration_seconds = round($9::bigint / 1000.0), completed_at = now()"
                " WHERE id = $1",
                9, values));
}

int sync_counter_add(struct db *db, const char *type, const char *outcome, int64_t n, struct err *err)
{
    char count[DB_NUMBER_SIZE];
    const char *values[] = {type, outcome, db_number(count, n)};
    if (n <= 0) return 0;
    return done(db_exec(db, err,
                        "INSERT INTO sync_counters AS c (object_type, outcome, value) VALUES ($1, $2, $3)"
                        " ON CONFLICT (object_type, outcome) DO UPDATE SET value = c.value + excluded.value",
                        3, values));
}

int sync_duration_add(struct db *db, const char *type, int64_t duration_ms, struct err *err)
{
    char ms[DB_NUMBER_SIZE];
    const char *values[] = {type, db_number(ms, duration_ms)};
    if (db_exec(db, err, "INSERT INTO sync_durations (object_type) VALUES ($1) ON CONFLICT DO NOTHING", 1, values) < 0)
        return -ERR_DB;
    return done(
        db_exec(db, err,
                "UPDATE sync_durations SET count = count + 1, sum_s = sum_s + $2::bigint / 1000.0,"
                "  buckets = (SELECT array_agg(buckets[i] + ($2::bigint / 1000.0 <= le_s[i])::integer ORDER BY i)"
                "             FROM generate_subscripts(le_s, 1) i)"
                " WHERE object_type = $1",
                2, values));
}
