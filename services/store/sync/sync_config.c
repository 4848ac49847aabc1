/* The rows of object_sync_configs, and what is noted in them about the last attempt. See sync_config.h. */
#include "services/store/sync/sync_config.h"

#include <stdio.h>
#include <string.h>

#include "services/store/db/db.h"

int sync_config_load(struct db *db, struct object_config out[OBJECT_TYPES_MAX], struct err *err)
{
    PGresult *r = db_query(
        db, err,
        "SELECT object_type, coalesce(depends_on, ''), sync_interval_minutes, staleness_threshold_minutes, priority,"
        "  batch_size, max_retry_attempts, retry_delay_minutes, is_sync_enabled, cascade_sync,"
        "  CASE WHEN last_sync IS NULL THEN -1 ELSE greatest(extract(epoch FROM now() - last_sync), 0)::bigint END,"
        "  CASE WHEN last_attempt IS NULL THEN -1 ELSE greatest(extract(epoch FROM now() - last_attempt),"
        " 0)::bigint END,"
        "  CASE WHEN next_retry_at IS NULL THEN -1 ELSE greatest(ceil(extract(epoch FROM next_retry_at - now())), "
        "0)::bigint END, retry_count,"
        "  coalesce(last_status = 'failed' OR (last_status = 'partial' AND (last_sync IS NULL OR last_sync < "
        "last_attempt)),"
        "   false)"
        " FROM object_sync_configs ORDER BY priority, id LIMIT 32",
        0, NULL);
    if (!r) return -ERR_DB;
    int n = PQntuples(r);
    for (int i = 0; i < n; i++) {
        struct object_config *c = &out[i];
        *c = (struct object_config){.interval_min = (int)db_int(r, i, 2),
                                    .stale_min = (int)db_int(r, i, 3),
                                    .priority = (int)db_int(r, i, 4),
                                    .batch_size = (int)db_int(r, i, 5),
                                    .max_retries = (int)db_int(r, i, 6),
                                    .retry_delay_min = (int)db_int(r, i, 7),
                                    .is_enabled = db_bool(r, i, 8),
                                    .cascades = db_bool(r, i, 9),
                                    .since_sync_s = db_int(r, i, 10),
                                    .since_attempt_s = db_int(r, i, 11),
                                    .retry_in_s = db_int(r, i, 12),
                                    .retry_count = (int)db_int(r, i, 13),
                                    .oldest_s = -1,
                                    .has_failed = db_bool(r, i, 14)};
        snprintf(c->type, sizeof c->type, "%s", db_text(r, i, 0));
        snprintf(c->depends_on, sizeof c->depends_on, "%s", db_text(r, i, 1));
    }
    PQclear(r);
    return n;
}

/* A project that was never completed is as old as its row; what is excluded or gone does not count. */
static const char oldest_rows[] =
    "WITH RECURSIVE excluded AS (SELECT id FROM directories WHERE exclude_from_sync"
    "  UNION SELECT c.id FROM directories c JOIN excluded e ON c.parent_id = e.id),"
    " oldest AS (SELECT min(coalesce(c.confirmed_at, p.created_at)) AS project,"
    "   min(coalesce(c.phases_listed_at, c.phases_at, p.created_at)) AS phase, min(coalesce(c.elevations_listed_at, "
    "c.elevations_at, p.created_at)) AS elevation"
    "  FROM projects p JOIN directories d ON d.id = p.directory_id LEFT JOIN project_cursors c ON c.project_id = p.id"
    "  WHERE p.deleted_at IS NULL AND d.deleted_at IS NULL AND d.upstream_chain IS NOT NULL"
    "   AND d.id NOT IN (SELECT id FROM excluded)) "
    "SELECT t.type, greatest(extract(epoch FROM now() - t.at), 0)::bigint FROM oldest,"
    " LATERAL (VALUES ('project', project), ('phase', phase), ('elevation', elevation)) t (type, at)"
    " WHERE t.at IS NOT NULL";

int sync_config_look_at_rows(struct db *db, struct object_config *configs, int n, struct err *err)
{
    PGresult *r = db_query(db, err, oldest_rows, 0, NULL);
    if (!r) return -ERR_DB;
    for (int row = 0; row < PQntuples(r); row++)
        for (int i = 0; i < n; i++)
            if (strcmp(configs[i].type, db_text(r, row, 0)) == 0) configs[i].oldest_s = db_int(r, row, 1);
    PQclear(r);
    return 0;
}

int sync_config_note_attempt(struct db *db, const char *type, struct err *err)
{
    const char *values[] = {type};
    int64_t rows = db_exec(
        db, err, "UPDATE object_sync_configs SET last_attempt = now(), last_status = 'running' WHERE object_type = $1",
        1, values);
    return rows < 0 ? -ERR_DB : 0;
}

static const char *outcome_name(const struct object_outcome *o)
{
    if (!o->is_success) return o->is_broken ? "partial" : "failed";
    return o->is_held ? "held" : o->failed ? "partial" : "success";
}

int sync_config_note_outcome(struct db *db, const char *type, const struct object_outcome *outcome, struct err *err)
{
    char duration[DB_NUMBER_SIZE], count[DB_NUMBER_SIZE];
    const char *values[] = {
        type,           outcome->is_success ? "t" : "f",           outcome_name(outcome),
        outcome->error, db_number(duration, outcome->duration_ms), db_number(count, outcome->processed)};
    int64_t rows = db_exec(
        db, err,
        "UPDATE object_sync_configs SET last_attempt = now(), last_status = $3, last_finished_status = $3, last_error "
        "= $4,"
        "  last_duration_ms = $5, last_count = $6, last_sync = CASE WHEN $2::bool THEN now() ELSE last_sync END,"
        "  retry_count = CASE WHEN $2::bool OR retry_count >= max_retry_attempts THEN 0 ELSE retry_count + 1 END,"
        "  next_retry_at = CASE WHEN $2::bool OR retry_count >= max_retry_attempts THEN NULL"
        "                  ELSE now() + retry_delay_minutes * interval '1 minute' END"
        " WHERE object_type = $1",
        6, values);
    return rows < 0 ? -ERR_DB : 0;
}

int sync_config_note_run(struct db *db, bool is_full, struct err *err)
{
    const char *values[] = {is_full ? "t" : "f"};
    if (db_script(db, err,
                  "INSERT INTO sync_config (sync_interval_minutes, is_sync_enabled)"
                  " SELECT 60, true WHERE NOT EXISTS (SELECT FROM sync_config)") < 0)
        return -ERR_DB;
    int64_t rows = db_exec(db, err,
                           "UPDATE sync_config SET updated_at = now(),"
                           "  last_full_sync = CASE WHEN $1::bool THEN now() ELSE last_full_sync END,"
                           "  last_incremental_sync = CASE WHEN $1::bool THEN last_incremental_sync ELSE now() END",
                           1, values);
    return rows < 0 ? -ERR_DB : 0;
}
