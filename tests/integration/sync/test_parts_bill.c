/* Bills of materials beside a sum that knows nothing of the stored lines: the files as they came, opened by SQLite,
 * added up there. */
#include "tests/support/sync_truth.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "services/store/db/db.h"
#include "services/store/sync/parts/parts_files.h"

SYNC_WORLD("--parts=real --directories 1 --depth 1 --projects 2 --phases 2 --elevations 4 --sideways=allow")

/* Lines of all files, each as often as its elevation is built. */
static sqlite3 *sums;

static void run(sqlite3 *db, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) fail_msg("%s: %s", sql, why);
}

/* How to read the lines of a file (attached as file) that are the elevation's: name ?1, how often it is built ?2. What
 * an insertion of another elevation holds is not. */
#define OWN                                                                                                            \
    "NOT EXISTS (SELECT 1 FROM file.Insertions i JOIN file.Elevations e ON e.ElevationID = i.ElevationID"              \
    " WHERE i.InsertionID = x.InsertionID AND e.Name <> ?1 AND (SELECT count(*) FROM file.Elevations) > 1)"
static const char *const of_kinds[] = {
    "INSERT INTO lines SELECT 'article', ArticleCode, Color, Amount * ?2, NULL, NULL FROM file.Articles WHERE ?1 <> ''",
    "INSERT INTO lines SELECT 'profile', ArticleCode, Color, Amount * ?2, Length_Output * Amount * ?2, NULL"
    " FROM file.Profiles WHERE ?1 <> ''",
    "INSERT INTO lines SELECT 'glass', GlassID, NULL, ?2, NULL, AreaOffer * ?2 FROM file.Glass x WHERE " OWN,
    "INSERT INTO lines SELECT 'labour', WhatName, Name, TotalMinutes * ?2, NULL, NULL FROM file.LabourTimes"
    " WHERE ?1 <> ''",
};

static void add_file(struct buf *file, const char *name, double times)
{
    file->data[18] = file->data[19] = 1; /* in memory there is no write-ahead log */
    run(sums, "ATTACH ':memory:' AS file");
    assert_int_equal(sqlite3_deserialize(sums, "file", (unsigned char *)file->data, (sqlite3_int64)file->len,
                                         (sqlite3_int64)file->len, SQLITE_DESERIALIZE_READONLY),
                     SQLITE_OK);
    for (size_t i = 0; i < sizeof of_kinds / sizeof *of_kinds; i++) {
        sqlite3_stmt *add = NULL;
        if (sqlite3_prepare_v2(sums, of_kinds[i], -1, &add, NULL) != SQLITE_OK) fail_msg("%s", sqlite3_errmsg(sums));
        sqlite3_bind_text(add, 1, name, -1, SQLITE_STATIC);
        sqlite3_bind_double(add, 2, times);
        if (sqlite3_step(add) != SQLITE_DONE) fail_msg("%s", sqlite3_errmsg(sums));
        sqlite3_finalize(add);
    }
    run(sums, "DETACH file");
}

/* SQLite attaches no file of another encoding: such a one is copied statement by statement into one that it takes. */
static bool is_utf8(const struct buf *file)
{
    return file->data[59] <= 1;
}

static int add_files(struct db *db, const char *where)
{
    struct err err = {0};
    char query[300];
    int added = 0;
    snprintf(query, sizeof query,
             "SELECT s.elevation_id, s.sha256, s.name, s.amount FROM parts_states s WHERE s.state = 'read' AND %s",
             where);
    PGresult *r = db_query(db, &err, query, 0, NULL);
    if (!r) fail_msg("%s", err.text);
    for (int i = 0; i < PQntuples(r); i++) {
        struct buf file = {0};
        if (parts_file_load(db, db_text(r, i, 1), &file, &err) < 0) fail_msg("%s", err.text);
        if (is_utf8(&file)) {
            add_file(&file, db_text(r, i, 2), strtod(db_text(r, i, 3), NULL));
            added++;
        } else {
            char sql[100]; /* left out on both sides */
            snprintf(sql, sizeof sql, "UPDATE elevations SET parts_file_hash = 'utf-16' WHERE id = %s",
                     db_text(r, i, 0));
            pg_exec(&world.pg, sql);
        }
        buf_free(&file);
    }
    PQclear(r);
    return added;
}

/* The sums of what was added, into PostgreSQL. */
static void hand_over(struct db *db)
{
    struct err err = {0};
    sqlite3_stmt *row = NULL;
    pg_exec(&world.pg, "DROP TABLE IF EXISTS wanted; CREATE TABLE wanted (kind text, code text, colour text,"
                       " n double precision, length double precision, area double precision, lines integer)");
    assert_int_equal(
        sqlite3_prepare_v2(sums,
                           "SELECT kind, code, colour, printf('%.17g', sum(n)), printf('%.17g', sum(length)),"
                           " printf('%.17g', sum(area)), count(*) FROM lines GROUP BY 1, 2, 3",
                           -1, &row, NULL),
        SQLITE_OK);
    while (sqlite3_step(row) == SQLITE_ROW) {
        const char *values[7];
        for (int i = 0; i < 7; i++) values[i] = (const char *)sqlite3_column_text(row, i);
        if (db_exec(db, &err, "INSERT INTO wanted VALUES ($1, $2, $3, $4::float8, $5::float8, $6::float8, $7::int)", 7,
                    values) < 0)
            fail_msg("%s", err.text);
    }
    sqlite3_finalize(row);
}

