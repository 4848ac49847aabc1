/* See report_read.h. */
#include "services/store/web/watch/report_read.h"

#include <stddef.h>

#define LIST(columns, from) "SELECT coalesce(json_agg(row_to_json(r)), '[]') FROM (SELECT " columns " FROM " from ") r"

const struct report_query report_queries[] = {
    {"version", "SELECT json_build_object('version', version(), 'now', clock_timestamp(),"
                " 'up since', pg_postmaster_start_time(), 'is in recovery', pg_is_in_recovery(),"
                " 'bytes', pg_database_size(current_database()))"},
    {"settings", LIST("name, setting, unit",
                      "pg_settings WHERE name IN ('max_connections', 'shared_buffers', 'work_mem', 'wal_level',"
                      " 'synchronous_commit', 'fsync', 'statement_timeout', 'idle_in_transaction_session_timeout',"
                      " 'TimeZone', 'server_encoding', 'autovacuum', 'max_wal_size', 'effective_cache_size')"
                      " ORDER BY name")},
    {"migrations", LIST("name, left(hash, 12) AS hash, applied_at", "logikald_migrations ORDER BY name")},
    {"tables", LIST("relname, n_live_tup, n_dead_tup, last_autovacuum, last_autoanalyze,"
                    " pg_total_relation_size(relid) AS bytes",
                    "pg_stat_user_tables WHERE schemaname = current_schema() ORDER BY bytes DESC LIMIT 200")},
    {"activity", LIST("pid, application_name, state, wait_event_type, wait_event, now() - state_change AS since,"
                      " now() - xact_start AS in_transaction, pg_blocking_pids(pid) AS blocked_by",
                      "pg_stat_activity WHERE datname = current_database() ORDER BY pid LIMIT 200")},
    {"types",
     LIST("object_type, is_sync_enabled, sync_interval_minutes, last_sync, last_status, last_error, retry_count",
          "object_sync_configs ORDER BY priority, id")},
    {"runs", LIST("id, scope, task_name, state, current, total, status, trouble, started_at, finished_at",
                  "sync_runs ORDER BY id DESC LIMIT 100")},
    {"tasks that ended badly", LIST("id, name, queue, state, tries, deliveries, worker, ended_at, run_ms, error",
                                    "task_history WHERE state <> 'success' ORDER BY ended_at DESC LIMIT 200")},
    {"problems", LIST("key, severity, part, cause, began_at, seen_at, ended_at",
                      "problem_episodes ORDER BY began_at DESC LIMIT 200")},
    {"alarms", LIST("at, kind, key, text, channel, error", "alert_log ORDER BY id DESC LIMIT 100")},
    {"webhooks", LIST("id, state, failures, last_error, failing_since", "webhooks ORDER BY id LIMIT 100")},
    {"events", LIST("at, host, version, event, child, pid, text, detail", "flight_events ORDER BY at DESC LIMIT 1000")},
    {NULL, NULL},
};
