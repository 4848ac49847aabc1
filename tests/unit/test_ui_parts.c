/* A parts list is a file from outside: whatever its bytes are, it is shown or refused, never trusted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "conf/clock.h"
#include "services/web/ui/parts.h"

/* A database made by these statements, as bytes that sqlite3_free frees. */
static unsigned char *made(const char *sql, sqlite3_int64 *len)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    unsigned char *bytes = sqlite3_serialize(db, "main", len, 0);
    assert_non_null(bytes);
    sqlite3_close(db);
    return bytes;
}

static const char *text_at(const cJSON *list, int index)
{
    return cJSON_GetStringValue(cJSON_GetArrayItem(list, index));
}

static void test_tables_and_rows_are_read(void **state)
{
    (void)state;
    sqlite3_int64 len;
    unsigned char *bytes = made("CREATE TABLE Elevations(ElevationID, Name TEXT, Picture BLOB);"
                                "INSERT INTO Elevations VALUES (1, 'Pos \"1\"', x'0102'), (2, NULL, NULL);"
                                "CREATE TABLE \"odd \"\" name\"(x)",
                                &len);

    cJSON *parts = ui_parts_read(bytes, (size_t)len);

    assert_null(cJSON_GetObjectItem(parts, "error"));
    const cJSON *tables = cJSON_GetObjectItem(parts, "tables"), *table = cJSON_GetArrayItem(tables, 0);
    assert_int_equal(cJSON_GetArraySize(tables), 2);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(table, "name")), "Elevations");
    assert_string_equal(text_at(cJSON_GetObjectItem(table, "columns"), 1), "Name");
    const cJSON *rows = cJSON_GetObjectItem(table, "rows");
    const cJSON *cells = cJSON_GetObjectItem(cJSON_GetArrayItem(rows, 0), "cells");
    assert_int_equal(cJSON_GetArraySize(rows), 2);
    assert_string_equal(text_at(cells, 0), "1");
    assert_string_equal(text_at(cells, 1), "Pos \"1\"");
    assert_string_equal(text_at(cells, 2), "2 bytes");
    cJSON_Delete(parts);
    sqlite3_free(bytes);
}

static void test_many_rows_are_cut_and_said_so(void **state)
{
    (void)state;
    sqlite3_int64 len;
    unsigned char *bytes =
        made("CREATE TABLE t(x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
             "500) INSERT INTO t SELECT i FROM n",
             &len);

    cJSON *parts = ui_parts_read(bytes, (size_t)len);

    const cJSON *table = cJSON_GetArrayItem(cJSON_GetObjectItem(parts, "tables"), 0);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(table, "rows")), 100);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(table, "more")));
    cJSON_Delete(parts);
    sqlite3_free(bytes);
}

static void test_what_is_no_database_is_refused(void **state)
{
    (void)state;
    sqlite3_int64 len;
    unsigned char *bytes = made("CREATE TABLE t(x); INSERT INTO t VALUES (1)", &len);
    cJSON *parts;

    parts = ui_parts_read("", 0);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(parts, "tables")), 0);
    cJSON_Delete(parts);
    parts = ui_parts_read("this is a text and no database at all, of some length", 53);
    assert_non_null(cJSON_GetObjectItem(parts, "error"));
    cJSON_Delete(parts);
    srand(1);
    for (int i = 0; i < 300; i++) { /* any damage is survived */
        unsigned char *bad = malloc((size_t)len);
        memcpy(bad, bytes, (size_t)len);
        for (int n = 0; n < 20; n++) bad[rand() % len] = (unsigned char)rand();
        size_t cut = i % 3 ? (size_t)len : (size_t)(rand() % len);
        cJSON_Delete(ui_parts_read(bad, cut));
        free(bad);
    }
    sqlite3_free(bytes);
}

static void test_a_query_without_end_is_ended(void **state)
{
    (void)state;
    sqlite3_int64 len;
    unsigned char *bytes =
        made("CREATE TABLE t(x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
             "3000) INSERT INTO t SELECT i FROM n;"
             "CREATE VIEW v AS SELECT a.x FROM t a, t b, t c",
             &len);
    int64_t began = mono_ms();

    cJSON *parts = ui_parts_read(bytes, (size_t)len);

    assert_true(mono_ms() - began < 5000);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(parts, "tables")), 1);
    cJSON_Delete(parts);
    sqlite3_free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_and_rows_are_read),
        cmocka_unit_test(test_many_rows_are_cut_and_said_so),
        cmocka_unit_test(test_what_is_no_database_is_refused),
        cmocka_unit_test(test_a_query_without_end_is_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
