/* What the parser stores: see parts_store.h. */
#include "services/store/parts_store.h"

#include <stdio.h>
#include <stdlib.h>

#include "services/store/db.h"

#define ABANDONED "interval '10 minutes'" /* in_progress for longer: its parser died */

void parts_data_free(struct parts_data *data)
{
    for (int i = 0; i < PARTS_TEXTS; i++) free(data->texts[i]);
    for (size_t i = 0; i < data->glass_count; i++) {
        free(data->glass[i].id);
        free(data->glass[i].name);
    }
    free(data->glass);
    *data = (struct parts_data){0};
}

static int why_not(struct db *db, const char *id, struct err *err)
{
    const char *values[] = {id};
    PGresult *r = db_query(db, err,
                           "SELECT l.content IS NULL, e.parse_status = 'in_progress' FROM elevations e"
                           " LEFT JOIN elevation_parts_lists l ON l.elevation_id = e.id WHERE e.id = $1",
                           1, values);
    if (!r) return -ERR_DB;
    int answer = PQntuples(r) == 0  ? PARTS_UNKNOWN
                 : db_bool(r, 0, 0) ? PARTS_NONE
                 : db_bool(r, 0, 1) ? PARTS_BUSY
                                    : PARTS_CURRENT;
    PQclear(r);
    return answer;
}

int parts_take(struct db *db, int64_t elevation_id, bool force, PGresult **out, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, elevation_id), force ? "t" : "f"};
    *out = db_query(
        db, err,
        "UPDATE elevations e SET parse_status = 'in_progress', parse_started_at = now() FROM elevation_parts_lists l"
        " WHERE e.id = $1 AND l.elevation_id = e.id AND l.content IS NOT NULL"
        "  AND (e.parse_status <> 'in_progress' OR e.parse_started_at IS NULL OR e.parse_started_at < now() "
        "- " ABANDONED ") AND ($2::bool OR e.parse_status <> 'success' OR e.parts_file_hash IS DISTINCT FROM l.sha256)"
        " RETURNING encode(l.content, 'hex'), l.sha256, e.parse_retry_count",
        2, values);
    if (!*out) return -ERR_DB;
    if (PQntuples(*out) == 1) return PARTS_TAKEN;
    PQclear(*out);
    *out = NULL;
    return why_not(db, id, err);
}

static int store_columns(struct db *db, const char *id, const char *sha256, const struct parts_data *data,
                         struct err *err)
{
    char numbers[PARTS_NUMBERS][40], count[DB_NUMBER_SIZE];
    const char *values[18] = {id, sha256};
    for (int i = 0; i < PARTS_TEXTS; i++) values[2 + i] = data->texts[i];
    for (int i = 0; i < PARTS_NUMBERS; i++) {
        snprintf(numbers[i], sizeof(numbers[i]), "%.17g", data->numbers[i].value);
        values[12 + i] = data->numbers[i].is_set ? numbers[i] : NULL;
    }
    values[16] = db_number(count, data->parts_count);
    values[17] = data->problem[0] ? data->problem : NULL;
    int64_t rows = db_exec(
        db, err,
        "UPDATE elevations e SET parts_file_hash = $2, auto_description = $3, auto_description_short = left($4, 255),"
        "  width_unit = left($5, 50), height_unit = left($6, 50), weight_unit = left($7, 50), area_unit = left($8, 50),"
        "  system_code = left($9, 100), system_name = left($10, 255), system_long_name = left($11, 500),"
        "  color_base_long = left($12, 255), width_out = $13, height_out = $14, weight_out = $15, area_output = $16,"
        "  parts_count = $17, parse_error = $18::text, data_parsed_at = now(), parse_retry_count = 0,"
        "  parse_started_at = NULL, updated_at = now(),"
        "  parse_status = CASE WHEN $18::text IS NULL THEN 'success' ELSE 'partial' END"
        " FROM elevation_parts_lists l WHERE e.id = $1 AND l.elevation_id = e.id AND l.sha256 = $2",
        18, values);
    return rows < 0 ? -ERR_DB : (int)rows;
}

