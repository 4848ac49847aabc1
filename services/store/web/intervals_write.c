/* Statements that change the sync intervals. */
#include "services/store/web/intervals_write.h"
#include "services/store/web/intervals_json.h"

/* A JSON list of words as stored: split by commas, NULL when empty. */
#define DEPENDS(list) "(SELECT nullif(string_agg(value, ','), '') FROM json_array_elements_text(" list "::json))"
#define DEPENDS_OF(c) "string_to_array(translate(coalesce(" c ".depends_on, ''), '[]\"'' ', ''), ',')"

#define C_DEPENDS DEPENDS_OF("c")

const struct query query_interval_problem = {
    .name = "interval_problem",
    .sql = "WITH RECURSIVE wanted AS (SELECT value AS name FROM json_array_elements_text($2::json)),"
           " below AS (SELECT name FROM wanted UNION SELECT d FROM below b JOIN object_sync_configs c ON"
           " c.object_type = b.name CROSS JOIN LATERAL unnest(" C_DEPENDS ") d WHERE d <> '')"
           " SELECT CASE WHEN EXISTS (SELECT FROM below WHERE name = $1) THEN 'depends_on leads back to ' || $1"
           " ELSE (SELECT 'depends_on names an unknown object type: ' || min(w.name) FROM wanted w WHERE NOT EXISTS"
           " (SELECT FROM object_sync_configs c WHERE c.object_type = w.name)) END",
};

#define NEW_DEPENDS DEPENDS("$8")

const struct query query_interval_add = {
    .name = "interval_add",
    .sql = "INSERT INTO object_sync_configs AS c (object_type, display_name, description, sync_interval_minutes,"
           " is_sync_enabled, staleness_threshold_minutes, priority, depends_on, cascade_sync, batch_size,"
           " max_retry_attempts, retry_delay_minutes) VALUES ($1, $2, $3, $4::int, $5::boolean, $6::int,"
           " $7::int, " NEW_DEPENDS ", $9::boolean, $10::int, $11::int, $12::int) ON CONFLICT (object_type) DO NOTHING"
           " RETURNING " INTERVAL_JSON,
};

const struct query query_interval_change = {
    .name = "interval_change",
    .sql = "UPDATE object_sync_configs AS c SET display_name = coalesce($2, c.display_name),"
           " description = coalesce($3, c.description),"
           " sync_interval_minutes = coalesce($4::int, c.sync_interval_minutes),"
           " is_sync_enabled = coalesce($5::boolean, c.is_sync_enabled),"
           " staleness_threshold_minutes = coalesce($6::int, c.staleness_threshold_minutes),"
           " priority = coalesce($7::int, c.priority), depends_on = CASE WHEN $8::text IS NULL THEN c.depends_on"
           " ELSE " NEW_DEPENDS " END, cascade_sync = coalesce($9::boolean, c.cascade_sync), batch_size"
           " = coalesce($10::int, c.batch_size), max_retry_attempts = coalesce($11::int, c.max_retry_attempts),"
           " retry_delay_minutes = coalesce($12::int, c.retry_delay_minutes), updated_at = now()"
           " WHERE c.object_type = $1 RETURNING " INTERVAL_JSON,
};

const struct query query_interval_delete = {
    .name = "interval_delete",
    .sql = "DELETE FROM object_sync_configs WHERE object_type = $1 RETURNING json_build_object('success', true,"
           " 'message', 'Configuration of ' || object_type || ' deleted', 'object_type', object_type)",
};

const struct query query_interval_toggle = {
    .name = "interval_toggle",
    .sql = "UPDATE object_sync_configs SET is_sync_enabled = NOT is_sync_enabled, updated_at = now()"
           " WHERE object_type = $1 RETURNING json_build_object('success', true, 'object_type', object_type,"
           " 'is_sync_enabled', is_sync_enabled, 'message', 'Sync of ' || object_type || CASE WHEN is_sync_enabled THEN"
           " ' enabled' ELSE ' disabled' END)",
};

