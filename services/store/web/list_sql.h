/* How lists are read page by page: ($1 = after this id, $2 = at most so many, $3 = filter) answer one row: count, last
 * id, the rows as JSON split by commas, how many are stale, when the newest was synced. Objects that are gone upstream
 * are not listed. An object is stale when it was never synced, is said to have changed since, or was last confirmed
 * longer ago than its type's threshold; all that tell of it go by the rules here. */
#ifndef LOGIKALD_SERVICES_STORE_WEB_LIST_SQL_H
#define LOGIKALD_SERVICES_STORE_WEB_LIST_SQL_H

#define LIST_PAGE_SQL(rows)                                                                                            \
    "SELECT count(*), max(id), coalesce(string_agg(row_to_json(t)::text, ',' ORDER BY id), ''),"                       \
    " count(*) FILTER (WHERE is_stale), to_json(max(last_sync_date))#>>'{}' FROM (" rows                               \
    " ORDER BY id LIMIT $2::int) t"

/* The same for readers that say more: ($3, $4 = filters, $5 = changed at this time or later or NULL, $6 = also those
 * that are gone). The rows have a line each, have deleted_at, and a sixth column says whether what they are looked for
 * in is there. */
#define LIST_MORE_SQL(rows)                                                                                            \
    "SELECT count(*), max(id), coalesce(string_agg(row_to_json(t)::text, E',\n' ORDER BY id), ''),"                    \
    " count(*) FILTER (WHERE is_stale), to_json(max(last_sync_date))#>>'{}', true FROM (" rows                         \
    " ORDER BY id LIMIT $2::int) t"
#define LIST_MORE_SINCE(x, updated)                                                                                    \
    "($6::boolean OR " x "deleted_at IS NULL) AND ($5::timestamptz IS NULL OR " updated " >= $5::timestamptz OR " x    \
    "deleted_at >= $5::timestamptz) AND " x "id > $1::int"
#define LIST_MORE_OF(x) LIST_MORE_SINCE(x, x "updated_at")

/* Of the row x, which the sync has stored with the upstream's date told: has somebody else said later that it changed?
 * The sync's own date it has seen, however far the upstream's clock is ahead of ours. */
#define CHANGED_SQL(x, told)                                                                                           \
    "coalesce(" x ".last_update_date > " x ".last_sync_date AND " x ".last_update_date IS DISTINCT FROM " told         \
    ", false)"
#define EXPIRED_SQL(x, type)                                                                                           \
    "coalesce(greatest(" x ".last_sync_date, k.confirmed_at) < now() - (SELECT make_interval(mins =>"                  \
    " staleness_threshold_minutes) FROM object_sync_configs WHERE object_type = '" type "'), true)"
#define STALE_SQL(x, told, type)                                                                                       \
    "(" x ".last_sync_date IS NULL OR " CHANGED_SQL(x, told) " OR " EXPIRED_SQL(x, type) ")"

/* Of a directory d, a project p, a phase h, an elevation e; k: its project's cursor, if there is one. What no interval
 * is configured for counts as stale: nobody keeps it fresh. */
#define DIRECTORY_IS_STALE                                                                                             \
    "coalesce(coalesce(d.last_api_sync, d.synced_at) < now() - (SELECT make_interval(mins =>"                          \
    " staleness_threshold_minutes) FROM object_sync_configs WHERE object_type = 'directory'), true)"
#define PROJECT_CHANGED    CHANGED_SQL("p", "p.api_changed_date")
#define PHASE_CHANGED      CHANGED_SQL("h", "NULL")
#define ELEVATION_CHANGED  CHANGED_SQL("e", "e.api_changed_date")
#define PROJECT_IS_STALE   STALE_SQL("p", "p.api_changed_date", "project")
#define PHASE_IS_STALE     STALE_SQL("h", "NULL", "phase")
#define ELEVATION_IS_STALE STALE_SQL("e", "e.api_changed_date", "elevation")
/* Each with its cursor. */
#define PROJECTS_SEEN "projects p LEFT JOIN project_cursors k ON k.project_id = p.id"
#define PHASES_SEEN   "phases h LEFT JOIN project_cursors k ON k.project_id = h.project_id"
#define ELEVATIONS_SEEN                                                                                                \
    "elevations e LEFT JOIN phases h ON h.id = e.phase_id LEFT JOIN project_cursors k ON k.project_id = h.project_id"

#endif
