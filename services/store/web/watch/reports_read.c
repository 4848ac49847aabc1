/* Statements for the reports on how the sync performs, from its logs and from the stored rows, and for the alerts. */
#include "services/store/web/watch/reports_read.h"
#include "services/store/counted_sql.h"
#include "services/store/web/list_sql.h"

#define ROUND(x)        "coalesce(round((" x ")::numeric, 2), 0)"
#define ITEMS(type)     "coalesce(sum(items_successful) FILTER (WHERE sync_type = '" type "'), 0)"
#define SUCCESS_RATE    ROUND("100.0 * count(*) FILTER (WHERE status = 'completed') / nullif(count(*), 0)")
#define AVERAGE_SECONDS ROUND("avg(coalesce(duration_ms / 1000.0, duration_seconds))")
#define P95_SECONDS                                                                                                    \
    ROUND("percentile_cont(0.95) WITHIN GROUP (ORDER BY coalesce(duration_ms / 1000.0, duration_seconds))")
/* How many logs l of the period there are, how long they took, what they did. */
#define PERFORMANCE                                                                                                    \
    "json_build_object('total_syncs', count(*), 'successful_syncs', count(*) FILTER (WHERE status = 'completed'),"     \
    " 'failed_syncs', count(*) FILTER (WHERE status = 'failed'), 'success_rate', " SUCCESS_RATE ","                    \
    " 'average_duration_seconds', " AVERAGE_SECONDS ", 'p95_duration_seconds', " P95_SECONDS ", 'items_processed',"    \
    " coalesce(sum(items_processed), 0), 'items_failed', coalesce(sum(items_failed), 0))"
#define PERIOD              "started_at > now() - make_interval(hours => $1::int)"
#define PERCENT_WHERE(part) ROUND("100.0 * count(*) FILTER (WHERE " part ") / nullif(count(*), 0)")
#define SHARE(part, table)  "(SELECT " PERCENT_WHERE(part) " FROM " table " x WHERE x.deleted_at IS NULL)"
#define SYNCED              "x.last_sync_date IS NOT NULL"
#define SYNCED_PROJECTS     SHARE(SYNCED, "projects")
#define SYNCED_PHASES       SHARE(SYNCED, "phases")
#define SYNCED_ELEVATIONS   SHARE(SYNCED, "elevations")
#define COVERAGE                                                                                                       \
    "json_build_object('projects', " SYNCED_PROJECTS ", 'phases', " SYNCED_PHASES ", 'elevations', " SYNCED_ELEVATIONS \
    ")"
#define STALE_SHARE(x, is_stale, from)                                                                                 \
    "(SELECT " PERCENT_WHERE(is_stale) " FROM " from " WHERE " x ".deleted_at IS NULL)"
#define STALE_PROJECTS   STALE_SHARE("p", PROJECT_IS_STALE, PROJECTS_SEEN)
#define STALE_PHASES     STALE_SHARE("h", PHASE_IS_STALE, PHASES_SEEN)
#define STALE_ELEVATIONS STALE_SHARE("e", ELEVATION_IS_STALE, ELEVATIONS_SEEN)
#define STALE                                                                                                          \
    "json_build_object('projects', " STALE_PROJECTS ", 'phases', " STALE_PHASES ", 'elevations', " STALE_ELEVATIONS ")"
