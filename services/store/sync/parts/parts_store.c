/* The parser's side of the database: taking a parts list to read, storing what was read, and what went wrong. See
 * parts_store.h. */
#include "services/store/sync/parts/parts_store.h"

#include <stdio.h>
#include <stdlib.h>

#include "services/store/db/db.h"
#include "services/store/sync/parts/parts_lines.h"

#define ABANDONED "interval '10 minutes'" /* in_progress for longer: its parser died */

void parts_data_free(struct parts_data *data)
{
    for (int i = 0; i < PARTS_TEXTS; i++) free(data->texts[i]);
    for (size_t i = 0; i < data->glass_count; i++) {
        free(data->glass[i].id);
        free(data->glass[i].name);
    }
    free(data->glass);
    free(data->tables);
    for (int i = 0; i < PARTS_KINDS; i++) free(data->lines[i].json);
    *data = (struct parts_data){0};
}

/* The ids of items as an array literal; wanted = those with this state of taken, or (-1) all. */
static char *ids_of(const struct parts_item *items, int n, int wanted)
{
    struct buf ids = {0};
    char number[DB_NUMBER_SIZE];
    db_array_begin(&ids);
    for (int i = 0; i < n; i++)
        if (wanted < 0 || (int)items[i].taken == wanted) db_array_add(&ids, db_number(number, items[i].elevation_id));
    db_array_end(&ids);
    return buf_steal(&ids);
}

static struct parts_item *item_of(struct parts_item *items, int n, int64_t elevation_id)
{
    for (int i = 0; i < n; i++)
        if (items[i].elevation_id == elevation_id) return &items[i];
    return NULL;
}

static void set_taken(struct parts_item *items, int n, const PGresult *r)
{
    for (int i = 0; i < PQntuples(r); i++) {
        struct parts_item *item = item_of(items, n, db_int(r, i, 0));
        if (!item) continue;
        item->taken = PARTS_TAKEN;
        item->stored_bytes = db_int(r, i, 2);
        snprintf(item->sha256, sizeof item->sha256, "%s", db_text(r, i, 1));
    }
}

static void set_why_not(struct parts_item *items, int n, const PGresult *r)
{
    for (int i = 0; i < PQntuples(r); i++) {
        struct parts_item *item = item_of(items, n, db_int(r, i, 0));
        if (!item || item->taken == PARTS_TAKEN) continue;
        item->taken = db_bool(r, i, 1) ? PARTS_NONE : db_bool(r, i, 2) ? PARTS_BUSY : PARTS_CURRENT;
    }
}

int parts_take(struct db *db, struct parts_item *items, int n, struct parts_how how, int reader, struct err *err)
{
    char *ids = ids_of(items, n, -1), version[DB_NUMBER_SIZE];
    const char *values[] = {ids, how.is_forced ? "t" : "f", db_number(version, reader), how.is_again ? "t" : "f"};
    if (!ids) return err_set(err, ERR_NOMEM, "no memory");
    for (int i = 0; i < n; i++) items[i].taken = PARTS_UNKNOWN;
    PGresult *r = db_query(
        db, err,
        "UPDATE elevations e SET parse_status = 'in_progress', parse_started_at = now() FROM elevation_parts_lists l"
        " WHERE e.id = ANY ($1::integer[]) AND l.elevation_id = e.id AND l.sha256 IS NOT NULL"
        "  AND (e.parse_status <> 'in_progress' OR $4::bool OR e.parse_started_at IS NULL OR e.parse_started_at < "
        "now() "
        "- " ABANDONED ") AND ($2::bool OR e.parse_status <> 'success' OR e.parts_file_hash IS DISTINCT FROM l.sha256"
        "   OR e.parse_version < $3::integer)"
        " RETURNING e.id, l.sha256, coalesce((SELECT f.stored_size FROM parts_files f WHERE f.sha256 = l.sha256"
        "  AND l.content IS NULL), l.size_bytes)",
        4, values);
    int taken = r ? PQntuples(r) : 0;
    if (r) set_taken(items, n, r);
    bool is_well = r != NULL;
    PQclear(r);
    if (is_well && taken < n) {
        r = db_query(db, err,
                     "SELECT e.id, l.sha256 IS NULL, e.parse_status = 'in_progress' FROM elevations e"
                     " LEFT JOIN elevation_parts_lists l ON l.elevation_id = e.id WHERE e.id = ANY ($1::integer[])",
                     1, values);
        if (r) set_why_not(items, n, r);
        is_well = r != NULL;
        PQclear(r);
    }
    free(ids);
    return is_well ? 0 : -ERR_DB;
}

