/* Lines into their tables: see parts_lines.h. A file that several elevations have is written once. */
#include "services/store/sync/parts/parts_lines.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <openssl/evp.h>

#include "services/store/db/db.h"

#define AT_ONCE 32 /* files whose lines are sent together */

/* An earlier item has the same file. */
static bool is_double(const struct parts_item *items, int i)
{
    for (int k = 0; k < i; k++)
        if (items[k].is_stored && strcmp(items[k].sha256, items[i].sha256) == 0) return true;
    return false;
}

/* Runs a statement with `count` arrays, the last `elements` of them in binary form, and the reader's version behind
 * them (0 = without). */
static PGresult *ask(struct db *db, struct buf *columns, int count, int elements, int reader, const char *sql,
                     struct err *err)
{
    const char *values[6];
    int lengths[6] = {0};
    char version[DB_NUMBER_SIZE];
    bool has_failed = false;
    for (int i = 0; i < count; i++) {
        bool is_binary = i >= count - elements;
        if (is_binary)
            db_elements_end(&columns[i]);
        else
            db_array_end(&columns[i]);
        values[i] = columns[i].data;
        lengths[i] = is_binary ? (int)columns[i].len : 0;
        has_failed = has_failed || columns[i].failed;
    }
    values[count] = db_number(version, reader);
    PGresult *r = has_failed ? NULL : db_query_binary(db, err, sql, count + (reader > 0), values, lengths);
    if (has_failed) err_set(err, ERR_NOMEM, "no memory");
    for (int i = 0; i < count; i++) buf_free(&columns[i]);
    return r;
}

static int run(struct db *db, struct buf *columns, int count, int elements, int reader, const char *sql,
               struct err *err)
{
    PGresult *r = ask(db, columns, count, elements, reader, sql, err);
    PQclear(r);
    return r ? 0 : err_result(err);
}

/* ---- what is there already ---- */

static void hash_text(EVP_MD_CTX *hash, const char *text)
{
    EVP_DigestUpdate(hash, text ? text : "", text ? strlen(text) + 1 : 0);
}

/* A hash of everything that is stored of a file; false without memory. */
static bool digest_of(const struct parts_data *data, char out[65])
{
    unsigned char digest[32];
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    bool is_well = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1;
    if (is_well) {
        hash_text(hash, data->tables);
        hash_text(hash, data->problem);
        for (int k = 0; k < PARTS_KINDS; k++) {
            hash_text(hash, data->lines[k].kind);
            hash_text(hash, data->lines[k].json);
        }
        is_well = EVP_DigestFinal_ex(hash, digest, NULL) == 1;
    }
    EVP_MD_CTX_free(hash);
    for (int i = 0; i < 32 && is_well; i++) snprintf(out + 2 * i, 3, "%02x", digest[i]);
    return is_well;
}

/* How many lines there are, and the kinds that stand for them: "3 17". */
static const char *extent_of(const struct parts_data *data, char out[48])
{
    int kinds = 0;
    int64_t lines = 0;
    for (int k = 0; k < PARTS_KINDS; k++) {
        kinds += data->lines[k].kind != NULL;
        lines += data->lines[k].count;
    }
    snprintf(out, 48, "%d %" PRId64, kinds, lines);
    return out;
}

/* Sets is_known: this reader has read the file before, with the same outcome, and all of that is there. */
static int find_known(struct db *db, struct parts_item *items, int n, int reader, struct err *err)
{
    struct buf columns[3] = {{0}};
    char extent[48];
    for (int i = 0; i < 3; i++) db_array_begin(&columns[i]);
    for (int i = 0; i < n; i++) {
        if (!items[i].is_stored || is_double(items, i)) continue;
        db_array_add(&columns[0], items[i].sha256);
        db_array_add(&columns[1], items[i].digest);
        db_array_add(&columns[2], extent_of(&items[i].data, extent));
    }
    PGresult *r = ask(db, columns, 3, 0, reader,
                      "SELECT f.sha256 FROM unnest($1::text[], $2::text[], $3::text[]) AS d (sha, digest, extent)"
                      " JOIN parts_files f ON f.sha256 = d.sha AND f.lines_digest = d.digest"
                      " WHERE f.reader = $4::integer"
                      "  AND d.extent = (SELECT concat(count(*), ' ', coalesce(sum(l.line_count), 0))"
                      "   FROM parts_lines l WHERE l.sha256 = f.sha256)",
                      err);
    for (int row = 0; r && row < PQntuples(r); row++)
        for (int i = 0; i < n; i++)
            if (strcmp(items[i].sha256, db_text(r, row, 0)) == 0) items[i].is_known = true;
    PQclear(r);
    return r ? 0 : err_result(err);
}

/* ---- what is written ---- */

/* A file to be written: of several items with the same one the first. */
static bool is_written(const struct parts_item *items, int i)
{
    return items[i].is_stored && !items[i].is_known && !is_double(items, i);
}