/* What others depend on comes first, then by priority. A cycle made elsewhere ends the descent at depth 16. */
const struct query query_intervals_order = {
    .name = "intervals_order",
    .sql = "WITH RECURSIVE walk AS (SELECT object_type, 0 AS depth FROM object_sync_configs UNION"
           " SELECT c.object_type, w.depth + 1 FROM walk w JOIN object_sync_configs c ON w.object_type"
           " = ANY(" C_DEPENDS ") WHERE w.depth < 16),"
           " deepest AS (SELECT object_type, max(depth) AS depth FROM walk GROUP BY object_type)"
           " SELECT coalesce(json_agg(" INTERVAL_JSON " ORDER BY d.depth, c.priority, c.id), '[]')"
           " FROM object_sync_configs c JOIN deepest d USING (object_type) WHERE c.is_sync_enabled",
};

const struct query query_intervals_summary = {
    .name = "intervals_summary",
    .sql = "SELECT json_build_object('success', true, 'data', json_build_object('total_configs', count(*),"
           " 'enabled_configs', count(*) FILTER (WHERE c.is_sync_enabled),"
           " 'disabled_configs', count(*) FILTER (WHERE NOT c.is_sync_enabled),"
           " 'configs_by_type', coalesce(json_object_agg(c.object_type, json_build_object('display_name',"
           " c.display_name, 'enabled', c.is_sync_enabled, 'interval_minutes', c.sync_interval_minutes, 'priority',"
           " c.priority, 'last_sync', c.last_sync, 'last_attempt', c.last_attempt)), '{}'),"
           " 'next_syncs', coalesce(json_object_agg(c.object_type, " INTERVAL_NEXT ") FILTER (WHERE c.is_sync_enabled),"
           " '{}'), 'stale_configs', coalesce(json_agg(c.object_type ORDER BY c.id) FILTER (WHERE " INTERVAL_STALE
           "), '[]'))) FROM object_sync_configs c",
};

/* The same rows as a fresh database has (migrations 0001 and 0002); when something was last synced stays. */
const struct query query_intervals_reset = {
    .name = "intervals_reset",
    .sql =
        "WITH defaults(object_type, display_name, every, threshold, priority, depends_on, cascade, batch,"
        " delay) AS (VALUES"
        " ('directory', 'Directories', 60, 120, 1, NULL, false, 100, 5),"
        " ('project', 'Projects', 30, 60, 2, 'directory', true, 100, 5),"
        " ('phase', 'Phases', 15, 30, 3, 'project', false, 100, 5),"
        " ('elevation', 'Elevations', 15, 30, 3, 'phase', false, 100, 5),"
        " ('sqlite_parser', 'Parts list parser', 15, 60, 4, 'elevation', true, 100, 5),"
        " ('elevation_glass', 'Glass', 60, 120, 5, 'sqlite_parser', false, 100, 5),"
        " ('parsing_errors', 'Parsing errors', 60, 240, 6, 'sqlite_parser', false, 50, 15)),"
        " done AS (INSERT INTO object_sync_configs AS c (object_type, display_name, sync_interval_minutes,"
        " is_sync_enabled, staleness_threshold_minutes, priority, depends_on, cascade_sync, batch_size,"
        " max_retry_attempts, retry_delay_minutes) SELECT object_type, display_name, every, true, threshold, priority,"
        " depends_on, cascade, batch, 3, delay FROM defaults ON CONFLICT (object_type) DO UPDATE SET"
        " display_name = excluded.display_name, sync_interval_minutes = excluded.sync_interval_minutes,"
        " is_sync_enabled = true, staleness_threshold_minutes = excluded.staleness_threshold_minutes,"
        " priority = excluded.priority, depends_on = excluded.depends_on, cascade_sync = excluded.cascade_sync,"
        " batch_size = excluded.batch_size, max_retry_attempts = excluded.max_retry_attempts,"
        " retry_delay_minutes = excluded.retry_delay_minutes, updated_at = now() RETURNING c.object_type)"
        " SELECT json_build_object('success', true, 'message',"
        " count(*) || ' configurations are back at their defaults',"
        " 'reset_count', count(*)) FROM done",
};