/* What is not as large as it was stored comes whole, and is found to be damaged. */
static const char contents_of[] =
    "SELECT l.elevation_id::text, coalesce(l.content, CASE WHEN b.are_some THEN substr(f.content, 1, f.frames[$2::int "
    "+ 1])"
    "  ELSE f.content END), e.name, e.logikal_id, CASE WHEN l.content IS NULL THEN f.raw_size::text END, f.sha256,"
    "  CASE WHEN b.are_some THEN substr(f.content, coalesce(f.frames[cardinality(f.frames) - $3::int +"
    " 1], f.stored_size)"
    "   + 1) END, CASE WHEN b.are_some THEN $3::text END"
    " FROM elevation_parts_lists l JOIN elevations e ON e.id = l.elevation_id"
    " LEFT JOIN parts_files f ON f.sha256 = l.sha256 AND l.content IS NULL, LATERAL (SELECT octet_length(f.content) ="
    "  f.stored_size AND cardinality(f.frames) > $2::int + $3::int AS are_some) b"
    " WHERE l.elevation_id = ANY ($1::integer[])";

PGresult *parts_contents(struct db *db, const struct parts_item *items, int n, int head, int tail, struct err *err)
{
    char *ids = ids_of(items, n, PARTS_TAKEN), first[DB_NUMBER_SIZE], last[DB_NUMBER_SIZE];
    const char *values[] = {ids, db_number(first, head), db_number(last, tail)};
    PGresult *r = ids ? db_query_bytes_often(db, err, contents_of, 3, values) : NULL;
    if (!ids) err_set(err, ERR_NOMEM, "no memory");
    free(ids);
    return r;
}

PGresult *parts_frames(struct db *db, const char *sha256, size_t index, int count, struct err *err)
{
    static const char sql[] =
        "SELECT substr(content, frames[$2::int + 1] + 1, coalesce(frames[$2::int + $3::int + 1], stored_size)"
        " - frames[$2::int + 1]) FROM parts_files WHERE sha256 = $1 AND $2::int < cardinality(frames)";
    char first[DB_NUMBER_SIZE], many[DB_NUMBER_SIZE];
    const char *values[] = {sha256, db_number(first, (int64_t)index), db_number(many, count)};
    return db_query_bytes_often(db, err, sql, 3, values);
}

/* Per item its id, its content, the values, the count of parts, the problem and the reader. */
enum { COLUMNS = 2 + PARTS_TEXTS + PARTS_NUMBERS + 3 };

static void add_columns(struct buf columns[COLUMNS], const struct parts_item *item, int reader)
{
    char number[40];
    const struct parts_data *d = &item->data;
    db_array_add(&columns[0], db_number(number, item->elevation_id));
    db_array_add(&columns[1], item->sha256);
    for (int i = 0; i < PARTS_TEXTS; i++) db_array_add(&columns[2 + i], d->texts[i]);
    for (int i = 0; i < PARTS_NUMBERS; i++) {
        snprintf(number, sizeof number, "%.17g", d->numbers[i].value);
        db_array_add(&columns[2 + PARTS_TEXTS + i], d->numbers[i].is_set ? number : NULL);
    }
    db_array_add(&columns[COLUMNS - 3], db_number(number, d->parts_count));
    db_array_add(&columns[COLUMNS - 2], d->problem[0] ? d->problem : NULL);
    db_array_add(&columns[COLUMNS - 1], db_number(number, reader));
}

