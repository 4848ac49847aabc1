/* See ui_runs.h. A line of the sync logs belongs to the run of its task that was going on when it began. */
#include "services/store/ui/ui_runs.h"
#include "services/store/ui/ui_lines.h"

#define MESSAGE        UI_CUT("r.result ->> 'message'")
#define HOW_MANY(what) "sum(cardinality(row_ids)) FILTER (WHERE operation IN (" what "))"

#define CREATED  HOW_MANY("'created', 'returned'")
#define CHANGED  HOW_MANY("'changed', 'moved'")
#define VANISHED HOW_MANY("'vanished', 'deleted'")
#define RUNS                                                                                                           \
    "(SELECT coalesce(json_agg(json_build_object('id', r.id, 'scope', r.scope,"                                        \
    "   'project', (SELECT json_build_object('id', p.id, 'name', p.name) FROM projects p"                              \
    "    WHERE r.scope = 'project:' || p.logikal_id), 'state', r.state, 'is_forced', r.is_forced,"                     \
    "   'started_at', r.started_at, 'ms', r.ms, 'message', " MESSAGE ", 'created', coalesce(n.created, 0),"            \
    "   'changed', coalesce(n.changed, 0), 'vanished', coalesce(n.vanished, 0),"                                       \
    "   'failed', coalesce((r.result ->> 'error_count')::bigint, 0)) ORDER BY r.id DESC), '[]')"                       \
    "   FROM r LEFT JOIN n ON n.run_id = r.id)"
#define TYPES                                                                                                          \
    "(SELECT coalesce(json_agg(json_build_object('type', t.type, 'name', t.name, 'cells',"                             \
    "   (SELECT json_agg(json_build_object('run', r.id, 'status', l.status, 'ms', l.ms, 'height',"                     \
    "     least(9, greatest(1, ceil(ln(1 + l.ms) / ln(4)))), 'objects', l.items_successful,"                           \
    "     'failed', l.items_failed, 'error', left(l.error_details, 200)) ORDER BY r.id)"                               \
    "    FROM r LEFT JOIN l ON l.run = r.id AND l.sync_type = t.type)) ORDER BY t.priority, t.id, t.type), '[]')"      \
    "   FROM types t)"

const struct query ui_query_run_grid = {
    .name = "ui_run_grid",
    .sql = "WITH more AS (SELECT * FROM sync_runs r WHERE (coalesce($1, '') = '' OR r.id < $1::bigint)"
           "   AND (r.state <> 'completed' OR r.total > 0 OR r.is_forced) ORDER BY r.id DESC LIMIT $2::integer + 1),"
           " r AS (SELECT *, round(extract(epoch FROM coalesce(finished_at, updated_at) - started_at) * 1000) AS ms"
           "  FROM more ORDER BY id DESC LIMIT $2::integer),"
           " l AS (SELECT DISTINCT ON (r.id, l.sync_type) r.id AS run, l.*,"
           "    coalesce(l.duration_ms, l.duration_seconds * 1000, 0) AS ms FROM r JOIN sync_logs l"
           "   ON l.task_id = r.task_id AND l.started_at BETWEEN r.started_at AND coalesce(r.finished_at, 'infinity')"
           "  WHERE l.started_at >= (SELECT min(started_at) FROM r) ORDER BY r.id, l.sync_type, l.id DESC),"
           " n AS (SELECT run_id, " CREATED " AS created,   " CHANGED " AS changed, " VANISHED " AS vanished"
           "  FROM changes WHERE run_id IN (SELECT id FROM r) GROUP BY run_id),"
           " types AS (SELECT object_type AS type, display_name AS name, priority, id FROM object_sync_configs"
           "  UNION ALL SELECT DISTINCT l.sync_type, replace(l.sync_type, '_', ' '), 1000, 0 FROM l"
           "   WHERE l.sync_type NOT IN (SELECT object_type FROM object_sync_configs))"
           " SELECT json_build_object('runs', " RUNS ","
           "  'columns', (SELECT json_agg(json_build_object('id', r.id, 'started_at', r.started_at) ORDER BY r.id)"
           "   FROM r),"
           "  'types', " TYPES ","
           "  'older', CASE WHEN (SELECT count(*) FROM more) > $2::integer THEN (SELECT min(id) FROM r) END)",
    .is_slow = true,
};

const struct query ui_query_run_failed = {
    .name = "ui_run_failed",
    .sql =
        "SELECT coalesce(json_agg(json_build_object('id', p.id, 'name', p.name, 'error', c.last_error, 'failures',"
        " c.failures, 'failed_at', c.failed_at) ORDER BY lower(p.name), p.id), '[]') FROM (SELECT c.* FROM sync_runs r"
        " JOIN project_cursors c ON c.failures > 0 AND c.failed_at BETWEEN r.started_at AND coalesce(r.finished_at,"
        " now()) WHERE r.id = $1::bigint ORDER BY c.project_id LIMIT " UI_LINES ") c JOIN projects p ON p.id ="
        " c.project_id",
};
