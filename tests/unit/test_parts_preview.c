/* The preview of a parts list: a file from outside, of which some is shown, whatever its bytes are, in little time and
 * memory. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <cjson/cJSON.h>
#include <sqlite3.h>

#include "conf/clock.h"
#include "services/parts/preview.h"
#include "tests/support/test.h"

/* A database made by these statements, as bytes that sqlite3_free frees. */
static unsigned char *made(const char *sql, size_t *len)
{
    sqlite3 *db = NULL;
    sqlite3_int64 n;
    char *why = NULL;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) fail_msg("%s", why);
    unsigned char *bytes = sqlite3_serialize(db, "main", &n, 0);
    assert_non_null(bytes);
    sqlite3_close(db);
    *len = (size_t)n;
    return bytes;
}

static cJSON *preview_of(const char *sql)
{
    size_t len;
    unsigned char *bytes = made(sql, &len);
    char *json = parts_preview(bytes, len);
    cJSON *out = json ? cJSON_Parse(json) : NULL;
    assert_non_null(out);
    free(json);
    sqlite3_free(bytes);
    return out;
}

static const cJSON *table_of(const cJSON *preview, const char *name)
{
    const cJSON *t;
    cJSON_ArrayForEach(t, cJSON_GetObjectItem(preview, "tables"))
        if (strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(t, "name")), name) == 0) return t;
    fail_msg("no table %s", name);
    return NULL;
}

static const char *cell(const cJSON *table, int row, int column)
{
    const cJSON *cells = cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(table, "rows"), row), "cells");
    return cJSON_GetStringValue(cJSON_GetArrayItem(cells, column));
}

TEST(test_tables_and_rows_are_shown)
{
    cJSON *preview =
        preview_of("CREATE TABLE Articles(Code); CREATE TABLE Elevations(ElevationID, Name TEXT, Pic BLOB);"
                   "INSERT INTO Elevations VALUES (1, 'Pos \"1\" ä', x'0102'), (2, NULL, 2.5);"
                   "CREATE TABLE \"odd \"\" name\"(x)");

    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(preview, "tables")), 3);
    assert_null(cJSON_GetObjectItem(preview, "problem"));
    const cJSON *table = cJSON_GetArrayItem(cJSON_GetObjectItem(preview, "tables"), 0);
    assert_ptr_equal(table, table_of(preview, "Elevations")); /* first of all */
    assert_string_equal(cell(table, 0, 0), "1");
    assert_string_equal(cell(table, 0, 1), "Pos \"1\" ä");
    assert_string_equal(cell(table, 0, 2), "2 bytes");
    assert_string_equal(cell(table, 1, 1), "");
    assert_string_equal(cell(table, 1, 2), "2.5");
    assert_int_equal(cJSON_GetObjectItem(table, "count")->valueint, 2);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(table, "more")));
    assert_int_equal(cJSON_GetObjectItem(table_of(preview, "odd \" name"), "count")->valueint, 0);
    cJSON_Delete(preview);
}

TEST(test_files_of_every_encoding_and_journal_are_shown)
{
    static const char *const pragmas[] = {"", "PRAGMA encoding = 'UTF-16le';", "PRAGMA encoding = 'UTF-16be';",
                                          "PRAGMA page_size = 512;", "PRAGMA page_size = 65536;"};
    for (size_t i = 0; i < sizeof pragmas / sizeof *pragmas; i++) {
        char sql[200];
        size_t len;
        snprintf(sql, sizeof sql, "%sCREATE TABLE Elevations(Name); INSERT INTO Elevations VALUES ('Größe')",
                 pragmas[i]);
        unsigned char *bytes = made(sql, &len);
        for (int wal = 0; wal < 2; wal++) {
            bytes[18] = bytes[19] = (unsigned char)(wal + 1);
            char *json = parts_preview(bytes, len);
            cJSON *preview = cJSON_Parse(json);
            assert_string_equal(cell(table_of(preview, "Elevations"), 0, 0), "Größe");
            cJSON_Delete(preview);
            free(json);
        }
        sqlite3_free(bytes);
    }
}

TEST(test_much_is_cut_and_said_so)
{
    cJSON *preview =
        preview_of("CREATE TABLE t(x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE"
                   " i < 500) INSERT INTO t SELECT hex(zeroblob(5000)) FROM n");

    const cJSON *table = table_of(preview, "t");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(table, "rows")), PREVIEW_ROWS);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(table, "more")));
    assert_int_equal(cJSON_GetObjectItem(table, "count")->valueint, 500);
    assert_int_equal(strlen(cell(table, 0, 0)), PREVIEW_CELL);
    cJSON_Delete(preview);
}

TEST(test_all_tables_of_a_large_list_are_told)
{
    char *sql = calloc(1, 400000), *at = sql;
    for (int t = 0; t < 71; t++) {
        at += sprintf(at, "CREATE TABLE T%02d(a,b,c,d,e,f,g,h,i,j,k,l);", t);
        for (int row = 0; row < 12; row++)
            at += sprintf(
                at, "INSERT INTO T%02d VALUES(%d,'some text of an article','another text',3,4,5,6,7,8,9,'x','y');", t,
                row);
    }
    size_t len;
    unsigned char *bytes = made(sql, &len);

    char *json = parts_preview(bytes, len);

    assert_non_null(json);
    assert_true(strlen(json) < 2 * PREVIEW_BYTES);
    cJSON *preview = cJSON_Parse(json);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(preview, "tables")), 71);
    assert_int_equal(cJSON_GetObjectItem(table_of(preview, "T70"), "count")->valueint, 12);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(table_of(preview, "T00"), "rows")), PREVIEW_ROWS);
    cJSON_Delete(preview);
    free(json);
    sqlite3_free(bytes);
    free(sql);
}

