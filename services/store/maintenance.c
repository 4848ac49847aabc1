/* Housekeeping and a look at the state of what is served. See maintenance.h. */
#include "services/store/maintenance.h"

#include "services/store/counted_sql.h"
#include "services/store/db/db.h"
#include "services/store/sync/staging/sync_stage.h"

int maintenance_cleanup(struct db *db, int days, struct cleanup_counts *c, struct err *err)
{
    char text[DB_NUMBER_SIZE];
    const char *values[] = {db_number(text, days)};
    const struct {
        int64_t *count;
        const char *sql;
    } steps[] = {
        {&c->sync_logs, "DELETE FROM sync_logs WHERE started_at < now() - $1::integer * interval '1 day'"},
        {&c->sync_runs, "DELETE FROM sync_runs WHERE started_at < now() - $1::integer * interval '1 day'"
                        " AND state <> 'running'"},
        {&c->api_logs, "DELETE FROM api_logs WHERE created_at < now() - $1::integer * interval '1 day'"},
        {&c->parsing_errors,
         "DELETE FROM parsing_error_logs WHERE created_at < now() - $1::integer * interval '1 day'"},
        {&c->leases, "DELETE FROM leases WHERE expires_at < now() - $1::integer * interval '1 day'"
                     " AND acquired_at < now() - $1::integer * interval '1 day'"},
        {&c->sessions, "DELETE FROM sessions WHERE expires_at < now() - $1::integer * interval '1 day'"},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if ((*steps[i].count = db_exec(db, err, steps[i].sql, 1, values)) < 0) return -ERR_DB;
    return stage_sweep(db, err);
}

PGresult *maintenance_freshness(struct db *db, struct err *err)
{
    return db_query(db, err,
                    "SELECT object_type, extract(epoch FROM now() - last_sync)::bigint, sync_interval_minutes,"
                    "  staleness_threshold_minutes, is_sync_enabled, last_status, last_error, retry_count"
                    " FROM object_sync_configs ORDER BY priority, object_type",
                    0, NULL);
}

PGresult *maintenance_totals(struct db *db, struct err *err)
{
    return db_query(
        db, err,
        "SELECT (SELECT count(*) FROM projects WHERE deleted_at IS NULL),"
        " (SELECT count(*) FROM elevations WHERE deleted_at IS NULL),"
        " (SELECT count(*) FROM elevation_parts_lists WHERE sha256 IS NOT NULL),"
        " (SELECT count(*) FROM " FAILING_PROJECTS " k),"
        " (SELECT count(*) FROM elevations WHERE has_parts_data AND deleted_at IS NULL"
        "   AND parse_status IN ('pending', 'in_progress')),"
        " (SELECT count(*) FROM elevations WHERE " IS_UNREADABLE "),"
        " (SELECT count(*) FROM sync_logs WHERE status = 'failed' AND started_at > now() - interval '24 hours'),"
        " (SELECT count(*) FROM sync_runs WHERE state = 'running'),"
        " (SELECT extract(epoch FROM now() - min(c.confirmed_at))::bigint FROM project_cursors c JOIN projects p"
        "   ON p.id = c.project_id WHERE p.deleted_at IS NULL)",
        0, NULL);
}