#define TOTAL(table)    "(SELECT count(*) FROM " table " WHERE deleted_at IS NULL)"
#define PROJECT_ITEMS   ITEMS("project")
#define PHASE_ITEMS     ITEMS("phase")
#define ELEVATION_ITEMS ITEMS("elevation")
#define TRENDS(hours)                                                                                                  \
    "(SELECT json_build_object('hourly_data', coalesce(json_agg(json_build_object('hour', hour,"                       \
    " 'projects', projects, 'phases', phases, 'elevations', elevations, 'total', total) ORDER BY hour), '[]'),"        \
    " 'trend_direction', CASE WHEN coalesce(regr_slope(total, extract(epoch FROM hour)), 0) > 0 THEN 'increasing'"     \
    " WHEN coalesce(regr_slope(total, extract(epoch FROM hour)), 0) < 0 THEN 'decreasing' ELSE 'stable' END,"          \
    " 'peak_hour', (array_agg(to_char(hour AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:00') ORDER BY total DESC, hour))[1])"  \
    " FROM (SELECT date_trunc('hour', started_at) AS hour, " PROJECT_ITEMS " AS projects, " PHASE_ITEMS " AS"          \
    " phases, " ELEVATION_ITEMS " AS elevations, coalesce(sum(items_successful), 0) AS total FROM sync_logs"           \
    " WHERE started_at > now() - make_interval(hours => " hours ") GROUP BY 1) t)"

#define PROJECTS_TOTAL   TOTAL("projects")
#define PHASES_TOTAL     TOTAL("phases")
#define ELEVATIONS_TOTAL TOTAL("elevations")
#define TRENDS_OF_PERIOD TRENDS("$1::int")

const struct query query_performance = {
    .name = "performance",
    .is_slow = true,
    .sql = "SELECT json_build_object('time_period_hours', $1::int, 'generated_at', now(), 'sync_counts',"
           " json_build_object('projects', " PROJECT_ITEMS ", 'phases', " PHASE_ITEMS ","
           " 'elevations', " ELEVATION_ITEMS ", 'total', coalesce(sum(items_successful), 0)),"
           " 'performance_metrics', " PERFORMANCE ", 'data_quality_metrics', json_build_object('total_counts',"
           " json_build_object('projects', " PROJECTS_TOTAL ", 'phases', " PHASES_TOTAL ","
           " 'elevations', " ELEVATIONS_TOTAL "), 'sync_coverage', " COVERAGE ", 'stale_data_percentage', " STALE "),"
           " 'trends', " TRENDS_OF_PERIOD ") FROM sync_logs WHERE " PERIOD,
};

const struct query query_project_metrics = {
    .name = "project_metrics",
    .is_slow = true,
    .sql = "SELECT json_build_object('project_id', p.logikal_id, 'project_name', p.name, 'time_period_hours', $1::int,"
           " 'generated_at', now(), 'sync_history', json_build_object('total_syncs', coalesce(l.n, 0), 'syncs',"
           " coalesce(l.rows, '[]')), 'performance_analysis', coalesce(l.performance, '{}'), 'data_quality',"
           " (SELECT json_build_object('phases', c.phases, 'elevations', c.elevations, 'unsynced_elevations',"
           " c.unsynced_elevations, 'parse_failures', c.parse_failed) FROM project_checks c WHERE c.id = p.id))"
           " FROM projects p LEFT JOIN LATERAL (SELECT count(*) AS n, json_agg(json_build_object('started_at',"
           " started_at, 'status', status, 'sync_type', sync_type, 'duration_seconds', coalesce(duration_ms / 1000.0,"
           " duration_seconds), 'items', items_successful) ORDER BY started_at DESC) AS rows, " PERFORMANCE " AS"
           " performance FROM sync_logs WHERE project_id = p.id AND " PERIOD ") l ON true"
           " WHERE p.deleted_at IS NULL AND (p.logikal_id = logikald_guid($2) OR p.id::text = $2) LIMIT 1",
};

#define GRADE(score)                                                                                                   \
    "CASE WHEN " score " >= 95 THEN 'A' WHEN " score " >= 85 THEN 'B' WHEN " score " >= 70 THEN 'C' WHEN " score       \
    " >= 50 THEN 'D' ELSE 'F' END"
#define FRESHNESS                                                                                                      \
    "(SELECT coalesce(round(100.0 * count(*) FILTER (WHERE last_sync >= now() - make_interval(mins =>"                 \
    " staleness_threshold_minutes)) / nullif(count(*), 0)), 100)::int FROM object_sync_configs WHERE is_sync_enabled)"