/* Computed columns put into the schema by hand: each value costs much time or memory. */
TEST(test_files_that_cost_much_cost_little)
{
    static const char *const rows[] = {
        "CREATE TABLE t(a); INSERT INTO t VALUES (1), (2), (3); PRAGMA writable_schema = 1;"
        "UPDATE sqlite_master SET sql = 'CREATE TABLE t(a integer, b0 AS (printf(''%*d'',200000000,a)),"
        " b1 AS (printf(''%*d'',200000000,a)), b2 AS (printf(''%*d'',200000000,a)))' WHERE name = 't'",
        "CREATE TABLE t(a); INSERT INTO t VALUES (1), (2), (3); PRAGMA writable_schema = 1;"
        "UPDATE sqlite_master SET sql = 'CREATE TABLE t(a integer, b0 AS (length(hex(zeroblob(20000000+a)))),"
        " b1 AS (length(hex(zeroblob(20000000+a)))), b2 AS (length(hex(zeroblob(100000+a)))))' WHERE name = 't'",
        "CREATE TABLE t(a); INSERT INTO t VALUES (1), (2), (3); PRAGMA writable_schema = 1;"
        "UPDATE sqlite_master SET sql = 'CREATE TABLE t(a integer, b0 AS (hex(randomblob(120000))), b1 AS"
        " (hex(randomblob(120000))), b2 AS (hex(randomblob(120000))))' WHERE name = 't'",
        "CREATE TABLE t(x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
        " INSERT INTO t SELECT i FROM n; CREATE VIEW v AS SELECT a.x FROM t a, t b, t c;"
        " PRAGMA writable_schema = 1; UPDATE sqlite_master SET type = 'table', rootpage = 3 WHERE name = 'v'",
        "CREATE TABLE t(a); INSERT INTO t VALUES (zeroblob(30000000)); CREATE TABLE u(a);"
        "INSERT INTO u VALUES (hex(zeroblob(10000000)))",
        "CREATE TABLE t(a); CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT load_extension('x'); END;"
        "PRAGMA writable_schema = 1; UPDATE sqlite_master SET sql = 'CREATE TABLE t(a, b AS (load_extension(''x'')))'"
        " WHERE name = 't'",
        "CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO f VALUES ('a'); CREATE TABLE t(a)",
        "CREATE TABLE t(a); INSERT INTO t VALUES (1); PRAGMA writable_schema = 1; UPDATE sqlite_master SET"
        " sql = 'CREATE TABLE t(a, b AS (abs(a) COLLATE nothing) CHECK (a > 7))' WHERE name = 't'",
    };
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t len;
        unsigned char *bytes = made(rows[i], &len);
        getrusage(RUSAGE_SELF, &before);
        int64_t began = mono_ms();
        char *json = parts_preview(bytes, len);
        int64_t ms = mono_ms() - began;
        getrusage(RUSAGE_SELF, &after);
        if (json) {
            cJSON *preview = cJSON_Parse(json);
            if (!preview) fail_msg("row %zu: no JSON: %.200s", i, json);
            cJSON_Delete(preview);
        }
        if (ms > 4000) fail_msg("row %zu took %d ms", i, (int)ms);
        if (after.ru_maxrss - before.ru_maxrss > 60000)
            fail_msg("row %zu took %ld KiB", i, after.ru_maxrss - before.ru_maxrss);
        free(json);
        sqlite3_free(bytes);
    }
}

TEST(test_what_is_no_database_has_none)
{
    size_t len;
    unsigned char *bytes = made("CREATE TABLE t(x); INSERT INTO t VALUES (1)", &len);

    assert_null(parts_preview("", 0));
    assert_null(parts_preview("this is a text and no database at all, of some length", 53));
    srand(1);
    for (int i = 0; i < 300; i++) { /* any damage is survived */
        unsigned char *bad = malloc(len);
        memcpy(bad, bytes, len);
        for (int n = 0; n < 20; n++) bad[(size_t)rand() % len] = (unsigned char)rand();
        size_t cut = i % 3 ? len : (size_t)rand() % len;
        char *json = parts_preview(bad, cut);
        cJSON *preview = json ? cJSON_Parse(json) : NULL;
        if (json && !preview) fail_msg("no JSON: %s", json);
        cJSON_Delete(preview);
        free(json);
        free(bad);
    }
    sqlite3_free(bytes);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_tables_and_rows_are_shown),
    cmocka_unit_test(test_files_of_every_encoding_and_journal_are_shown),
    cmocka_unit_test(test_much_is_cut_and_said_so),
    cmocka_unit_test(test_all_tables_of_a_large_list_are_told),
    cmocka_unit_test(test_files_that_cost_much_cost_little),
    cmocka_unit_test(test_what_is_no_database_has_none),
};
TEST_MAIN(tests, NULL, NULL)
