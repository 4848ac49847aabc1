/* Parts lists from strangers: what is accepted, what is read from it, and what cannot hurt. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sqlite3.h>

#include "conf/clock.h"
#include "services/parts/image.h"
#include "services/parts/read.h"
#include "services/parts/verify.h"
#include "tests/support/test.h"

#define ELEVATIONS                                                                                                     \
    "CREATE TABLE Elevations (AutoDescription, AutoDescriptionShort, Width_Output, Width_Unit, Height_Output,"         \
    " Height_Unit, Weight_Output, Weight_Unit, Area_Output, Area_Unit, SystemCode, SystemName, SystemLongName,"        \
    " ColorBase_Long);"
#define GLASS "CREATE TABLE Glass (GlassID, Name);"
#define ROW                                                                                                            \
    "INSERT INTO Elevations VALUES ('a long text', 'short', 1200.5, 'mm', '2400,25', 'mm', NULL, 'kg', 2, 'm2',"       \
    " 'S1', 'System', 'The System', 'RAL 9010');"

struct file {
    unsigned char *bytes;
    size_t len;
};

static struct file make(const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_int64 len = 0;
    char *why = NULL;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) fail_msg("%s", why);
    struct file file = {.bytes = sqlite3_serialize(db, "main", &len, 0)};
    file.len = (size_t)len;
    sqlite3_close(db);
    return file;
}

static void file_free(struct file *file)
{
    sqlite3_free(file->bytes);
}

TEST(test_good_file_is_read)
{
    struct file file =
        make(ELEVATIONS GLASS ROW "INSERT INTO Glass VALUES ('G1', 'Float \xe2\x82\xac'), (2, NULL);"
                                  "CREATE TABLE Profiles (x); INSERT INTO Profiles VALUES (1), (2), (3);");
    struct parts_data data;
    struct err err = {0};

    assert_int_equal(parts_verify(file.bytes, file.len, &err), 0);
    assert_int_equal(parts_read(file.bytes, file.len, NULL, NULL, &data, &err), 0);

    assert_string_equal(data.problem, "");
    assert_string_equal(data.texts[0], "a long text");
    assert_string_equal(data.texts[9], "RAL 9010");
    assert_true(data.numbers[0].is_set && data.numbers[0].value == 1200.5);
    assert_true(data.numbers[1].is_set && data.numbers[1].value == 2400.25);
    assert_false(data.numbers[2].is_set);
    assert_int_equal(data.glass_count, 2);
    assert_string_equal(data.glass[1].id, "2");
    assert_null(data.glass[1].name);
    assert_int_equal(data.parts_count, 5);
    parts_data_free(&data);
    file_free(&file);
}

TEST(test_partly_readable_file_says_so)
{
    struct file file = make(ELEVATIONS GLASS "INSERT INTO Elevations (Width_Output) VALUES ('wide');"
                                             "INSERT INTO Glass VALUES (NULL, 'x'), ('G2', 'y');");
    struct parts_data data;

    assert_int_equal(parts_read(file.bytes, file.len, NULL, NULL, &data, NULL), 0);

    assert_string_equal(data.problem, "Width_Output is not a number; a glass has no identifier");
    assert_int_equal(data.glass_count, 1);
    parts_data_free(&data);
    file_free(&file);
}

TEST(test_refused_files_by_table)
{
    static const struct {
        const char *sql, *why;
    } rows[] = {
        {GLASS, "no such table: Elevations"},
        {"CREATE TABLE Elevations (x);" GLASS, "none of the columns"},
        {"CREATE TABLE x (y);", "no such table: Elevations"},
        {GLASS "CREATE VIEW Elevations AS WITH RECURSIVE r (AutoDescription) AS (SELECT 1 UNION ALL SELECT 1 FROM r)"
               " SELECT AutoDescription FROM r;",
         ""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct file file = make(rows[i].sql);
        struct err err = {0};
        assert_int_equal(parts_verify(file.bytes, file.len, &err), -ERR_INPUT);
        if (!strstr(err.text, rows[i].why)) fail_msg("row %zu: %s", i, err.text);
        file_free(&file);
    }
}

/* Another version of the upstream: what is there is read, what is not is told. */
TEST(test_missing_tables_and_columns_by_table)
{
    static const struct {
        const char *sql, *told;
    } rows[] = {
        {ELEVATIONS ROW, "there is no column Glass.GlassID"},
        {ELEVATIONS ROW "CREATE TABLE Glass (Name);", "there is no column Glass.GlassID"},
        {ELEVATIONS ROW "CREATE TABLE Glass (GlassID); INSERT INTO Glass VALUES ('G1');",
         "there is no column Glass.Name"},
        {ELEVATIONS GLASS ROW "ALTER TABLE Elevations DROP COLUMN SystemName;",
         "there is no column Elevations.SystemName"},
        {"CREATE TABLE Elevations (AutoDescription); INSERT INTO Elevations VALUES ('a long text');" GLASS,
         "there is no column Elevations.AutoDescriptionShort; there is no column Elevations.Width_Unit"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct file file = make(rows[i].sql);
        struct parts_data data;
        struct err err = {0};
        if (parts_verify(file.bytes, file.len, &err) < 0) fail_msg("row %zu: %s", i, err.text);
        if (parts_read(file.bytes, file.len, "P01", NULL, &data, &err) < 0) fail_msg("row %zu: %s", i, err.text);
        if (strncmp(data.problem, rows[i].told, strlen(rows[i].told)) != 0) fail_msg("row %zu: %s", i, data.problem);
        assert_string_equal(data.texts[0], "a long text");
        assert_null(i == 3 ? data.texts[7] : NULL);
        parts_data_free(&data);
        file_free(&file);
    }
}

TEST(test_bytes_that_are_no_database)
{
    struct err err = {0};
    char junk[4096];
    memset(junk, 'x', sizeof junk);

    assert_int_equal(parts_verify("", 0, &err), -ERR_INPUT);
    assert_int_equal(parts_verify(junk, sizeof junk, &err), -ERR_INPUT);
    assert_int_equal(parts_verify(junk, PARTS_BYTES_MAX + 1, &err), -ERR_LIMIT);
    memcpy(junk, "SQLite format 3", 16);
    assert_int_equal(parts_verify(junk, sizeof junk, &err), -ERR_INPUT);
}

/* Any byte changed, any length cut: an error or data, never a crash, never long. */
TEST(test_damaged_files_never_hurt)
{
    struct file file =
        make(ELEVATIONS GLASS ROW "WITH RECURSIVE r (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r WHERE x < 300)"
                                  " INSERT INTO Glass SELECT x, 'glass ' || x FROM r;"
                                  "CREATE INDEX i ON Glass (Name);");
    unsigned seed = 7;
    int64_t longest_ms = 0;

    for (int i = 0; i < 1500; i++) {
        unsigned char *copy = malloc(file.len);
        struct parts_data data;
        int64_t started_ms = mono_ms();
        size_t len = i % 3 ? file.len : (size_t)rand_r(&seed) % file.len;
        memcpy(copy, file.bytes, file.len);
        for (int k = 0; k < 1 + i % 5; k++)
            copy[(size_t)rand_r(&seed) % (i % 2 ? 200 : file.len)] = (unsigned char)rand_r(&seed);
        if (parts_verify(copy, len, NULL) == 0) {
            parts_read(copy, len, "P01", NULL, &data, NULL);
            parts_data_free(&data);
        }
        free(copy);
        if (mono_ms() - started_ms > longest_ms) longest_ms = mono_ms() - started_ms;
    }

    assert_true(longest_ms <
                30000); /* each takes milliseconds; one that a damaged index leads in a circle would take for ever */
    file_free(&file);
}

TEST(test_wal_mode_file_is_read)
{
    struct file file = make(ELEVATIONS GLASS ROW);
    file.bytes[18] = file.bytes[19] = 2;

    assert_int_equal(parts_verify(file.bytes, file.len, NULL), 0);

    file_free(&file);
}

TEST(test_statements_beyond_reading_are_denied)
{
    static const char *const denied[] = {
        "ATTACH '/etc/passwd' AS x", "SELECT load_extension('x')",     "SELECT randomblob(1000000000)",
        "PRAGMA journal_mode",       "INSERT INTO Glass VALUES (1,2)", "CREATE TABLE x (y)",
        "DROP TABLE Glass",          "VACUUM INTO '/tmp/x'",           "SELECT writefile('/tmp/x', 'y')"};
    struct file file = make(ELEVATIONS GLASS ROW);
    struct image image;
    assert_int_equal(image_open(&image, file.bytes, file.len, NULL), 0);

    for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++) {
        sqlite3_stmt *statement = image_prepare(&image, denied[i], NULL);
        if (statement && image_step(&image, statement, NULL) >= 0) fail_msg("not denied: %s", denied[i]);
        image_release(&image, statement);
    }

    image_close(&image);
    file_free(&file);
}

