/* Statements on directories. One is left out of the sync when it, or any directory above it, is excluded. */
#include "services/store/web/directories_read.h"
#include "services/store/web/list_sql.h"

/* The tree with what is inherited from above, and when that or the directory itself last changed. */
#define TREE                                                                                                           \
    "WITH RECURSIVE tree AS (SELECT d.id, false AS is_excluded_by_parent, d.updated_at AS moved_at FROM directories d" \
    " LEFT JOIN directories up ON up.id = d.parent_id WHERE up.id IS NULL"                                             \
    " UNION ALL SELECT d.id, t.is_excluded_by_parent OR up.exclude_from_sync, greatest(t.moved_at, d.updated_at)"      \
    " FROM tree t"                                                                                                     \
    " JOIN directories up ON up.id = t.id JOIN directories d ON d.parent_id = t.id) "
#define ROW                                                                                                            \
    "SELECT d.logikal_id, d.name, d.full_path, d.level, d.parent_id, d.exclude_from_sync, d.id, d.synced_at,"          \
    " d.last_api_sync, d.api_created_date, d.api_changed_date, d.sync_status, d.created_at, d.updated_at,"             \
    " tree.is_excluded_by_parent, NOT tree.is_excluded_by_parent AS can_toggle_exclusion"
#define STALE ", coalesce(d.last_api_sync, d.synced_at) AS last_sync_date, " DIRECTORY_IS_STALE " AS is_stale"
#define FROM  " FROM directories d JOIN tree ON tree.id = d.id WHERE d.deleted_at IS NULL"

const struct query query_directories_page = {
    .name = "directories_page",
    .sql = TREE LIST_PAGE_SQL(ROW STALE FROM " AND d.id > $1::int AND $3::text IS NULL"),
};

const struct query query_directories_syncable = {
    .name = "directories_syncable",
    .sql = TREE LIST_PAGE_SQL(ROW STALE FROM " AND d.id > $1::int AND $3::text IS NULL"
                                             " AND NOT d.exclude_from_sync AND NOT tree.is_excluded_by_parent"),
};

#define FROM_MORE                                                                                                      \
    ", d.deleted_at FROM directories d JOIN tree ON tree.id = d.id WHERE $3::text IS NULL AND $4::text IS NULL "       \
    "AND " LIST_MORE_SINCE("d.", "tree.moved_at")

const struct query query_directories_more = {
    .name = "directories_more",
    .is_slow = true,
    .sql = TREE LIST_MORE_SQL(ROW STALE FROM_MORE),
};

const struct query query_directories_syncable_more = {
    .name = "directories_syncable_more",
    .is_slow = true,
    .sql = TREE LIST_MORE_SQL(ROW STALE FROM_MORE " AND NOT d.exclude_from_sync AND NOT tree.is_excluded_by_parent"),
};

const struct query query_directory_get = {
    .name = "directory_get",
    .sql = TREE "SELECT row_to_json(t) FROM (" ROW FROM
                " AND (d.logikal_id = $1 OR d.upstream_path = $1 OR d.id::text = $1)"
                " ORDER BY d.logikal_id = $1 DESC LIMIT 1) t",
};

/* Nothing below an excluded directory is synced; the flag of those below stays as it is. */
const struct query query_directory_exclude = {
    .name = "directory_exclude",
    .sql = "UPDATE directories SET exclude_from_sync = $2::boolean, updated_at = now() WHERE id = $1::int"
           " RETURNING json_build_object('success', true, 'message', CASE WHEN $2::boolean"
           " THEN 'Directory excluded from sync' ELSE 'Directory included in sync' END, 'directory_id', id,"
           " 'exclude_from_sync', exclude_from_sync, 'affected_count', 1)",
};

const struct query query_directories_exclude = {
    .name = "directories_exclude",
    .sql = "WITH wanted AS (SELECT DISTINCT value::int AS id FROM json_array_elements_text($1::json)),"
           " done AS (UPDATE directories d SET exclude_from_sync = $2::boolean, updated_at = now() FROM wanted w"
           " WHERE d.id = w.id RETURNING d.id)"
           " SELECT json_build_object('success', true, 'message', count(d.id) || ' directories updated',"
           " 'updated_count', count(d.id), 'affected_count', count(d.id), 'exclude_from_sync', $2::boolean,"
           " 'not_found', coalesce(json_agg(w.id ORDER BY w.id) FILTER (WHERE d.id IS NULL), '[]'))"
           " FROM wanted w LEFT JOIN done d ON d.id = w.id",
};
