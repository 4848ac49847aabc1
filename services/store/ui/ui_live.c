/* What the stream of a page looks at once a second: a revision for each topic (any text that differs when there is
 * something new), and the syncs that run or ended just now. Cheap: index lookups and a few rows. */
#include "services/store/ui/ui_live.h"

const struct query ui_query_live = {
    .name = "ui_live",
    .sql = "SELECT json_build_object('revisions', json_build_object("
           "  'intervals', (SELECT md5(string_agg(c::text, '|' ORDER BY c.id)) FROM object_sync_configs c),"
           "  'logs', (SELECT md5(string_agg(concat_ws(' ', l.id, l.status, l.completed_at), '|'))"
           "    FROM (SELECT * FROM sync_logs ORDER BY id DESC LIMIT 50) l),"
           "  'objects', (SELECT sum(version) FROM table_versions"
           "    WHERE name IN ('directories', 'projects', 'phases', 'elevations', 'elevation_glass')),"
           "  'feed', (SELECT md5(string_agg(concat_ws(' ', w.id, w.state, w.tries, w.updated_at, w.xid), '|' ORDER BY"
           "    w.id)) FROM webhooks w),"
           "  'runs', (SELECT max(id) || ' ' || max(updated_at) FROM sync_runs"
           " WHERE started_at > now() - interval '1 day')),"
           " 'runs', (SELECT coalesce(json_agg(json_build_object('task_id', r.task_id, 'scope', r.scope,"
           "    'current', r.current, 'total', r.total, 'text', r.status, 'state', r.state)), '[]')"
           "  FROM (SELECT * FROM sync_runs WHERE state = 'running' ORDER BY started_at DESC LIMIT 20) r))",
};
