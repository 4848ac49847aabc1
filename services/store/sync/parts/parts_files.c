/* Files of parts lists by their content (parts_files): taking over what an earlier version stored elsewhere, reading a
 * file, sweeping what nobody has any more. See parts_files.h. */
#include "services/store/sync/parts/parts_files.h"

#include "services/store/db/db.h"
#include "services/store/frames.h"

int parts_file_load(struct db *db, const char *sha256, struct buf *out, struct err *err)
{
    const char *values[] = {sha256};
    PGresult *r =
        db_query_bytes(db, err, "SELECT content, raw_size::text FROM parts_files WHERE sha256 = $1", 1, values);
    if (!r) return -ERR_DB;
    int rc = PQntuples(r) == 0
                 ? err_set(err, ERR_NOT_FOUND, "there is no file %s", sha256)
                 : frames_unpack(PQgetvalue(r, 0, 0), (size_t)PQgetlength(r, 0, 0), (size_t)db_int(r, 0, 1), out, err);
    PQclear(r);
    return rc;
}

PGresult *parts_unmoved_ids(struct db *db, int64_t after, const char *ids, int limit, struct err *err)
{
    char after_text[DB_NUMBER_SIZE], limit_text[DB_NUMBER_SIZE];
    const char *values[] = {db_number(after_text, after), ids, db_number(limit_text, limit)};
    return db_query(db, err,
                    "SELECT elevation_id FROM elevation_parts_lists WHERE content IS NOT NULL"
                    " AND elevation_id > $1::integer AND ($2::integer[] IS NULL OR elevation_id = ANY ($2::integer[]))"
                    " ORDER BY elevation_id LIMIT $3::integer",
                    3, values);
}

PGresult *parts_unmoved_content(struct db *db, int64_t elevation_id, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, elevation_id)};
    return db_query_bytes(
        db, err, "SELECT content FROM elevation_parts_lists WHERE elevation_id = $1::integer AND content IS NOT NULL",
        1, values);
}

/* The row's own sha256 gives way to that of the bytes, which are looked at again: other ones may have come. */
int parts_move(struct db *db, int64_t elevation_id, const struct packed *packed, struct err *err)
{
    static const char sql[] =
        "WITH file AS (INSERT INTO parts_files AS f (sha256, content, frames, raw_size, stored_size)"
        "  VALUES ($2, $3::bytea, $4::integer[], $5::integer, octet_length($3::bytea))"
        "  ON CONFLICT (sha256) DO UPDATE SET used_at = now()),"
        " moved AS (UPDATE elevation_parts_lists SET content = NULL, sha256 = $2, size_bytes = $5::integer"
        "  WHERE elevation_id = $1::integer AND octet_length(content) = $5::integer"
        "   AND encode(sha256(content), 'hex') = $2 RETURNING elevation_id, fetched_at, version_id, changed_date),"
        " closed AS (UPDATE parts_versions v SET valid_to = now() FROM moved WHERE v.elevation_id = moved.elevation_id"
        "  AND v.valid_to IS NULL AND v.sha256 <> $2 RETURNING v.number)"
        " INSERT INTO parts_versions (elevation_id, number, sha256, valid_from, version_id, changed_date, amount)"
        " SELECT m.elevation_id, coalesce((SELECT max(number) FROM parts_versions WHERE elevation_id = $1::integer), 0)"
        "  + 1, $2, m.fetched_at, m.version_id, m.changed_date, e.amount FROM moved m JOIN elevations e"
        "  ON e.id = m.elevation_id, (SELECT count(*) AS n FROM closed) c WHERE c.n >= 0 AND NOT EXISTS"
        "  (SELECT FROM parts_versions WHERE elevation_id = $1::integer AND valid_to IS NULL AND sha256 = $2)";
    char id[DB_NUMBER_SIZE], size[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, elevation_id), packed->sha256, packed->content.data, packed->starts.data,
                            db_number(size, (int64_t)packed->raw_size)};
    const int lengths[] = {0, 0, (int)packed->content.len, 0, 0};
    PGresult *r = db_query_binary(db, err, sql, 5, values, lengths);
    PQclear(r);
    return r ? 0 : -ERR_DB;
}

/* A file is deleted a day after it was last given to somebody, so that none goes between being stored and being used.
 */
static const char sweep_files[] =
    "WITH gone AS (DELETE FROM parts_files f WHERE f.used_at < now() - interval '1 day'"
    "  AND NOT EXISTS (SELECT FROM parts_versions v WHERE v.sha256 = f.sha256)"
    "  AND NOT EXISTS (SELECT FROM elevation_parts_lists l WHERE l.sha256 = f.sha256) RETURNING stored_size)"
    " SELECT count(*), coalesce(sum(stored_size), 0) FROM gone";

int parts_sweep(struct db *db, int versions, int vanished_days, struct parts_swept *swept, struct err *err)
{
    char keep[DB_NUMBER_SIZE], days[DB_NUMBER_SIZE];
    const char *kept[] = {db_number(keep, versions)}, *vanished[] = {db_number(days, vanished_days)};
    *swept = (struct parts_swept){0};
    int64_t old = db_exec(db, err,
                          "DELETE FROM parts_versions v USING (SELECT elevation_id, number, row_number() OVER"
                          "  (PARTITION BY elevation_id ORDER BY number DESC) AS age FROM parts_versions) a"
                          " WHERE a.elevation_id = v.elevation_id AND a.number = v.number AND a.age > $1::bigint"
                          "  AND v.valid_to IS NOT NULL",
                          1, kept);
    if (old < 0) return -ERR_DB;
    PGresult *r = db_query(
        db, err,
        "WITH gone AS (SELECT id FROM elevations WHERE $1::integer > 0 AND deleted_at < now() - $1::integer"
        "  * interval '1 day'),"
        " lists AS (DELETE FROM elevation_parts_lists l USING gone WHERE l.elevation_id = gone.id RETURNING 1),"
        " unread AS (UPDATE elevations e SET has_parts_data = false, parse_status = 'pending', parse_version = 0"
        "  FROM gone WHERE e.id = gone.id AND e.has_parts_data),"
        " versions AS (DELETE FROM parts_versions v USING gone WHERE v.elevation_id = gone.id RETURNING 1)"
        " SELECT (SELECT count(*) FROM versions), (SELECT count(*) FROM lists)",
        1, vanished);
    if (!r) return -ERR_DB;
    swept->versions = old + db_int(r, 0, 0);
    swept->lists = db_int(r, 0, 1);
    PQclear(r);
    if (db_exec(db, err, "DELETE FROM parts_bills WHERE made_at < now() - interval '7 days'", 0, NULL) < 0)
        return -ERR_DB;
    r = db_query(db, err, sweep_files, 0, NULL);
    if (!r) return -ERR_DB;
    swept->files = db_int(r, 0, 0);
    swept->bytes = db_int(r, 0, 1);
    PQclear(r);
    return 0;
}