static int store_glass(struct db *db, const char *id, const struct parts_data *data, struct err *err)
{
    struct buf ids = {0}, names = {0};
    db_array_begin(&ids);
    db_array_begin(&names);
    for (size_t i = 0; i < data->glass_count; i++) {
        db_array_add(&ids, data->glass[i].id);
        db_array_add(&names, data->glass[i].name);
    }
    db_array_end(&ids);
    db_array_end(&names);
    const char *values[] = {id, ids.data, names.data};
    int64_t rc = ids.failed || names.failed ? err_set(err, ERR_NOMEM, "no memory") : 0;
    if (rc == 0) rc = db_exec(db, err, "DELETE FROM elevation_glass WHERE elevation_id = $1", 1, values);
    if (rc >= 0 && data->glass_count)
        rc = db_exec(db, err,
                     "INSERT INTO elevation_glass (elevation_id, glass_id, name)"
                     " SELECT $1::integer, left(i, 100), left(n, 255) FROM unnest($2::text[], $3::text[]) AS g (i, n)",
                     3, values);
    buf_free(&ids);
    buf_free(&names);
    return rc < 0 ? (int)rc : 0;
}

int parts_store_read(struct db *db, int64_t elevation_id, const char *sha256, const struct parts_data *data,
                     struct err *err)
{
    char id[DB_NUMBER_SIZE];
    db_number(id, elevation_id);
    if (db_begin(db, err) < 0) return -ERR_DB;
    int rows = store_columns(db, id, sha256, data, err);
    int rc = rows < 0 ? rows : rows == 0 ? 1 : store_glass(db, id, data, err);
    if (rc == 0) rc = db_commit(db, err);
    if (rc != 0) db_rollback(db);
    if (rc == 1) return parts_give_back(db, elevation_id, err) < 0 ? -ERR_DB : 1;
    return rc;
}

int parts_store_failure(struct db *db, int64_t elevation_id, const char *status, const char *error_type,
                        const char *text, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, elevation_id), status, error_type, text};
    int64_t rows =
        db_exec(db, err,
                "WITH tried AS (UPDATE elevations e SET parse_status = $2, parse_error = $4, data_parsed_at = now(),"
                "   parse_retry_count = parse_retry_count + 1, parse_started_at = now(), parts_file_hash = l.sha256"
                "  FROM elevation_parts_lists l WHERE e.id = $1 AND l.elevation_id = e.id RETURNING e.id, "
                "parse_retry_count, l.sha256, l.size_bytes)"
                " INSERT INTO parsing_error_logs (elevation_id, error_type, error_message, error_details, retry_count)"
                " SELECT id, $3, $4, json_build_object('sha256', sha256, 'size_bytes', size_bytes), parse_retry_count "
                "FROM tried",
                4, values);
    return rows < 0 ? -ERR_DB : 0;
}

int parts_give_back(struct db *db, int64_t elevation_id, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, elevation_id)};
    return db_exec(db, err,
                   "UPDATE elevations SET parse_status = 'pending', parse_started_at = NULL"
                   " WHERE id = $1 AND parse_status = 'in_progress'",
                   1, values) < 0
               ? -ERR_DB
               : 0;
}

PGresult *parts_waiting_ids(struct db *db, const char *statuses, int64_t project_id, int64_t after, int limit,
                            int max_retries, int delay_min, struct err *err)
{
    char project[DB_NUMBER_SIZE], after_text[DB_NUMBER_SIZE], limit_text[DB_NUMBER_SIZE], retries[DB_NUMBER_SIZE],
        delay[DB_NUMBER_SIZE];
    const char *values[] = {statuses,
                            db_number(project, project_id),
                            db_number(after_text, after),
                            db_number(limit_text, limit),
                            db_number(retries, max_retries),
                            db_number(delay, delay_min)};
    return db_query(
        db, err,
        "SELECT e.id FROM elevations e JOIN elevation_parts_lists l ON l.elevation_id = e.id"
        " WHERE l.content IS NOT NULL AND e.deleted_at IS NULL AND e.parse_status <> 'success' AND e.id > $3"
        "  AND ($2::integer = 0 OR e.project_id = $2::integer)"
        "  AND (e.parse_status = ANY ($1::text[])"
        "       OR (e.parse_status = 'in_progress' AND e.parse_started_at < now() - " ABANDONED "))"
        "  AND (e.parse_retry_count = 0 OR (e.parse_retry_count <= $5::integer"
        "       AND coalesce(e.parse_started_at, e.data_parsed_at, '-infinity') <= now() - $6::integer * interval '1 "
        "minute'))"
        " ORDER BY e.id LIMIT $4",
        6, values);
}
