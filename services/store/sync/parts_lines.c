/* Lines into their tables: see parts_lines.h. A file that several elevations have is written once. */
#include "services/store/sync/parts_lines.h"

#include <string.h>

#include "services/store/db.h"

#define AT_ONCE 32 /* files whose lines are sent together */

/* An earlier item has the same file. */
static bool is_double(const struct parts_item *items, int i)
{
    for (int k = 0; k < i; k++)
        if (items[k].is_stored && strcmp(items[k].sha256, items[i].sha256) == 0) return true;
    return false;
}

/* Runs a statement with `count` arrays and the reader's version behind them. */
static int run(struct db *db, struct buf *columns, int count, int reader, const char *sql, struct err *err)
{
    const char *values[6];
    char version[DB_NUMBER_SIZE];
    bool has_failed = false;
    for (int i = 0; i < count; i++) {
        db_array_end(&columns[i]);
        values[i] = columns[i].data;
        has_failed = has_failed || columns[i].failed;
    }
    values[count] = db_number(version, reader);
    int64_t rc =
        has_failed ? err_set(err, ERR_NOMEM, "no memory") : db_exec(db, err, sql, count + (reader > 0), values);
    for (int i = 0; i < count; i++) buf_free(&columns[i]);
    return rc < 0 ? (int)rc : 0;
}

static int store_files(struct db *db, const struct parts_item *items, int n, int reader, struct err *err)
{
    struct buf columns[3] = {{0}};
    for (int i = 0; i < 3; i++) db_array_begin(&columns[i]);
    for (int i = 0; i < n; i++) {
        if (!items[i].is_stored || is_double(items, i)) continue;
        db_array_add(&columns[0], items[i].sha256);
        db_array_add(&columns[1], items[i].data.tables);
        db_array_add(&columns[2], items[i].data.problem[0] ? items[i].data.problem : NULL);
    }
    return run(db, columns, 3, reader,
               "UPDATE parts_files f SET reader = $4::integer, read_at = now(), tables = d.tables::jsonb,"
               " problem = d.problem FROM unnest($1::text[], $2::text[], $3::text[]) AS d (sha, tables, problem)"
               " WHERE f.sha256 = d.sha",
               err);
}

/* Kinds that an older reader found, and this one does not, go. */
static const char drop_sql[] =
    "DELETE FROM parts_lines l WHERE l.sha256 = ANY ($1::text[]) AND NOT EXISTS (SELECT FROM"
    " unnest($1::text[], $2::text[]) AS d (sha, kind) WHERE d.sha = l.sha256 AND d.kind = l.kind)";
/* What is read again and is the same is not written. */
static const char store_sql[] =
    "INSERT INTO parts_lines AS l (sha256, kind, line_count, lines)"
    " SELECT d.sha, d.kind, d.n, d.lines::jsonb FROM unnest($1::text[], $2::text[], $3::integer[], $4::text[])"
    "  AS d (sha, kind, n, lines) WHERE EXISTS (SELECT FROM parts_files f WHERE f.sha256 = d.sha)"
    " ON CONFLICT (sha256, kind) DO UPDATE SET line_count = excluded.line_count, lines = excluded.lines"
    " WHERE l.lines <> excluded.lines";

/* Of the items from first to end. */
static int store_some(struct db *db, const struct parts_item *items, int first, int end, struct err *err)
{
    struct buf columns[4] = {{0}}, kinds[2] = {{0}};
    char number[DB_NUMBER_SIZE];
    for (int i = 0; i < 4; i++) db_array_begin(&columns[i]);
    for (int i = 0; i < 2; i++) db_array_begin(&kinds[i]);
    for (int i = first; i < end; i++) {
        if (!items[i].is_stored || is_double(items, i)) continue;
        for (int k = 0; k < PARTS_KINDS; k++) {
            const struct parts_lines *lines = &items[i].data.lines[k];
            if (!lines->kind) continue;
            for (int to = 0; to < 2; to++) {
                db_array_add(to ? &kinds[0] : &columns[0], items[i].sha256);
                db_array_add(to ? &kinds[1] : &columns[1], lines->kind);
            }
            db_array_add(&columns[2], db_number(number, lines->count));
            db_array_add(&columns[3], lines->json);
        }
    }
    int rc = run(db, kinds, 2, 0, drop_sql, err);
    if (rc == 0) return run(db, columns, 4, 0, store_sql, err);
    for (int i = 0; i < 4; i++) buf_free(&columns[i]);
    return rc;
}

static int store_lines(struct db *db, const struct parts_item *items, int n, struct err *err)
{
    int rc = 0;
    for (int first = 0; first < n && rc == 0; first += AT_ONCE)
        rc = store_some(db, items, first, first + AT_ONCE < n ? first + AT_ONCE : n, err);
    return rc;
}

static int store_versions(struct db *db, const struct parts_item *items, int n, struct err *err)
{
    struct buf columns[4] = {{0}};
    char number[DB_NUMBER_SIZE];
    for (int i = 0; i < 4; i++) db_array_begin(&columns[i]);
    for (int i = 0; i < n; i++) {
        const struct parts_data *data = &items[i].data;
        if (!items[i].is_stored) continue;
        db_array_add(&columns[0], db_number(number, items[i].elevation_id));
        db_array_add(&columns[1], items[i].sha256);
        db_array_add(&columns[2], data->file_row < 0 ? NULL : db_number(number, data->file_row));
        db_array_add(&columns[3], db_number(number, data->own_parts));
    }
    return run(db, columns, 4, 0,
               "UPDATE parts_versions v SET parsed_at = now(), file_row = d.file_row, parts_count = d.parts FROM"
               " unnest($1::integer[], $2::text[], $3::integer[], $4::integer[]) AS d (id, sha, file_row, parts)"
               " WHERE v.elevation_id = d.id AND v.sha256 = d.sha AND v.valid_to IS NULL",
               err);
}

int parts_lines_store(struct db *db, const struct parts_item *items, int n, int reader, struct err *err)
{
    int rc = store_files(db, items, n, reader, err);
    if (rc == 0) rc = store_lines(db, items, n, err);
    return rc < 0 ? rc : store_versions(db, items, n, err);
}