/* Groups of the bill, of which several may have the same code and colour, beside the sums. */
static const char differences[] =
    "WITH s AS (SELECT array_agg(s.elevation_id) AS ids, array_agg(s.number) AS numbers, array_agg(s.amount) AS amounts"
    "  FROM parts_states s JOIN elevations e ON e.id = s.elevation_id WHERE s.state = 'read'"
    "  AND e.parts_file_hash <> 'utf-16'),"
    " d AS (SELECT bom_document(ids, numbers, amounts) AS d FROM s),"
    " a AS (SELECT 'article' AS kind, x FROM d, jsonb_array_elements(d->'articles') x UNION ALL"
    "  SELECT 'profile', x FROM d, jsonb_array_elements(d->'profiles') x UNION ALL"
    "  SELECT 'glass', x FROM d, jsonb_array_elements(d->'panes') x UNION ALL"
    "  SELECT 'labour', x FROM d, jsonb_array_elements(d->'labour') x),"
    " g AS (SELECT kind, coalesce(x->>'code', x->>'what') AS code, coalesce(x->>'colour', CASE kind WHEN 'labour' THEN"
    "   x->>'name' END) AS colour, sum(coalesce(x->'amount', x->'minutes', '0')::float8) AS n,"
    "   sum(coalesce(x->'length', '0')::float8) AS length, sum(coalesce(x->'area', '0')::float8) AS area,"
    "   sum((x->'line_count')::int) AS lines FROM a GROUP BY 1, 2, 3)"
    " SELECT count(*) FILTER (WHERE is_same) || coalesce(string_agg(E'\\n' || said, '') FILTER (WHERE NOT is_same), '')"
    " FROM (SELECT concat(to_jsonb(g)::text, ' instead of ', to_jsonb(w)::text) AS said, g.kind IS NOT NULL AND"
    "  w.kind IS NOT NULL AND g.lines = w.lines AND abs(g.n - coalesce(w.n, 0)) <= 1e-6 * (1 + abs(coalesce(w.n, 0)))"
    "  AND abs(g.length - coalesce(w.length, 0)) <= 1e-6 * (1 + abs(coalesce(w.length, 0)))"
    "  AND abs(g.area - coalesce(w.area, 0)) <= 1e-5 * (1 + abs(coalesce(w.area, 0))) AS is_same"
    "  FROM g FULL JOIN wanted w ON w.kind = g.kind AND coalesce(w.code, '-') = coalesce(g.code, '-')"
    "   AND coalesce(w.colour, '-') = coalesce(g.colour, '-')) x";

TEST(test_bill_is_the_sum_of_the_files)
{
    struct err err = {0};
    sync_all(&world, false);
    pg_exec(&world.pg, "UPDATE elevations SET amount = 1 + id % 5");
    struct db *db = db_open(world.pg.url, NULL, 60000, "bill", &err);
    assert_int_equal(sqlite3_open(":memory:", &sums), SQLITE_OK);
    run(sums, "CREATE TABLE lines (kind, code, colour, n, length, area)");

    assert_true(add_files(db, "true") >= 8);
    hand_over(db);

    assert_true(pg_int(&world.pg, "SELECT count(*) FROM wanted WHERE n <> 0 AND kind = 'profile' AND length > 0") > 10);
    char *compared = pg_value(&world.pg, differences);
    if (strchr(compared, '\n') || atoi(compared) < 50) fail_msg("%s", compared);
    free(compared);
    sqlite3_close(sums);
    db_close(db);
}

/* A project as large as they come: what the bill takes grows with the lines, and it comes within the time of a
 * statement. */
TEST(test_bill_of_a_large_project_comes_in_time)
{
    pg_exec(
        &world.pg,
        "INSERT INTO parts_files (sha256, content, frames, raw_size, stored_size, reader, tables)"
        " SELECT md5(sha256 || n) || md5(n || sha256), '', frames, raw_size, stored_size, reader, tables"
        " FROM parts_files, generate_series(1, 60) n;"
        "INSERT INTO parts_lines SELECT md5(sha256 || n) || md5(n || sha256), kind, line_count, replace(lines::text,"
        " '\"code\": \"', '\"code\": \"' || n || '-')::jsonb FROM parts_lines, generate_series(1, 60) n;"
        "INSERT INTO elevations (logikal_id, name, phase_id, amount) SELECT e.logikal_id || '-' || n, e.name, "
        "e.phase_id,"
        " n FROM elevations e, generate_series(1, 60) n;"
        "INSERT INTO parts_versions (elevation_id, number, sha256, amount, parsed_at, file_row, parts_count)"
        " SELECT x.id, 1, md5(v.sha256 || n) || md5(n || v.sha256), n, now(), v.file_row, v.parts_count"
        " FROM parts_versions v JOIN elevations e ON e.id = v.elevation_id CROSS JOIN generate_series(1, 60) n"
        " JOIN elevations x ON x.logikal_id = e.logikal_id || '-' || n; ANALYZE");
    char *groups =
        pg_value(&world.pg,
                 "SET statement_timeout = '10s'; WITH s AS (SELECT array_agg(elevation_id) AS ids, array_agg(number) AS"
                 " numbers, array_agg(amount) AS amounts FROM parts_states WHERE state = 'read'), d AS MATERIALIZED"
                 " (SELECT bom_document(ids, numbers, amounts) AS d FROM s) SELECT jsonb_array_length(d->'articles') +"
                 " jsonb_array_length(d->'profiles') + jsonb_array_length(d->'panes') FROM d");
    if (atoi(groups) < 3000) fail_msg("%s groups", groups);
    free(groups);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_bill_is_the_sum_of_the_files),
    cmocka_unit_test(test_bill_of_a_large_project_comes_in_time),
};
TEST_MAIN(tests, start, stop)
