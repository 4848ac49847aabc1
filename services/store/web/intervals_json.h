/* A row c of object_sync_configs as the JSON that clients know. A type that was never synced is due now. depends_on is
 * stored as words split by commas, or as a JSON list. */
#ifndef LOGIKALD_SERVICES_STORE_WEB_INTERVALS_JSON_H
#define LOGIKALD_SERVICES_STORE_WEB_INTERVALS_JSON_H

#define INTERVAL_DEPENDS                                                                                               \
    "to_json(array_remove(string_to_array(translate(coalesce(c.depends_on, ''), '[]\"'' ', ''), ','), ''))"
#define INTERVAL_FAILED                                                                                                \
    "coalesce(c.last_status = 'failed' OR (c.last_status = 'partial' AND (c.last_sync IS NULL OR"                      \
    " c.last_sync < c.last_attempt)), false)"
/* As due_of (services/sync/due.c) judges a type: a retry has its time, with the retries used up the interval counts
 * from the last attempt, and what is stale before its interval has passed is due then. */
#define INTERVAL_NEXT                                                                                                  \
    "CASE WHEN c.retry_count > 0 AND c.next_retry_at IS NOT NULL THEN c.next_retry_at WHEN " INTERVAL_FAILED           \
    " AND c.last_attempt IS NOT NULL THEN c.last_attempt + make_interval(mins => c.sync_interval_minutes)"             \
    " WHEN c.last_sync IS NULL THEN now() ELSE c.last_sync + make_interval(mins => least(c.sync_interval_minutes,"     \
    " CASE WHEN c.staleness_threshold_minutes > 0 THEN c.staleness_threshold_minutes END)) END"
#define INTERVAL_STALE                                                                                                 \
    "(c.last_sync IS NULL OR c.last_sync < now() - make_interval(mins => c.staleness_threshold_minutes))"
/* The types that this program syncs; others are somebody's slip. */
#define INTERVAL_KNOWN                                                                                                 \
    "c.object_type IN ('directory', 'project', 'phase', 'elevation', 'sqlite_parser', 'elevation_glass', "             \
    "'parsing_errors')"
#define INTERVAL_JSON                                                                                                  \
    "json_build_object('id', c.id, 'object_type', c.object_type, 'display_name', c.display_name,"                      \
    " 'description', c.description, 'sync_interval_minutes', c.sync_interval_minutes,"                                 \
    " 'is_sync_enabled', c.is_sync_enabled, 'staleness_threshold_minutes', c.staleness_threshold_minutes,"             \
    " 'priority', c.priority, 'depends_on', " INTERVAL_DEPENDS ", 'cascade_sync', c.cascade_sync,"                     \
    " 'batch_size', c.batch_size, 'max_retry_attempts', c.max_retry_attempts,"                                         \
    " 'retry_delay_minutes', c.retry_delay_minutes, 'created_at', c.created_at, 'updated_at', c.updated_at,"           \
    " 'last_sync', c.last_sync, 'last_attempt', c.last_attempt, 'next_sync_time', " INTERVAL_NEXT ","                  \
    " 'is_stale', " INTERVAL_STALE ", 'last_status', c.last_status, 'last_error', c.last_error,"                       \
    " 'last_duration_ms', c.last_duration_ms, 'last_count', c.last_count)"

#endif
