/* See why_read.h. Ages are told by the database's clock, as the scheduler takes them. */
#include "services/store/web/watch/why_read.h"

#include "services/store/web/intervals_json.h"

#define AGE(column)                                                                                                    \
    "CASE WHEN " column " IS NULL THEN -1 ELSE greatest(extract(epoch FROM now() - " column "), 0)::bigint END"

#define SINCE_SYNC    AGE("c.last_sync")
#define SINCE_ATTEMPT AGE("c.last_attempt")
#define PLANT_TYPES                                                                                                    \
    "(SELECT coalesce(json_agg(json_build_object('type', c.object_type, 'name', c.display_name,"                       \
    "   'is_on', c.is_sync_enabled, 'is_known', " INTERVAL_KNOWN ", 'last_sync', c.last_sync,"                         \
    "   'last_attempt', c.last_attempt, 'interval_min', c.sync_interval_minutes,"                                      \
    "   'stale_min', c.staleness_threshold_minutes, 'priority', c.priority,"                                           \
    "   'depends_on', translate(coalesce(c.depends_on, ''), '[]\"'' ', ''), 'max_retries', c.max_retry_attempts,"      \
    "   'retry_delay_min', c.retry_delay_minutes, 'retry_count', c.retry_count, 'next_retry_at', c.next_retry_at,"     \
    "   'since_sync_s', " SINCE_SYNC ", 'since_attempt_s', " SINCE_ATTEMPT ","                                         \
    "   'future_s', extract(epoch FROM c.last_sync - now()),"                                                          \
    "   'retry_in_s', CASE WHEN c.next_retry_at IS NULL THEN -1"                                                       \
    "     ELSE greatest(ceil(extract(epoch FROM c.next_retry_at - now())), 0)::bigint END,"                            \
    "   'has_failed', " INTERVAL_FAILED ","                                                                            \
    "   'finished', coalesce(c.last_finished_status, nullif(c.last_status, 'running')), 'error', c.last_error,"        \
    "   'next', " INTERVAL_NEXT ") ORDER BY c.priority, c.id), '[]') FROM object_sync_configs c)"
#define PLANT_RUNS                                                                                                     \
    "(SELECT coalesce(json_agg(json_build_object('scope', r.scope, 'task_id', r.task_id,"                              \
    "   'current', r.current, 'total', r.total, 'status', r.status, 'started_at', r.started_at,"                       \
    "   'updated_s', extract(epoch FROM now() - r.updated_at), 'trouble', r.trouble,"                                  \
    "   'trouble_since', r.trouble_since) ORDER BY r.id), '[]')"                                                       \
    "   FROM (SELECT * FROM sync_runs WHERE state = 'running' ORDER BY id DESC LIMIT 100) r)"

const struct query query_why_plant = {
    .name = "why_plant",
    .sql = "SELECT json_build_object( 'types', " PLANT_TYPES ", 'runs', " PLANT_RUNS ","
           " 'leases', (SELECT coalesce(json_agg(json_build_object('name', l.name, 'owner', l.owner,"
           "   'acquired_at', l.acquired_at, 'expires_at', l.expires_at,"
           "   'left_s', extract(epoch FROM l.expires_at - now()))), '[]')"
           "   FROM (SELECT * FROM leases WHERE expires_at > now() ORDER BY name DESC LIMIT 200) l),"
           " 'holds', (SELECT coalesce(json_agg(json_build_object('id', h.id, 'reason', h.reason, 'since', h.since,"
           "   'directories', h.directories, 'projects', h.projects, 'phases', h.phases,"
           "   'elevations', h.elevations) ORDER BY h.id), '[]') FROM sync_holds h WHERE h.state = 'open'))",
};

#define GIVEN                                                                                                          \
    "WITH k AS (SELECT btrim($1::text) AS x, logikald_guid(btrim($1::text)) AS guid,"                                  \
    " CASE WHEN $1 ~ '^#[0-9]{1,9}$' THEN substr($1, 2)::integer END AS id, $2::text AS kind)"

