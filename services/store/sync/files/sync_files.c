/* Files of elevations: see sync_files.h. Each store is one statement, which writes nothing when the lease was lost. */
#include "services/store/sync/files/sync_files.h"

#include <stdio.h>
#include <string.h>
#include <openssl/evp.h>

#include "services/store/db/db.h"
#include "services/store/frames.h"
#include "services/store/lease.h"
#include "services/store/sync/files/sync_files_sql.h"

#define THUMBNAIL_WANTED WANTS_THUMBNAIL("$7")
#define PARTS_WANTED     WANTS_PARTS("$7")

PGresult *files_wanted(struct db *db, int64_t run, int64_t project_id, int64_t after_phase, int64_t after_id,
                       bool thumbnails, bool parts_lists, int limit, struct err *err)
{
    char project[DB_NUMBER_SIZE], phase[DB_NUMBER_SIZE], id[DB_NUMBER_SIZE], limit_text[DB_NUMBER_SIZE],
        run_text[DB_NUMBER_SIZE];
    const char *values[] = {db_number(project, project_id), db_number(phase, after_phase), db_number(id, after_id),
                            thumbnails ? "t" : "f",         parts_lists ? "t" : "f",       db_number(limit_text, limit),
                            db_number(run_text, run)};
    return db_query(
        db, err,
        "SELECT * FROM (SELECT e.phase_id, e.id, coalesce(e.upstream_id, e.logikal_id), coalesce(p.upstream_id,"
        " p.logikal_id), e.version_id,"
        "   extract(epoch FROM e.api_changed_date)::bigint,"
        "   $4::bool AND " THUMBNAIL_WANTED " AS wants_thumbnail,"
        "   $5::bool AND " PARTS_WANTED " AS wants_parts,"
        "   coalesce(l.size_bytes, 0), coalesce(l.sha256 IS NOT NULL AND (l.error IS NULL OR"
        " l.tries > 0)"
        "    AND e.parse_status NOT IN ('failed', 'validation_failed'), false) AS has_good,"
        "   coalesce((l.version_id, l.changed_date) IS NOT DISTINCT FROM"
        "    (e.version_id, e.api_changed_date), false),"
        "   CASE WHEN l.content IS NULL THEN l.sha256 END, e.name"
        "  FROM elevations e JOIN phases p ON p.id = e.phase_id"
        "  LEFT JOIN elevation_thumbnails t ON t.elevation_id = e.id"
        "  LEFT JOIN elevation_parts_lists l ON l.elevation_id = e.id"
        "  WHERE e.project_id = $1 AND e.deleted_at IS NULL AND p.deleted_at IS NULL"
        "   AND (e.phase_id, e.id) > ($2::integer, $3::integer)"
        "   AND NOT EXISTS (SELECT FROM sync_missing m WHERE (m.object_type, m.object_id) IN"
        "    (('elevation', e.id), ('phase', e.phase_id)))) w"
        " WHERE wants_thumbnail OR wants_parts ORDER BY phase_id, id LIMIT $6",
        7, values);
}

static const char *sha256_hex(const void *bytes, size_t len, char out[65])
{
    unsigned char digest[32];
    if (EVP_Digest(bytes, len, digest, NULL, EVP_sha256(), NULL) != 1) return NULL;
    for (int i = 0; i < 32; i++) snprintf(out + 2 * i, 3, "%02x", digest[i]);
    return out;
}

#define HELD "WITH held AS (SELECT FROM leases WHERE name = $1 AND token = $2::bigint FOR SHARE)"

struct file_values {
    char token[DB_NUMBER_SIZE], id[DB_NUMBER_SIZE], size[DB_NUMBER_SIZE], changed[DB_NUMBER_SIZE], sha[65];
    const char *values[12];
    int lengths[12];
};

