/* What a request means that names a project or a directory. See sync_find.h. */
#include "services/store/sync/sync_find.h"

#include "services/store/db/db.h"

PGresult *project_find(struct db *db, const char *wanted, int64_t directory, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {wanted, db_number(id, directory)};
    return db_query(
        db, err,
        "WITH found AS (SELECT p.id, p.logikal_id, p.name, p.directory_id, CASE"
        "   WHEN p.logikal_id = logikald_guid($1) OR p.logikal_id = $1 THEN 0"
        "   WHEN p.name = $1 AND p.deleted_at IS NULL THEN 1 WHEN p.name = $1 THEN 2 ELSE 3 END AS rank"
        "  FROM projects p WHERE p.logikal_id = logikald_guid($1) OR p.logikal_id = $1"
        "   OR ($2::integer IN (0, p.directory_id) AND p.name = $1) OR p.id::text = $1)"
        " SELECT f.id, f.logikal_id, d.upstream_chain, coalesce(d.upstream_path, d.logikal_id), d.id, f.name"
        " FROM found f LEFT JOIN directories d ON d.id = f.directory_id"
        " WHERE f.rank = (SELECT min(rank) FROM found) ORDER BY f.id LIMIT 20",
        2, values);
}

PGresult *directory_find(struct db *db, const char *wanted, struct err *err)
{
    const char *values[] = {wanted};
    return db_query(
        db, err,
        "WITH found AS (SELECT id, coalesce(upstream_path, logikal_id) AS identifier, upstream_chain, name,"
        "  CASE WHEN logikal_id = logikald_directory_key($1) OR upstream_path = $1 THEN 0"
        "   WHEN name = $1 AND deleted_at IS NULL THEN 1 WHEN name = $1 THEN 2 ELSE 3 END AS rank"
        "  FROM directories WHERE logikal_id = logikald_directory_key($1) OR upstream_path = $1 OR name = $1"
        "   OR id::text = $1)"
        " SELECT id, identifier, upstream_chain, name FROM found"
        " WHERE rank = (SELECT min(rank) FROM found) ORDER BY id LIMIT 20",
        1, values);
}