TEST(test_endless_reading_is_interrupted)
{
    struct file file =
        make(ELEVATIONS GLASS "WITH RECURSIVE r (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r WHERE x < 3000)"
                              " INSERT INTO Glass SELECT x, x FROM r;");
    struct image image;
    struct err err = {0};
    assert_int_equal(image_open(&image, file.bytes, file.len, NULL), 0);
    image.deadline_ms = mono_ms() + 200;
    sqlite3_stmt *statement = image_prepare(&image, "SELECT count(*) FROM Glass a, Glass b, Glass c", &err);

    assert_int_equal(image_step(&image, statement, &err), -ERR_TIMEOUT);

    image_release(&image, statement);
    image_close(&image);
    file_free(&file);
}

#define SCHEMA_OF(table, sql)                                                                                          \
    "PRAGMA writable_schema = 1; UPDATE sqlite_master SET sql = '" sql "' WHERE name = '" table "';"

/* Columns that are computed, put into the schema by hand: each value would cost much time or memory. */
TEST(test_files_that_cost_much_cost_little)
{
    static const char *const rows[] = {
        "CREATE TABLE Articles(a); INSERT INTO Articles VALUES (1), (2), (3);" SCHEMA_OF(
            "Articles", "CREATE TABLE Articles(a integer, Description AS (printf(''%*d'',200000000,a)), Color AS"
                        " (printf(''%*d'',200000000,a)), ArticleCode AS (printf(''%*d'',200000000,a)))"),
        "CREATE TABLE Glass(a); INSERT INTO Glass VALUES (1), (2), (3);" SCHEMA_OF(
            "Glass", "CREATE TABLE Glass(a integer, GlassID AS (length(hex(zeroblob(20000000+a)))),"
                     " Name AS (length(hex(zeroblob(20000000+a)))), b AS (length(hex(zeroblob(100000+a)))))"),
        "CREATE TABLE Insertions(a); INSERT INTO Insertions VALUES (1), (2), (3);" SCHEMA_OF(
            "Insertions", "CREATE TABLE Insertions(a integer, InsertionID AS (hex(randomblob(120000))), Name AS"
                          " (hex(randomblob(120000))))"),
        "CREATE TABLE t(x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
        " INSERT INTO t SELECT i FROM n; CREATE VIEW Profiles AS SELECT a.x FROM t a, t b, t c;"
        " PRAGMA writable_schema = 1; UPDATE sqlite_master SET type = 'table', rootpage = 3 WHERE name = 'Profiles';",
        "CREATE TABLE Profiles(a); INSERT INTO Profiles VALUES (zeroblob(9000000));"
        "CREATE TABLE Suppliers(Name); INSERT INTO Suppliers VALUES (hex(zeroblob(4000000)));",
        "CREATE TABLE UValue(a); INSERT INTO UValue VALUES (1);" SCHEMA_OF(
            "UValue", "CREATE TABLE UValue(a, Name AS (load_extension(''x'')))"),
        "CREATE VIRTUAL TABLE LabourTimes USING fts5(WhatName); INSERT INTO LabourTimes VALUES ('a');",
        "CREATE TABLE UValue(a); INSERT INTO UValue VALUES (1);" SCHEMA_OF(
            "UValue", "CREATE TABLE UValue(a, Name AS (abs(a) COLLATE nothing) CHECK (a > 7))"),
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char sql[2000];
        struct err err = {0};
        struct parts_data data;
        struct rusage before, after;
        snprintf(sql, sizeof sql, "%s%s", ELEVATIONS ROW, rows[i]);
        struct file file = make(sql);
        getrusage(RUSAGE_SELF, &before);
        int64_t began = mono_ms();
        int rc = parts_verify(file.bytes, file.len, &err);
        if (rc == 0) rc = parts_read(file.bytes, file.len, NULL, NULL, &data, &err);
        int64_t ms = mono_ms() - began;
        getrusage(RUSAGE_SELF, &after);
        if (rc < 0 && !err.text[0]) fail_msg("row %zu was refused without a word", i);
        if (rc == 0) parts_data_free(&data);
        if (ms > 3 * PARTS_TIME_MS) fail_msg("row %zu took %d ms", i, (int)ms);
        if (after.ru_maxrss - before.ru_maxrss > 100000)
            fail_msg("row %zu took %ld KiB", i, after.ru_maxrss - before.ru_maxrss);
        file_free(&file);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_good_file_is_read),
    cmocka_unit_test(test_partly_readable_file_says_so),
    cmocka_unit_test(test_refused_files_by_table),
    cmocka_unit_test(test_missing_tables_and_columns_by_table),
    cmocka_unit_test(test_bytes_that_are_no_database),
    cmocka_unit_test(test_damaged_files_never_hurt),
    cmocka_unit_test(test_wal_mode_file_is_read),
    cmocka_unit_test(test_statements_beyond_reading_are_denied),
    cmocka_unit_test(test_endless_reading_is_interrupted),
    cmocka_unit_test(test_files_that_cost_much_cost_little),
};
TEST_MAIN(tests, NULL, NULL)
