/* Sync logs and sync runs: lists by filter, newest first, and exports page by page. A filter that is NULL or empty
 * selects all. */
#include "services/store/ui/ui_logs.h"

#include "services/store/ui/ui_csv.h"

#define FILTER                                                                                                         \
    "(coalesce($1, '') = '' OR l.sync_type = $1) AND (coalesce($2, '') = '' OR l.status = $2)"                         \
    " AND (coalesce($3, '') = '' OR l.started_at >= $3::timestamptz)"                                                  \
    " AND (coalesce($4, '') = '' OR l.started_at < $4::timestamptz)"
#define LOG_JSON                                                                                                       \
    "json_build_object('id', l.id, 'type', l.sync_type, 'status', l.status, 'message', l.message,"                     \
    " 'processed', l.items_processed, 'successful', l.items_successful, 'failed', l.items_failed,"                     \
    " 'skipped', l.items_skipped, 'ms', coalesce(l.duration_ms, l.duration_seconds * 1000),"                           \
    " 'error', l.error_details, 'started_at', l.started_at, 'completed_at', l.completed_at,"                           \
    " 'task_id', l.task_id, 'project_id', l.project_id)"

const struct query ui_query_logs = {
    .name = "ui_logs",
    .sql =
        "SELECT coalesce(json_agg(" LOG_JSON " ORDER BY l.id DESC), '[]') FROM (SELECT * FROM sync_logs l WHERE " FILTER
        " AND (coalesce($5, '') = '' OR l.id < $5::bigint) ORDER BY l.id DESC LIMIT $6::int) l",
};

const struct query ui_query_log_types = {
    .name = "ui_log_types",
    .sql = "SELECT coalesce(json_agg(t ORDER BY t), '[]') FROM (SELECT DISTINCT sync_type AS t FROM sync_logs) x",
};

/* A page of an export: its lines, and the last one's id (NULL: there are no more). */
#define PAGE                                                                                                           \
    ", min(l.id) FROM (SELECT * FROM sync_logs l WHERE " FILTER                                                        \
    " AND (coalesce($5, '') = '' OR l.id < $5::bigint) ORDER BY l.id DESC LIMIT $6::int) l"

#define CSV_TYPE    UI_CSV("l.sync_type")
#define CSV_STATUS  UI_CSV("l.status")
#define CSV_MESSAGE UI_CSV("l.message")
#define CSV_ERROR   UI_CSV("l.error_details")
#define CSV_TASK    UI_CSV("l.task_id")

const struct query ui_query_logs_csv = {
    .name = "ui_logs_csv",
    .sql = "SELECT string_agg(concat_ws(',', l.id, " CSV_TYPE ", " CSV_STATUS ","
           " l.started_at, coalesce(l.completed_at::text, ''), coalesce(l.duration_ms, l.duration_seconds * 1000, 0),"
           " coalesce(l.items_processed, 0), coalesce(l.items_successful, 0), coalesce(l.items_skipped, 0),"
           " coalesce(l.items_failed, 0), " CSV_MESSAGE ", " CSV_ERROR ", " CSV_TASK "),"
           " E'\r\n' ORDER BY l.id DESC)" PAGE,
    .is_slow = true,
};

const struct query ui_query_logs_json = {
    .name = "ui_logs_json",
    .sql = "SELECT string_agg(" LOG_JSON "::text, $7 ORDER BY l.id DESC)" PAGE,
    .is_slow = true,
};

#define RUN_JSON                                                                                                       \
    "json_build_object('id', r.id, 'task_id', r.task_id, 'name', r.task_name, 'scope', r.scope, 'state', r.state,"     \
    " 'is_forced', r.is_forced, 'current', r.current, 'total', r.total, 'text', r.status,"                             \
    " 'percent', CASE WHEN r.total > 0 THEN least(100, 100 * r.current / r.total) END,"                                \
    " 'is_running', r.state = 'running', 'started_at', r.started_at, 'finished_at', r.finished_at,"                    \
    " 'ms', round(extract(epoch FROM coalesce(r.finished_at, r.updated_at) - r.started_at) * 1000),"                   \
    " 'result', jsonb_pretty(r.result))"

/* Without a text, runs in which nothing was due are left out: a task sent by hand makes one. */
const struct query ui_query_runs = {
    .name = "ui_runs",
    .sql = "SELECT coalesce(json_agg(" RUN_JSON " ORDER BY r.id DESC), '[]') FROM (SELECT * FROM sync_runs r"
           " WHERE (coalesce($1, '') = '' OR r.state = $1) AND (CASE WHEN coalesce($2, '') = ''"
           "  THEN r.state <> 'completed' OR r.total > 0 OR r.is_forced"
           "  ELSE strpos(lower(concat_ws(' ', r.task_id, r.task_name, r.scope)), lower($2)) > 0 END)"
           " ORDER BY r.id DESC LIMIT $3::int) r",
};

const struct query ui_query_run = {
    .name = "ui_run",
    .sql = "SELECT json_build_object("
           " 'runs', (SELECT json_agg(" RUN_JSON " ORDER BY r.id DESC)"
           "   FROM (SELECT * FROM sync_runs r WHERE r.task_id = $1 ORDER BY r.id DESC LIMIT 20) r),"
           " 'logs', (SELECT json_agg(" LOG_JSON " ORDER BY l.id DESC)"
           "   FROM (SELECT * FROM sync_logs l WHERE l.task_id = $1 ORDER BY l.id DESC LIMIT 50) l))",
};