static void bind(struct file_values *v, const struct lease *lease, const struct file_row *file)
{
    const char *sha = file->bytes ? sha256_hex(file->bytes, file->len, v->sha) : NULL;
    const char *values[10] = {lease->name,
                              db_number(v->token, lease->token),
                              db_number(v->id, file->elevation_id),
                              file->bytes,
                              file->type,
                              sha,
                              file->bytes ? db_number(v->size, (int64_t)file->len) : NULL,
                              file->version_id,
                              file->changed_s ? db_number(v->changed, file->changed_s) : NULL,
                              file->error};
    for (int i = 0; i < 10; i++) {
        v->values[i] = values[i];
        v->lengths[i] = 0;
    }
    v->lengths[3] = file->bytes ? (int)file->len : 0;
}

/* Runs a store; its single row says whether the content is the one of before. */
static int run(struct db *db, const char *sql, int n, const struct file_values *v, struct err *err)
{
    PGresult *r = db_query_often(db, err, sql, n, v->values, v->lengths);
    if (!r) return -ERR_DB;
    int rows = PQntuples(r);
    int is_same = rows && db_bool(r, 0, 0);
    PQclear(r);
    if (rows == 0) return err_set(err, ERR_CONFLICT, "the lease %s was lost: nothing was written", v->values[0]);
    return is_same;
}

int file_store_thumbnail(struct db *db, const struct lease *lease, const struct file_row *file, struct err *err)
{
    struct file_values v;
    bind(&v, lease, file);
    return run(db,
               HELD ", former AS (SELECT sha256 FROM elevation_thumbnails WHERE elevation_id = $3::integer),"
                    " stored AS (INSERT INTO elevation_thumbnails AS t (elevation_id, content, content_type, sha256,"
                    "  size_bytes, version_id, changed_date, error, fetched_at)"
                    " SELECT $3::integer, $4::bytea, $5::text, $6::text, $7::integer, $8::text,"
                    "  to_timestamp($9::bigint), $10::text, now() FROM held"
                    " ON CONFLICT (elevation_id) DO UPDATE SET tries = 0, retry_at = NULL, tried_at = now(),"
                    "  content = CASE WHEN t.sha256 = excluded.sha256 THEN t.content ELSE excluded.content END,"
                    "  content_type = excluded.content_type, sha256 = excluded.sha256,"
                    "  size_bytes = excluded.size_bytes, version_id = excluded.version_id,"
                    "  changed_date = excluded.changed_date, error = excluded.error, fetched_at = now()"
                    " RETURNING elevation_id, sha256),"
                    " shown AS (UPDATE elevations e SET thumbnail_url = u.url FROM stored, LATERAL (SELECT CASE WHEN"
                    "  $4::bytea IS NOT NULL THEN '/api/v1/elevations/' || stored.elevation_id || '/thumbnail' END AS"
                    "  url) u WHERE e.id = stored.elevation_id AND e.thumbnail_url IS DISTINCT FROM u.url)"
                    " SELECT coalesce(stored.sha256 = (SELECT sha256 FROM former), false) FROM stored",
               10, &v, err);
}

