/* How lists are read page by page: ($1 = after this id, $2 = at most so many, $3 = filter) answer one row: count, last
 * id, the rows as JSON split by commas, how many are stale, when the newest was synced. Objects that are gone upstream
 * are not listed. An object is stale when it was never synced, changed upstream since, or was last confirmed longer ago
 * than its type's threshold. */
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
#define LIST_MORE_OF(x)                                                                                                \
    "($6::boolean OR " x "deleted_at IS NULL) AND ($5::timestamptz IS NULL OR " x "updated_at >= $5::timestamptz"      \
    " OR " x "deleted_at >= $5::timestamptz) AND " x "id > $1::int"

/* x: the row with last_sync_date and last_update_date; seen: when it was last confirmed (may be NULL).
 * What no interval is configured for counts as stale: nobody keeps it fresh. */
#define STALE_SQL(x, seen, type)                                                                                       \
    "(" x ".last_sync_date IS NULL OR coalesce(" x ".last_update_date > " x ".last_sync_date, false)"                  \
    " OR coalesce(greatest(" x ".last_sync_date, " seen                                                                \
    ") < now() - (SELECT make_interval(mins => staleness_threshold_minutes)"                                           \
    " FROM object_sync_configs WHERE object_type = '" type "'), true))"

#endif