static PGresult *store_columns(struct db *db, const struct parts_item *items, int n, int reader, struct err *err)
{
    struct buf columns[COLUMNS] = {{0}};
    const char *values[COLUMNS];
    bool has_failed = false;
    for (int i = 0; i < COLUMNS; i++) db_array_begin(&columns[i]);
    for (int i = 0; i < n; i++)
        if (items[i].is_read) add_columns(columns, &items[i], reader);
    for (int i = 0; i < COLUMNS; i++) {
        db_array_end(&columns[i]);
        has_failed = has_failed || columns[i].failed;
        values[i] = columns[i].data;
    }
    PGresult *r = NULL;
    if (has_failed)
        err_set(err, ERR_NOMEM, "no memory");
    else
        r = db_query(
            db, err,
            "UPDATE elevations e SET parts_file_hash = d.sha, auto_description = d.a, auto_description_short = "
            "left(d.b, 255),"
            "  width_unit = left(d.c, 50), height_unit = left(d.d, 50), weight_unit = left(d.e, 50),"
            "  area_unit = left(d.f, 50), system_code = left(d.g, 100), system_name = left(d.h, 255),"
            "  system_long_name = left(d.i, 500), color_base_long = left(d.j, 255), width_out = d.w, height_out = d.x,"
            "  weight_out = d.y, area_output = d.z, parts_count = d.parts, parse_error = d.problem,"
            "  data_parsed_at = now(), parse_retry_count = CASE WHEN d.problem IS NULL THEN 0 ELSE e.parse_retry_count "
            "+ 1 END,"
            "  parse_started_at = CASE WHEN d.problem IS NOT NULL THEN now() END, updated_at = now(),"
            "  parse_status = CASE WHEN d.problem IS NULL THEN 'success' ELSE 'partial' END, parse_version = d.reader"
            " FROM elevation_parts_lists l, unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::text[],"
            "   $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::float8[],"
            "   $14::float8[], $15::float8[], $16::float8[], $17::bigint[], $18::text[], $19::integer[])"
            "  AS d (id, sha, a, b, c, d, e, f, g, h, i, j, w, x, y, z, parts, problem, reader)"
            " WHERE e.id = d.id AND l.elevation_id = d.id AND l.sha256 = d.sha RETURNING e.id",
            COLUMNS, values);
    for (int i = 0; i < COLUMNS; i++) buf_free(&columns[i]);
    return r;
}

static void add_glass(struct buf columns[3], const struct parts_item *item)
{
    char number[DB_NUMBER_SIZE];
    db_number(number, item->elevation_id);
    for (size_t i = 0; i < item->data.glass_count; i++) {
        db_array_add(&columns[0], number);
        db_array_add(&columns[1], item->data.glass[i].id);
        db_array_add(&columns[2], item->data.glass[i].name);
    }
}

/* Panes read now ($1 elevations, $2 ids, $3 names) and panes stored, of the elevations $4; equal ones are numbered.
 * Only the difference is written, so that the journal of changes tells of no pane that stayed. */
#define GLASS_NUMBERED                                                                                                 \
    "WITH now_read AS (SELECT e, left(i, 100) AS i, left(n, 255) AS n, row_number() OVER (PARTITION BY e,"             \
    "   left(i, 100), left(n, 255)) AS k FROM unnest($1::integer[], $2::text[], $3::text[]) AS g (e, i, n)),"          \
    " stored AS (SELECT id, elevation_id AS e, glass_id AS i, name AS n, row_number() OVER (PARTITION BY"              \
    "   elevation_id, glass_id, name ORDER BY id) AS k FROM elevation_glass WHERE elevation_id = ANY ($4::integer[]))"
#define GLASS_SAME "r.e = s.e AND (r.i, r.n, r.k) IS NOT DISTINCT FROM (s.i, s.n, s.k)"

static const char drop_glass[] = GLASS_NUMBERED
    " DELETE FROM elevation_glass g USING stored s WHERE g.id = s.id AND NOT EXISTS (SELECT FROM now_read r"
    " WHERE " GLASS_SAME ")";
static const char add_glass_rows[] =
    GLASS_NUMBERED " INSERT INTO elevation_glass (elevation_id, glass_id, name) SELECT r.e, r.i, r.n FROM now_read r"
                   " WHERE NOT EXISTS (SELECT FROM stored s WHERE " GLASS_SAME ")";