const struct query query_why_find = {
    .name = "why_find",
    .sql = GIVEN
    ", d AS (SELECT 'directory' AS kind, o.id, o.name, coalesce(o.full_path, o.name) AS way,"
    "   o.deleted_at IS NOT NULL AS is_gone FROM directories o, k WHERE k.kind IN ('', 'directory')"
    "   AND (o.id = k.id OR lower(o.name) = lower(k.x) OR o.full_path = k.x OR o.logikal_id = k.x)"
    "   ORDER BY is_gone, way, id LIMIT $3::integer),"
    " p AS (SELECT 'project' AS kind, o.id, o.name, concat_ws(' > ', d.full_path, o.name) AS way,"
    "   o.deleted_at IS NOT NULL AS is_gone FROM k, projects o LEFT JOIN directories d ON d.id = o.directory_id"
    "   WHERE k.kind IN ('', 'project') AND (o.id = k.id OR o.logikal_id = k.guid OR lower(o.name) = lower(k.x)"
    "    OR o.job_number = k.x OR o.offer_number = k.x) ORDER BY is_gone, way, o.id LIMIT $3::integer),"
    " e AS (SELECT 'elevation' AS kind, o.id, o.name, concat_ws(' > ', d.full_path, p.name, f.name, o.name) AS way,"
    "   o.deleted_at IS NOT NULL AS is_gone FROM k, elevations o LEFT JOIN phases f ON f.id = o.phase_id"
    "   LEFT JOIN projects p ON p.id = o.project_id LEFT JOIN directories d ON d.id = p.directory_id"
    "   WHERE k.kind IN ('', 'elevation') AND (o.id = k.id OR o.logikal_id = k.guid"
    "    OR lower(o.name) = lower(k.x)) ORDER BY is_gone, way, o.id LIMIT $3::integer)"
    " SELECT coalesce(json_agg(x ORDER BY x.is_gone, x.kind, x.way, x.id), '[]')"
    " FROM (SELECT * FROM d UNION ALL SELECT * FROM p UNION ALL SELECT * FROM e) x",
    .is_slow = true,
};

/* The nearest directory on the way up that is excluded; distance 0 = itself. */
#define EXCLUDED(directory)                                                                                            \
    "(WITH RECURSIVE up AS (SELECT id, parent_id, name, exclude_from_sync, 0 AS n FROM directories"                    \
    "   WHERE id = " directory " UNION ALL SELECT d.id, d.parent_id, d.name, d.exclude_from_sync, n + 1"               \
    "   FROM directories d JOIN up ON d.id = up.parent_id WHERE n < 50)"                                               \
    " SELECT json_build_object('id', id, 'name', name, 'distance', n) FROM up WHERE exclude_from_sync"                 \
    " ORDER BY n LIMIT 1)"
#define MISSING(type, id)                                                                                              \
    "(SELECT json_build_object('state', m.state, 'since', m.since, 'hold', m.hold_id, 'reason', h.reason)"             \
    " FROM sync_missing m LEFT JOIN sync_holds h ON h.id = m.hold_id"                                                  \
    " WHERE m.object_type = '" type "' AND m.object_id = " id ")"
#define OF_PROJECT                                                                                                     \
    " 'project_guid', p.logikal_id, 'failures', c.failures, 'error', c.last_error, 'failed_at', c.failed_at,"          \
    " 'excluded', " EXCLUDED("p.directory_id")

#define DIRECTORY_EXCLUDED EXCLUDED("d.id")
#define MISSING_DIRECTORY  MISSING("directory", "d.id")

const struct query query_why_directory = {
    .name = "why_directory",
    .sql = "SELECT json_build_object('id', d.id, 'name', coalesce(d.full_path, d.name), 'deleted_at', d.deleted_at,"
           " 'read_at', d.synced_at, 'excluded', " DIRECTORY_EXCLUDED ", 'missing', " MISSING_DIRECTORY ")"
           " FROM directories d WHERE d.id = $1::integer",
};

#define MISSING_PROJECT MISSING("project", "p.id")

const struct query query_why_project = {
    .name = "why_project",
    .sql = "SELECT json_build_object('id', p.id, 'name', p.name, 'deleted_at', p.deleted_at,"
           " 'read_at', coalesce(c.confirmed_at, p.last_sync_date), 'missing', " MISSING_PROJECT "," OF_PROJECT ")"
           " FROM projects p LEFT JOIN project_cursors c ON c.project_id = p.id WHERE p.id = $1::integer",
};

#define FILE_OF(alias, former)                                                                                         \
    "json_build_object('error', " alias ".error, 'tries', " alias ".tries, 'retry_at', " alias ".retry_at,"            \
    " 'tried_at', " alias ".tried_at, 'has_former', " former ")"

#define MISSING_ELEVATION MISSING("elevation", "e.id")
#define PARTS_FILE        FILE_OF("l", "l.sha256 IS NOT NULL")
#define THUMBNAIL_FILE    FILE_OF("t", "coalesce(t.size_bytes, 0) > 0")

const struct query query_why_elevation = {
    .name = "why_elevation",
    .sql = "SELECT json_build_object('id', e.id, 'name', e.name, 'deleted_at', e.deleted_at,"
           " 'read_at', coalesce(c.elevations_listed_at, e.last_sync_date), 'missing', " MISSING_ELEVATION ","
           " 'has_parts', e.has_parts_data, 'parse_status', e.parse_status, 'parse_error', e.parse_error,"
           " 'parse_tries', e.parse_retry_count, 'parsed_at', e.data_parsed_at, 'parts', " PARTS_FILE ","
           " 'thumbnail', " THUMBNAIL_FILE "," OF_PROJECT ")"
           " FROM elevations e LEFT JOIN projects p ON p.id = e.project_id"
           " LEFT JOIN project_cursors c ON c.project_id = p.id"
           " LEFT JOIN elevation_parts_lists l ON l.elevation_id = e.id"
           " LEFT JOIN elevation_thumbnails t ON t.elevation_id = e.id WHERE e.id = $1::integer",
};