#define ADVICE                                                                                                         \
    "(SELECT coalesce(json_agg(t) FILTER (WHERE t IS NOT NULL), '[]') FROM unnest(ARRAY["                              \
    "CASE WHEN f.fresh < 100 THEN 'Some object types were not synced within their threshold' END,"                     \
    " CASE WHEN f.failed > 0 THEN f.failed || ' syncs failed in the last 24 hours: see the sync logs' END]) t)"
#define FACTS                                                                                                          \
    "(SELECT " FRESHNESS " AS fresh, count(*) FILTER (WHERE status = 'failed') AS failed,"                             \
    " coalesce(sum(items_successful), 0) AS items, coalesce(round(avg((status <> 'failed')::int) * 100), 100) AS good" \
    " FROM sync_logs WHERE started_at > now() - interval '24 hours') f,"                                               \
    " (SELECT coalesce(sum(items_successful), 0) AS items FROM sync_logs WHERE started_at BETWEEN"                     \
    " now() - interval '48 hours' AND now() - interval '24 hours') y"

#define EFFICIENCY_GRADE GRADE("least(f.fresh, f.good)")
#define TRENDS_OF_DAY    TRENDS("24")

const struct query query_efficiency = {
    .name = "efficiency",
    .is_slow = true,
    .sql = "SELECT json_build_object('generated_at', now(), 'summary', json_build_object('objects_synced_24h', f.items,"
           " 'throughput_per_hour', round(f.items / 24.0), 'data_freshness_score', f.fresh,"
           " 'sync_efficiency_grade', " EFFICIENCY_GRADE "), 'efficiency_analysis',"
           " json_build_object('sync_coverage', " COVERAGE ", 'stale_data', " STALE ", 'trends', " TRENDS_OF_DAY ","
           " 'performance_comparison', json_build_object('throughput_change', f.items - y.items, 'freshness_change', 0,"
           " 'performance_trend', CASE WHEN f.items > y.items THEN 'improving' WHEN f.items < y.items THEN 'declining'"
           " ELSE 'stable' END)), 'recommendations', " ADVICE ") FROM " FACTS,
};

/* Alerts that follow from the rows, and those of people; acknowledged ones are quiet for a day. */
#define ALERTS                                                                                                         \
    "SELECT 'stale:' || object_type AS id, 'stale_data' AS type, 'warning' AS severity, display_name ||"               \
    " ' were not synced within their threshold' AS message, jsonb_build_object('object_type', object_type,"            \
    " 'last_sync', last_sync) AS details, coalesce(last_attempt, now()) AS timestamp, true AS requires_action,"        \
    " 'Sync the type, or look why its syncs fail' AS recommended_action, 'system' AS source FROM object_sync_configs"  \
    " WHERE is_sync_enabled AND last_sync < now() - make_interval(mins => staleness_threshold_minutes)"                \
    " UNION ALL SELECT 'failed:' || object_type, 'sync_failed', 'critical', 'The last sync of ' || display_name ||"    \
    " ' failed: ' || coalesce(last_error, ''), jsonb_build_object('object_type', object_type),"                        \
    " coalesce(last_attempt, now()), true, 'See the sync logs', 'system' FROM object_sync_configs"                     \
    " WHERE is_sync_enabled AND last_status = 'failed'"                                                                \
    " UNION ALL SELECT 'parse_failed', 'parse_failed', 'warning', count(*) || ' parts lists could not be read',"       \
    " jsonb_build_object('count', count(*)), now(), true, 'See the parsing errors', 'system' FROM elevations"          \
    " WHERE " IS_UNREADABLE " HAVING count(*) > 0"                                                                     \
    " UNION ALL SELECT id, type, severity, message, details, created_at, requires_action, recommended_action, source"  \
    " FROM sync_alerts WHERE source <> 'acknowledgement' AND acknowledged_at IS NULL"
