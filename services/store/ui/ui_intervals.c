/* Object types as the pages show them: what clients know of them, and how fresh they are in words and in percent. */
#include "services/store/ui/ui_intervals.h"
#include "services/store/web/intervals_json.h"

/* tone: what colour and word; percent: age in the staleness threshold, at most 100. */
#define FRESHNESS                                                                                                      \
    "jsonb_build_object("                                                                                              \
    " 'tone', CASE WHEN NOT c.is_sync_enabled THEN 'off' WHEN c.last_sync IS NULL THEN 'never'"                        \
    "   WHEN " INTERVAL_STALE " THEN 'stale'"                                                                          \
    "   WHEN c.last_sync < now() - make_interval(mins => c.sync_interval_minutes) THEN 'late' ELSE 'fresh' END,"       \
    " 'percent', CASE WHEN c.last_sync IS NULL THEN 100 ELSE greatest(0, least(100, round(100 *"                       \
    "   extract(epoch FROM now() - c.last_sync) / (60.0 * c.staleness_threshold_minutes)))) END,"                      \
    " 'is_due', c.is_sync_enabled AND " INTERVAL_NEXT " <= now(),"                                                     \
    " 'is_foreign', NOT (" INTERVAL_KNOWN "), 'is_failed', coalesce(c.last_status = 'failed', false),"                 \
    " 'retry_count', c.retry_count, 'depends_text', coalesce((SELECT string_agg(d.x, ', ')"                            \
    "   FROM json_array_elements_text(" INTERVAL_DEPENDS ") AS d(x)), ''))"

const struct query ui_query_intervals = {
    .name = "ui_intervals",
    .sql = "SELECT coalesce(jsonb_agg(" INTERVAL_JSON "::jsonb || " FRESHNESS " ORDER BY c.priority, c.id), '[]')"
           " FROM object_sync_configs c",
};

const struct query ui_query_interval_types = {
    .name = "ui_interval_types",
    .sql = "SELECT coalesce(jsonb_agg(object_type ORDER BY priority, id), '[]') FROM object_sync_configs",
};