static int store_glass(struct db *db, const struct parts_item *items, int n, struct err *err)
{
    struct buf columns[3] = {{0}}, stored = {0};
    char number[DB_NUMBER_SIZE];
    db_array_begin(&stored);
    for (int i = 0; i < 3; i++) db_array_begin(&columns[i]);
    for (int i = 0; i < n; i++) {
        if (!items[i].is_stored) continue;
        db_array_add(&stored, db_number(number, items[i].elevation_id));
        add_glass(columns, &items[i]);
    }
    db_array_end(&stored);
    for (int i = 0; i < 3; i++) db_array_end(&columns[i]);
    const char *values[] = {columns[0].data, columns[1].data, columns[2].data, stored.data};
    bool has_failed = stored.failed || columns[0].failed || columns[1].failed || columns[2].failed;
    int64_t rc = has_failed ? err_set(err, ERR_NOMEM, "no memory") : 0;
    if (rc == 0) rc = db_exec(db, err, drop_glass, 4, values);
    if (rc >= 0) rc = db_exec(db, err, add_glass_rows, 4, values);
    for (int i = 0; i < 3; i++) buf_free(&columns[i]);
    buf_free(&stored);
    return rc < 0 ? (int)rc : 0;
}

int parts_store_read(struct db *db, struct parts_item *items, int n, int reader, struct err *err)
{
    if (db_begin(db, err) < 0) return -ERR_DB;
    PGresult *r = store_columns(db, items, n, reader, err);
    for (int i = 0; r && i < PQntuples(r); i++) {
        struct parts_item *item = item_of(items, n, db_int(r, i, 0));
        if (item) item->is_stored = true;
    }
    int rc = r ? store_glass(db, items, n, err) : -ERR_DB;
    if (rc == 0) rc = parts_lines_store(db, items, n, reader, err);
    PQclear(r);
    if (rc == 0) rc = db_commit(db, err);
    if (rc < 0) db_rollback(db);
    return rc;
}

int parts_store_failure(struct db *db, int64_t elevation_id, const char *status, const char *error_type,
                        const char *text, int reader, struct err *err)
{
    char id[DB_NUMBER_SIZE], version[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, elevation_id), status, error_type, text, db_number(version, reader)};
    int64_t rows =
        db_exec(db, err,
                "WITH tried AS (UPDATE elevations e SET parse_status = $2, parse_error = $4, data_parsed_at = now(),"
                "   parse_retry_count = parse_retry_count + 1, parse_started_at = now(), parts_file_hash = l.sha256,"
                "   parse_version = $5::integer"
                "  FROM elevation_parts_lists l WHERE e.id = $1 AND l.elevation_id = e.id RETURNING e.id, "
                "parse_retry_count, l.sha256, l.size_bytes)"
                " INSERT INTO parsing_error_logs (elevation_id, error_type, error_message, error_details, retry_count)"
                " SELECT id, $3, $4, json_build_object('sha256', sha256, 'size_bytes', size_bytes), parse_retry_count "
                "FROM tried",
                5, values);
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
                            int max_retries, int delay_min, int reader, struct err *err)
{
    char project[DB_NUMBER_SIZE], after_text[DB_NUMBER_SIZE], limit_text[DB_NUMBER_SIZE], retries[DB_NUMBER_SIZE],
        delay[DB_NUMBER_SIZE], version[DB_NUMBER_SIZE];
    const char *values[] = {statuses,
                            db_number(project, project_id),
                            db_number(after_text, after),
                            db_number(limit_text, limit),
                            db_number(retries, max_retries),
                            db_number(delay, delay_min),
                            db_number(version, reader)};
    return db_query(
        db, err,
        "SELECT id FROM (SELECT e.id FROM elevations e JOIN elevation_parts_lists l ON l.elevation_id = e.id"
        " WHERE l.sha256 IS NOT NULL AND e.deleted_at IS NULL AND e.parse_status <> 'success' AND e.id > $3"
        "  AND ($2::integer = 0 OR e.project_id = $2::integer)"
        "  AND (e.parse_status = ANY ($1::text[])"
        "       OR (e.parse_status = 'in_progress' AND e.parse_started_at < now() - " ABANDONED "))"
        "  AND (e.parse_retry_count = 0 OR (e.parse_retry_count <= $5::integer"
        "       AND coalesce(e.parse_started_at, e.data_parsed_at,"
        " '-infinity') <= now() - $6::integer * interval '1 minute'))"
        " UNION SELECT e.id FROM elevations e JOIN elevation_parts_lists l ON l.elevation_id = e.id"
        " WHERE l.sha256 IS NOT NULL AND e.has_parts_data AND e.deleted_at IS NULL AND e.parse_version < $7::integer"
        "  AND e.id > $3 AND e.parse_status <> 'in_progress' AND ($2::integer = 0 OR e.project_id = $2::integer)) w"
        " ORDER BY id LIMIT $4",
        7, values);
}
