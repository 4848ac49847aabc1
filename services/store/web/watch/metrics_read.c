/* The one statement behind /metrics: rows (metric, label 1, label 2, value), in the order in which they are printed. */
#include "services/store/web/watch/metrics_read.h"

const struct query query_metrics = {
    .name = "metrics",
    .is_slow = true,
    .sql = "SELECT 'age', object_type, '', coalesce(extract(epoch FROM now() - last_sync), -1) FROM object_sync_configs"
           " UNION ALL SELECT 'interval', object_type, '', sync_interval_minutes * 60 FROM object_sync_configs"
           " UNION ALL SELECT 'enabled', object_type, '', is_sync_enabled::int FROM object_sync_configs"
           " UNION ALL SELECT 'failed', object_type, '', coalesce(last_status = 'failed', false)::int FROM"
           " object_sync_configs"
           " UNION ALL SELECT 'synced', object_type, outcome, value FROM sync_counters"
           " UNION ALL SELECT 'bucket', d.object_type, b.le::text, b.n FROM sync_durations d,"
           " unnest(d.le_s, d.buckets) AS b(le, n)"
           " UNION ALL SELECT 'bucket', object_type, '+Inf', count FROM sync_durations"
           " UNION ALL SELECT 'sum', object_type, '', sum_s FROM sync_durations"
           " UNION ALL SELECT 'count', object_type, '', count FROM sync_durations"
           " UNION ALL SELECT 'rows', relname, '', greatest(reltuples, 0) FROM pg_class WHERE oid IN"
           " ('directories'::regclass, 'projects'::regclass, 'phases'::regclass, 'elevations'::regclass)"
           " UNION ALL SELECT 'held', t.type, '', t.n FROM (SELECT coalesce(sum(directories), 0) AS d,"
           "  coalesce(sum(projects), 0) AS p, coalesce(sum(phases), 0) AS f, coalesce(sum(elevations), 0) AS e"
           "  FROM sync_holds WHERE state = 'open') h,"
           " LATERAL (VALUES ('directory', d), ('project', p), ('phase', f), ('elevation', e)) t (type, n)"
           " UNION ALL SELECT 'objects', 'directory', CASE WHEN deleted_at IS NULL THEN 'living' ELSE 'marked' END,"
           "  count(*) FROM directories GROUP BY 3"
           " UNION ALL SELECT 'objects', 'project', CASE WHEN deleted_at IS NULL THEN 'living' ELSE 'marked' END,"
           "  count(*) FROM projects GROUP BY 3"
           " UNION ALL SELECT 'objects', 'phase', CASE WHEN deleted_at IS NULL THEN 'living' ELSE 'marked' END,"
           "  count(*) FROM phases GROUP BY 3"
           " UNION ALL SELECT 'objects', 'elevation', CASE WHEN deleted_at IS NULL THEN 'living' ELSE 'marked' END,"
           "  count(*) FROM elevations GROUP BY 3"
           " UNION ALL SELECT 'size', k, '', v FROM logikald_sizes() s, LATERAL (VALUES ('database', s.database_bytes),"
           "  ('parts', s.parts_bytes), ('parts_raw', s.parts_raw_bytes), ('parts_files', s.parts_files),"
           "  ('growth', coalesce(s.bytes_per_day, 0))) x (k, v)"
           " UNION ALL SELECT family, label, label2, value FROM logikald_webhook_metrics()"
           " UNION ALL SELECT 'history_lost', '', '', coalesce(sum(count), 0) FROM task_history_losses"
           " UNION ALL SELECT 'parse', parse_status, '', count(*) FROM elevations WHERE parse_status <> 'success'"
           " AND has_parts_data AND deleted_at IS NULL GROUP BY 2",
};
