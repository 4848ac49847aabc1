/* The statements that the verdict's facts come from. */
#include "services/store/web/watch/verdict_read.h"

#include "services/store/counted_sql.h"
#include "services/store/url_short.h"
#include "services/store/web/intervals_json.h"

#define HOOK_URL URL_SHORT("w.url")
#define HOOKS                                                                                                          \
    "(SELECT coalesce(json_agg(json_build_object('id', w.id::text,"                                                    \
    "   'name', coalesce(nullif(w.description, ''), " HOOK_URL "), 'state', w.state, 'failures', w.failures,"          \
    "   'error', CASE WHEN w.state = 'active' THEN w.last_error ELSE w.state_reason END,"                              \
    "   'since', CASE WHEN w.state = 'active' THEN w.failing_since ELSE w.state_at END,"                               \
    "   'next', CASE WHEN w.state = 'active' AND isfinite(w.next_try_at) THEN w.next_try_at"                           \
    "    END) ORDER BY w.id), '[]') FROM webhooks w"                                                                   \
    "   WHERE w.state IN ('failed', 'gone') OR (w.state = 'active' AND w.failures > 0))"

const struct query query_verdict_sync = {
    .name = "verdict_sync",
    .is_patient = true,
    .sql = "SELECT json_build_object('now', clock_timestamp(), 'now_s', extract(epoch FROM clock_timestamp()),"
           " 'intervals', (SELECT coalesce(json_agg(json_build_object('type', c.object_type, 'name', c.display_name,"
           "   'is_on', c.is_sync_enabled, 'is_known', " INTERVAL_KNOWN ","
           "   'age_s', extract(epoch FROM now() - c.last_sync), 'stale_s', 60 * c.staleness_threshold_minutes,"
           "   'finished', coalesce(c.last_finished_status, nullif(c.last_status, 'running')), 'error', c.last_error,"
           "   'next', " INTERVAL_NEXT ") ORDER BY c.priority, c.id), '[]') FROM object_sync_configs c),"
           " 'runs', (SELECT coalesce(json_agg(json_build_object('scope', r.scope, 'trouble', r.trouble,"
           "   'since', r.trouble_since, 'trouble_s', extract(epoch FROM now() - r.trouble_since))"
           "   ORDER BY r.trouble_since), '[]')"
           "   FROM sync_runs r WHERE r.state = 'running' AND r.trouble IS NOT NULL"
           "    AND r.updated_at > now() - interval '1 minute'), 'hooks', " HOOKS ","
           " 'failing', f.count, 'failing_since', f.since, 'failing_names', f.names)"
           " FROM (SELECT count(*) AS count, min(k.failed_at) AS since,"
           "   left(string_agg(k.name, ', ' ORDER BY k.failures DESC, k.project_id), 200) AS names"
           "  FROM " FAILING_PROJECTS " k) f",
};

const struct query query_verdict_counts = {
    .name = "verdict_counts",
    .sql = "SELECT json_build_object('elevations', count(*) FILTER (WHERE deleted_at IS NULL),"
           " 'unparsed', count(*) FILTER (WHERE " IS_UNREADABLE "),"
           " 'sizes', (SELECT row_to_json(s) FROM logikald_sizes() s)) FROM elevations",
    .is_slow = true,
};