/* Bytes that came again as they were, and could not be read, are as good as a failure: asked for again later. */
static const char store_parts[] = HELD
    ", former AS (SELECT l.sha256, l.error, l.tries FROM elevation_parts_lists l WHERE l.elevation_id = $3::integer),"
    " judged AS (SELECT $10::text IS NOT NULL OR (e.parse_status = 'failed' AND $5::text ="
    "  (SELECT sha256 FROM former)) AS is_bad FROM elevations e WHERE e.id = $3::integer),"
    " tried AS (SELECT CASE WHEN is_bad THEN coalesce((SELECT tries FROM former), 0) + 1"
    " ELSE 0 END AS tries FROM judged),"
    " file AS (INSERT INTO parts_files AS f (sha256, content, frames, raw_size, stored_size)"
    "  SELECT $5::text, $4::bytea, $11::integer[], $6::integer, octet_length($4::bytea) FROM held"
    "  WHERE $4::bytea IS NOT NULL ON CONFLICT (sha256) DO UPDATE SET used_at = now()),"
    " stored AS (INSERT INTO elevation_parts_lists AS l (elevation_id, sha256, size_bytes, version_id,"
    "  changed_date, error, fetched_at, tried_at, tries, retry_at, failed_version, failed_date)"
    " SELECT $3::integer, $5::text, $6::integer, $7::text, to_timestamp($8::bigint),"
    "  coalesce($9::text, $10::text), now(), now(), tries, CASE WHEN tries > 0 THEN now() + "
    "logikald_file_delay(tries, 0)"
    "  END, $7::text, to_timestamp($8::bigint) FROM held, tried"
    " ON CONFLICT (elevation_id) DO UPDATE SET sha256 = excluded.sha256, content = NULL,"
    "  size_bytes = excluded.size_bytes, version_id = excluded.version_id, changed_date = excluded.changed_date,"
    "  error = excluded.error, fetched_at = now(), tried_at = now(), tries = excluded.tries, retry_at = "
    "excluded.retry_at,"
    "  failed_version = excluded.failed_version, failed_date = excluded.failed_date"
    " RETURNING elevation_id, sha256),"
    " closed AS (UPDATE parts_versions v SET valid_to = now() FROM stored WHERE v.elevation_id = $3::integer"
    "  AND v.valid_to IS NULL AND v.sha256 IS DISTINCT FROM $5::text RETURNING v.number),"
    " opened AS (INSERT INTO parts_versions (elevation_id, number, sha256, run_id, version_id, changed_date, amount)"
    "  SELECT $3::integer, coalesce((SELECT max(number) FROM parts_versions WHERE elevation_id = $3::integer), 0) + 1,"
    "   $5::text, $12::bigint, $7::text, to_timestamp($8::bigint), e.amount"
    "  FROM stored JOIN elevations e ON e.id = stored.elevation_id, (SELECT count(*) AS n FROM closed) c"
    "  WHERE $5::text IS NOT NULL AND c.n >= 0 AND NOT EXISTS (SELECT FROM parts_versions"
    "   WHERE elevation_id = $3::integer AND valid_to IS NULL AND sha256 = $5::text)),"
    " same AS (SELECT coalesce(stored.sha256 = (SELECT sha256 FROM former), false) AS is_same,"
    "  (SELECT error FROM former) IS NOT NULL AS was_bad FROM stored),"
    " shown AS (UPDATE elevations e SET has_parts_data = $5::text IS NOT NULL, parts_synced_at = now(),"
    "   parse_status = CASE WHEN $10::text IS NOT NULL THEN 'validation_failed'"
    "    WHEN is_same AND parse_status <> 'validation_failed' AND NOT (was_bad AND parse_status = 'partial')"
    "    THEN parse_status WHEN $5::text IS NULL THEN parse_status ELSE 'pending' END,"
    "   parse_error = CASE WHEN $10::text IS NOT NULL THEN $10::text"
    "    WHEN is_same AND (NOT was_bad OR parse_status = 'failed') THEN parse_error END,"
    "   parse_retry_count = CASE WHEN is_same THEN parse_retry_count ELSE 0 END"
    "  FROM same WHERE e.id = $3::integer)"
    " SELECT is_same FROM same";

int file_store_parts(struct db *db, const struct lease *lease, const struct file_row *file, const struct packed *packed,
                     bool has_file, int64_t run_id, const char *invalid, struct err *err)
{
    struct file_values v;
    char run_text[DB_NUMBER_SIZE];
    bool is_sent = packed && !has_file;
    const char *values[12] = {lease->name,
                              db_number(v.token, lease->token),
                              db_number(v.id, file->elevation_id),
                              is_sent ? packed->content.data : NULL,
                              packed ? packed->sha256 : NULL,
                              packed ? db_number(v.size, (int64_t)packed->raw_size) : NULL,
                              file->version_id,
                              file->changed_s ? db_number(v.changed, file->changed_s) : NULL,
                              file->error,
                              invalid,
                              is_sent ? packed->starts.data : NULL,
                              run_id ? db_number(run_text, run_id) : NULL};
    const int lengths[12] = {0, 0, 0, is_sent ? (int)packed->content.len : 0};
    memcpy(v.values, values, sizeof values);
    memcpy(v.lengths, lengths, sizeof lengths);
    return run(db, store_parts, 12, &v, err);
}

