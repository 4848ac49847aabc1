/* Drawings of elevations in the database, for the task that fetches one. See sync_drawing.h. */
#include "services/store/sync/files/sync_drawing.h"

#include "services/store/db/db.h"
#include "services/store/lease.h"

PGresult *drawing_place(struct db *db, int64_t elevation_id, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, elevation_id)};
    return db_query(db, err,
                    "SELECT d.upstream_chain, coalesce(p.upstream_id, p.logikal_id), coalesce(h.upstream_id,"
                    " h.logikal_id), coalesce(e.upstream_id, e.logikal_id), e.name, e.version_id,"
                    " extract(epoch FROM e.api_changed_date)::bigint, EXISTS (SELECT FROM elevation_drawings w"
                    "  WHERE w.elevation_id = e.id AND w.asked_at IS NOT NULL)"
                    " FROM elevations e JOIN phases h ON h.id = e.phase_id JOIN projects p ON p.id = h.project_id"
                    " JOIN directories d ON d.id = p.directory_id WHERE e.id = $1::integer AND e.deleted_at IS NULL",
                    1, values);
}

int drawing_store(struct db *db, const struct lease *lease, const struct drawing_row *drawing, struct err *err)
{
    char token[DB_NUMBER_SIZE], id[DB_NUMBER_SIZE], changed[DB_NUMBER_SIZE];
    const char *values[] = {lease->name,
                            db_number(token, lease->token),
                            db_number(id, drawing->elevation_id),
                            drawing->bytes,
                            drawing->type,
                            drawing->version_id,
                            drawing->changed_s ? db_number(changed, drawing->changed_s) : NULL,
                            drawing->error,
                            drawing->error_code};
    const int lengths[9] = {[3] = drawing->bytes ? (int)drawing->len : 0};
    PGresult *r = db_query_binary(
        db, err,
        "WITH held AS (SELECT FROM leases WHERE name = $1 AND token = $2::bigint FOR SHARE)"
        " INSERT INTO elevation_drawings AS d (elevation_id, content, content_type, sha256, size_bytes, version_id,"
        "  changed_date, error, error_code, tried_at, fetched_at)"
        " SELECT e.id, $4::bytea, $5::text, encode(sha256($4::bytea), 'hex'), octet_length($4::bytea), $6::text,"
        "  to_timestamp($7::bigint), $8::text, $9::text, now(), CASE WHEN $4::bytea IS NOT NULL THEN now() END"
        " FROM held, elevations e WHERE e.id = $3::integer"
        " ON CONFLICT (elevation_id) DO UPDATE SET asked_at = NULL, asked_by = NULL, tried_at = now(),"
        "  content = coalesce(excluded.content, d.content), content_type = coalesce(excluded.content_type,"
        "  d.content_type), sha256 = coalesce(excluded.sha256, d.sha256), size_bytes = coalesce(excluded.size_bytes,"
        "  d.size_bytes), fetched_at = coalesce(excluded.fetched_at, d.fetched_at), version_id = excluded.version_id,"
        "  changed_date = excluded.changed_date, error = excluded.error, error_code = excluded.error_code"
        " RETURNING true",
        9, values, lengths);
    if (!r) return -ERR_DB;
    int rows = PQntuples(r);
    PQclear(r);
    return rows ? 0 : err_set(err, ERR_CONFLICT, "the lease %s was lost: nothing was written", lease->name);
}

int64_t drawings_sweep(struct db *db, int days, int vanished_days, struct err *err)
{
    char own[DB_NUMBER_SIZE], vanished[DB_NUMBER_SIZE];
    const char *values[] = {db_number(own, days), db_number(vanished, vanished_days)};
    return db_exec(db, err,
                   "DELETE FROM elevation_drawings d USING elevations e WHERE e.id = d.elevation_id"
                   " AND NOT drawing_is_coming(e.id, d.asked_at) AND CASE"
                   "  WHEN e.deleted_at IS NOT NULL THEN $2::integer > 0 AND e.deleted_at < now() - $2::integer *"
                   "   interval '1 day'"
                   "  WHEN d.content IS NULL THEN d.tried_at < now() - interval '1 day'"
                   "  ELSE $1::integer > 0 AND d.fetched_at < now() - $1::integer * interval '1 day' END",
                   2, values);
}