#define OPEN_ALERTS                                                                                                    \
    "(SELECT a.* FROM (" ALERTS ") a WHERE NOT EXISTS (SELECT FROM sync_alerts s WHERE s.id = a.id AND"                \
    " s.acknowledged_at > now() - interval '1 day') ORDER BY a.timestamp DESC)"

const struct query query_advanced_status = {
    .name = "advanced_status",
    .is_slow = true,
    .sql = "SELECT json_build_object('system_status', CASE WHEN a.critical > 0 THEN 'critical' WHEN a.n > 0 THEN"
           " 'degraded' ELSE 'healthy' END, 'last_health_check', now(), 'active_alerts', a.n,"
           " 'sync_efficiency_grade', " EFFICIENCY_GRADE ", 'data_consistency_score', (SELECT coalesce(round(100.0 *"
           " count(*) FILTER (WHERE misplaced = 0 AND orphaned = 0 AND parts_missing = 0) / nullif(count(*), 0), 2),"
           " 100) FROM project_checks), 'recommendations', " ADVICE ") FROM (SELECT count(*) AS n, count(*) FILTER"
           " (WHERE severity = 'critical') AS critical FROM " OPEN_ALERTS " o) a, " FACTS,
};

const struct query query_alerts = {
    .name = "alerts",
    .sql = "SELECT coalesce(json_agg(o), '[]') FROM " OPEN_ALERTS " o WHERE $1::text IS NULL OR o.severity = $1",
};

const struct query query_alert_history = {
    .name = "alert_history",
    .sql = "SELECT json_build_object('alerts', coalesce(json_agg(json_build_object('id', id, 'type', type, 'severity',"
           " severity, 'message', message, 'details', details, 'timestamp', created_at, 'requires_action', "
           "requires_action,"
           " 'recommended_action', recommended_action, 'source', source, 'acknowledged_by', acknowledged_by,"
           " 'acknowledged_at', acknowledged_at) ORDER BY created_at DESC), '[]'), 'total_count', count(*),"
           " 'time_period_hours', $1::int, 'generated_at', now()) FROM sync_alerts WHERE greatest(created_at,"
           " acknowledged_at) > now() - make_interval(hours => $1::int) AND ($2::text IS NULL OR severity = $2)",
};

const struct query query_alert_create = {
    .name = "alert_create",
    .sql =
        "INSERT INTO sync_alerts AS a (id, type, severity, message, details, requires_action) VALUES ($1, $2, $3, $4,"
        " coalesce($5::jsonb, '{}'), $6::boolean) RETURNING json_build_object('id', id, 'type', type, 'severity',"
        " severity, 'message', message, 'details', details, 'timestamp', created_at, 'requires_action', "
        "requires_action,"
        " 'recommended_action', recommended_action, 'source', source)",
};

const struct query query_alert_acknowledge = {
    .name = "alert_acknowledge",
    .sql = "INSERT INTO sync_alerts AS s (id, type, severity, message, details, requires_action,"
           " recommended_action, source,"
           " acknowledged_by, acknowledged_at, notes) SELECT a.id, a.type, a.severity, a.message, a.details, false,"
           " a.recommended_action, 'acknowledgement', $2, now(), $3 FROM (" ALERTS ") a WHERE a.id = $1"
           " ON CONFLICT (id) DO UPDATE SET acknowledged_by = $2, acknowledged_at = now(), notes = $3"
           " RETURNING json_build_object('alert_id', s.id, 'acknowledged_by', s.acknowledged_by, 'acknowledged_at',"
           " s.acknowledged_at, 'notes', s.notes)",
};

const struct query query_alert_get = {
    .name = "alert_get",
    .sql = "SELECT a.message, a.severity FROM (" ALERTS ") a WHERE a.id = $1",
};