/* $1 lease, $2 token, $3 elevation, $4 version, $5 changed, $6 error, $7 free failures, $8 (of parts lists) the limit
 */
#define STORE_FAILURE(table, column, value)                                                                            \
    HELD ", stored AS (INSERT INTO " table " AS f (elevation_id, error, tries, retry_at, failed_version, failed_date," \
         "  tried_at" column ")"                                                                                       \
         " SELECT $3::integer, $6::text, 1, now() + logikald_file_delay(1, $7::integer), $4::text,"                    \
         "  to_timestamp($5::bigint), now()" value " FROM held"                                                        \
         " ON CONFLICT (elevation_id) DO UPDATE SET error = excluded.error, tried_at = now(),"                         \
         "  (failed_version, failed_date" column ") = ROW (excluded.failed_version, excluded.failed_date" value "),"   \
         "  tries = CASE WHEN (f.failed_version, f.failed_date) IS NOT DISTINCT FROM"                                  \
         "   (excluded.failed_version, excluded.failed_date) THEN f.tries + 1 ELSE 1 END,"                             \
         "  retry_at = now() + logikald_file_delay(CASE WHEN (f.failed_version, f.failed_date) IS NOT DISTINCT FROM"   \
         "   (excluded.failed_version, excluded.failed_date) THEN f.tries + 1 ELSE 1 END, $7::integer)"                \
         " RETURNING f.*)"

/* What is refused for good, where there is no former one, is a failure for people, too; anything else still waits. */
static const char parts_failure[] =
    STORE_FAILURE("elevation_parts_lists", ", refused_limit",
                  ", $8::bigint") ", shown AS"
                                  " (UPDATE elevations e SET parse_error = $6::text, parts_synced_at = now(), "
                                  "parse_status = CASE WHEN"
                                  "   stored.sha256 IS NULL AND $7::integer = 0 THEN 'failed' ELSE e.parse_status END"
                                  "  FROM stored WHERE e.id = stored.elevation_id) SELECT true FROM stored";
static const char thumbnail_failure[] = STORE_FAILURE("elevation_thumbnails", "", "") " SELECT true FROM stored";

int file_store_failure(struct db *db, const struct lease *lease, bool is_parts, const struct file_row *file, int free,
                       struct err *err)
{
    struct file_values v = {.values = {NULL}};
    char free_text[DB_NUMBER_SIZE], limit[DB_NUMBER_SIZE];
    const char *values[] = {lease->name,
                            db_number(v.token, lease->token),
                            db_number(v.id, file->elevation_id),
                            file->version_id,
                            file->changed_s ? db_number(v.changed, file->changed_s) : NULL,
                            file->error,
                            db_number(free_text, free),
                            file->refused_limit ? db_number(limit, file->refused_limit) : NULL};
    memcpy(v.values, values, sizeof values);
    int rc = run(db, is_parts ? parts_failure : thumbnail_failure, is_parts ? 8 : 7, &v, err);
    return rc < 0 ? rc : 0;
}

int files_limit(struct db *db, int64_t limit, struct err *err)
{
    char text[DB_NUMBER_SIZE];
    const char *values[] = {db_number(text, limit)};
    return db_exec(db, err,
                   "UPDATE elevation_parts_lists SET retry_at = now(), refused_limit = NULL"
                   " WHERE refused_limit < $1::bigint",
                   1, values) < 0
               ? -ERR_DB
               : 0;
}