static int store_files(struct db *db, const struct parts_item *items, int n, int reader, struct err *err)
{
    struct buf columns[4] = {{0}};
    for (int i = 0; i < 3; i++) db_array_begin(&columns[i]);
    db_elements_begin(&columns[3], DB_JSONB);
    for (int i = 0; i < n; i++) {
        const struct parts_data *data = &items[i].data;
        if (!is_written(items, i)) continue;
        db_array_add(&columns[0], items[i].sha256);
        db_array_add(&columns[1], data->problem[0] ? data->problem : NULL);
        db_array_add(&columns[2], items[i].digest);
        db_elements_add(&columns[3], DB_JSONB, data->tables, strlen(data->tables));
    }
    return run(db, columns, 4, 1, reader,
               "UPDATE parts_files f SET reader = $5::integer, read_at = now(), tables = d.tables,"
               " problem = d.problem, lines_digest = d.digest FROM unnest($1::text[], $2::text[], $3::text[],"
               " $4::jsonb[]) AS d (sha, problem, digest, tables) WHERE f.sha256 = d.sha",
               err);
}

/* Kinds that an older reader found, and this one does not, go. */
static const char drop_sql[] =
    "DELETE FROM parts_lines l WHERE l.sha256 = ANY ($1::text[]) AND NOT EXISTS (SELECT FROM"
    " unnest($1::text[], $2::text[]) AS d (sha, kind) WHERE d.sha = l.sha256 AND d.kind = l.kind)";
/* What is read again and is the same is not written. */
static const char store_sql[] =
    "INSERT INTO parts_lines AS l (sha256, kind, line_count, lines)"
    " SELECT d.sha, d.kind, d.n, d.lines FROM unnest($1::text[], $2::text[], $3::integer[], $4::jsonb[])"
    "  AS d (sha, kind, n, lines) WHERE EXISTS (SELECT FROM parts_files f WHERE f.sha256 = d.sha)"
    " ON CONFLICT (sha256, kind) DO UPDATE SET line_count = excluded.line_count, lines = excluded.lines"
    " WHERE l.lines <> excluded.lines";

static void add_lines(struct buf columns[4], struct buf kinds[2], const struct parts_item *item)
{
    char number[DB_NUMBER_SIZE];
    for (int k = 0; k < PARTS_KINDS; k++) {
        const struct parts_lines *lines = &item->data.lines[k];
        if (!lines->kind) continue;
        for (int to = 0; to < 2; to++) {
            db_array_add(to ? &kinds[0] : &columns[0], item->sha256);
            db_array_add(to ? &kinds[1] : &columns[1], lines->kind);
        }
        db_array_add(&columns[2], db_number(number, lines->count));
        db_elements_add(&columns[3], DB_JSONB, lines->json, strlen(lines->json));
    }
}

/* Of the items from first to end. */
static int store_some(struct db *db, const struct parts_item *items, int first, int end, struct err *err)
{
    struct buf columns[4] = {{0}}, kinds[2] = {{0}};
    for (int i = 0; i < 3; i++) db_array_begin(&columns[i]);
    db_elements_begin(&columns[3], DB_JSONB);
    for (int i = 0; i < 2; i++) db_array_begin(&kinds[i]);
    for (int i = first; i < end; i++)
        if (is_written(items, i)) add_lines(columns, kinds, &items[i]);
    int rc = run(db, kinds, 2, 0, 0, drop_sql, err);
    if (rc == 0) return run(db, columns, 4, 1, 0, store_sql, err);
    for (int i = 0; i < 4; i++) buf_free(&columns[i]);
    return rc;
}

static int store_lines(struct db *db, const struct parts_item *items, int n, struct err *err)
{
    int rc = 0;
    for (int first = 0, end; first < n && rc == 0; first = end) {
        int files = 0;
        for (end = first; end < n && files < AT_ONCE; end++) files += is_written(items, end);
        if (files > 0) rc = store_some(db, items, first, end, err);
    }
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
    return run(db, columns, 4, 0, 0,
               "UPDATE parts_versions v SET parsed_at = now(), file_row = d.file_row, parts_count = d.parts FROM"
               " unnest($1::integer[], $2::text[], $3::integer[], $4::integer[]) AS d (id, sha, file_row, parts)"
               " WHERE v.elevation_id = d.id AND v.sha256 = d.sha AND v.valid_to IS NULL AND (v.parsed_at IS NULL OR"
               "  (v.file_row, v.parts_count) IS DISTINCT FROM (d.file_row, d.parts))",
               err);
}

int parts_lines_store(struct db *db, struct parts_item *items, int n, int reader, struct err *err)
{
    for (int i = 0; i < n; i++)
        if (items[i].is_stored && !digest_of(&items[i].data, items[i].digest))
            return err_set(err, ERR_NOMEM, "no memory");
    int rc = find_known(db, items, n, reader, err), written = 0;
    for (int i = 0; i < n && rc == 0; i++) written += is_written(items, i);
    if (written > 0) rc = store_files(db, items, n, reader, err);
    if (rc == 0) rc = store_lines(db, items, n, err);
    return rc < 0 ? rc : store_versions(db, items, n, err);
}
