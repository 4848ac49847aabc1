/* Lines of parts lists, value by value against SQLite's own reading of the same file: files of many forms. By chance:
 * test_parts_chance.c. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cjson/cJSON.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/text/buf.h"
#include "services/parts/cell.h"
#include "services/parts/line_kinds.h"
#include "services/parts/read.h"
#include "services/parts/table.h"
#include "tests/support/parts/parts_compare.h"

/* ---- files of many forms ---- */

#define TABLES                                                                                                         \
    "CREATE TABLE Elevations (ElevationID TEXT, Name TEXT, Description TEXT, AutoDescription TEXT, Amount INTEGER,"    \
    " Width_Output REAL, Width_Unit TEXT, Height_Output REAL, Height_Unit TEXT, SystemCode TEXT, SystemName TEXT);"    \
    "CREATE TABLE Insertions (InsertionID TEXT, ElevationID TEXT, Name TEXT, Type INTEGER, Width_Output REAL);"        \
    "CREATE TABLE Glass (GlassID TEXT, InsertionID TEXT, Name TEXT, NameShort TEXT, Info1 TEXT, Width_Output REAL,"    \
    " Height_Output REAL, Price REAL, LK_SupplierID INTEGER);"                                                         \
    "CREATE TABLE Articles (ArticleCode TEXT, Description TEXT, Amount REAL, Units REAL, Units_Unit TEXT, PUSize "     \
    "REAL,"                                                                                                            \
    " Price REAL, Color TEXT, LK_SupplierID INTEGER, IsManual INTEGER);"                                               \
    "CREATE TABLE Profiles (ArticleCode TEXT, Amount INTEGER, Length REAL, Length_Output REAL, Length_Unit TEXT,"      \
    " AngleLeft REAL, AngleRight REAL, Color TEXT);"                                                                   \
    "CREATE TABLE LabourTimes (WhatName TEXT, Name TEXT, TotalMinutes REAL);"                                          \
    "CREATE TABLE CalcDetailItems (CalcItemNameID INTEGER, Value REAL);"                                               \
    "CREATE TABLE CalcItemNames (CalcItemNameID INTEGER PRIMARY KEY, Name TEXT);"                                      \
    "CREATE TABLE UValue (Name TEXT, U REAL, U_Unit TEXT, Area REAL, Area_Unit TEXT);"                                 \
    "CREATE TABLE Suppliers (SupplierID INTEGER PRIMARY KEY, Name TEXT, Address2 TEXT);"
#define ROWS                                                                                                            \
    "INSERT INTO Elevations VALUES ('{E1}', 'P01', 'Tür', 'Fenster', 3, 1700.5, 'mm', 2100, 'mm', 'S8', 'System 8');"  \
    "INSERT INTO Insertions VALUES ('{I1}', '{E1}', 'Feld 1', 1, 800.25), ('{I2}', '{E1}', 'Feld 2', 2, NULL);"         \
    "INSERT INTO Glass VALUES ('{G1}', '{I1}', 'VSG 8 \"klar\"', 'VSG', '4/16/4', 780.1, 1990.9, 123.45, 2),"           \
    " ('{G2}', '{I2}', 'Größe', NULL, '', 0.1, 0, -1, 9);"                                                            \
    "INSERT INTO Articles VALUES ('A-1', 'Schraube 4×20', 17, 0.5, 'St', 100, 0.07, 'RAL 7016', 1, 0),"                \
    " (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);"                                                    \
    "INSERT INTO Profiles VALUES ('P-1', 2, 1234.5, 1230, 'mm', 45, 90, 'weiß'), ('P-2', 1, 1e9, 1e-9, 'm', -45.5, 0," \
    " '');"                                                                                                             \
    "INSERT INTO LabourTimes VALUES ('Zuschnitt', 'Säge', 12.75); INSERT INTO CalcItemNames VALUES (7, 'Material');"   \
    "INSERT INTO CalcDetailItems VALUES (7, 99.9), (8, 9223372036854775807);"                                           \
    "INSERT INTO UValue VALUES ('Uw', 1.3, 'W/m²K', 3.57, 'm²');"                                                     \
    "INSERT INTO Suppliers VALUES (1, 'Eins', 'Straße 1'), (2, 'Zwei', NULL);"

/* A text n times, '#' in it being 0, 1, 2 ... */
static void add_series(struct buf *out, int n, const char *text)
{
    for (int i = 0; i < n; i++)
        for (const char *p = text; *p; p++)
            if (*p == '#')
                buf_printf(out, "%d", i);
            else
                buf_char(out, *p);
}

static const struct {
    const char *label, *pragmas, *more;
    bool is_wal;
} forms_of_files[] = {
    {"plain", "", "", false},
    {"write-ahead log", "", "", true},
    {"pages of 512", "PRAGMA page_size=512", "", true},
    {"pages of 1024", "PRAGMA page_size=1024", "", false},
    {"pages of 8192", "PRAGMA page_size=8192", "", true},
    {"pages of 65536", "PRAGMA page_size=65536", "", false},
    {"UTF-16le", "PRAGMA encoding='UTF-16le'", "", true},
    {"UTF-16be", "PRAGMA encoding='UTF-16be'", "", false},
    {"UTF-16le, pages of 512", "PRAGMA encoding='UTF-16le'; PRAGMA page_size=512", "", true},
    {"autovacuum", "PRAGMA auto_vacuum=1", "", false},
    {"incremental vacuum", "PRAGMA auto_vacuum=2", "", false},
    {"free pages", "", "CREATE TABLE x (y); INSERT INTO x VALUES (zeroblob(99999)); DROP TABLE x", false},
    {"a view", "", "CREATE VIEW v AS SELECT * FROM Glass", false},
    {"a view over a stranger's function", "", "CREATE VIEW v AS SELECT abs(1) FROM Glass", false},
    {"a trigger", "", "CREATE TRIGGER t AFTER INSERT ON Glass BEGIN DELETE FROM Articles; END", false},
    {"an expression index", "", "CREATE INDEX i ON Articles (lower(ArticleCode))", false},
    {"a partial index", "", "CREATE INDEX i ON Glass (Name) WHERE Price > 0", false},
    {"a unique index", "", "CREATE UNIQUE INDEX i ON Profiles (ArticleCode)", false},
    {"check and default", "", "CREATE TABLE c (a CHECK (length(a) > 0), b DEFAULT (random()))", false},
    {"without rowid", "",
     "DROP TABLE LabourTimes; CREATE TABLE LabourTimes (WhatName TEXT PRIMARY KEY, Name TEXT,"
     " TotalMinutes REAL) WITHOUT ROWID; INSERT INTO LabourTimes VALUES ('b', 'x', 2), ('a', 'y',"
     " 1)",
     false},
    {"strict", "",
     "DROP TABLE UValue; CREATE TABLE UValue (Name TEXT, U REAL, Area INT) STRICT; INSERT INTO UValue"
     " VALUES ('U', 1.5, 3)",
     false},
    {"other columns", "", "ALTER TABLE Articles ADD COLUMN Zusatz; UPDATE Articles SET Zusatz = x'00ff'", false},
    {"generated of columns", "", "ALTER TABLE Profiles ADD COLUMN Twice GENERATED ALWAYS AS (Length * 2) VIRTUAL",
     false},
    {"renamed and dropped", "",
     "ALTER TABLE Glass RENAME COLUMN Price TO Preis; ALTER TABLE Profiles DROP COLUMN"
     " AngleLeft; DROP TABLE Suppliers; DROP TABLE UValue",
     false},
    {"other case", "",
     "DROP TABLE Profiles; CREATE TABLE PROFILES (ARTICLECODE, amount); INSERT INTO PROFILES"
     " VALUES ('x', 5)",
     false},
    {"only AllArticles", "", "ALTER TABLE Articles RENAME TO AllArticles", false},
    {"numbers as text", "",
     "UPDATE Articles SET Price = '12,5', Amount = ' 7 '; UPDATE Glass SET Width_Output ="
     " '1.234,50', Height_Output = 'hoch', Price = ''",
     false},
    {"infinite", "", "UPDATE Articles SET Price = 9e999, Amount = -9e999", false},
    {"blobs", "",
     "UPDATE Glass SET Name = x'0102', Price = x'03', Info1 = zeroblob(7); UPDATE Articles SET"
     " ArticleCode = x''",
     false},
    {"no UTF-8", "", "UPDATE Glass SET Name = cast(x'54fc72' as text), Info1 = cast(x'ff' as text)", false},
    {"U+0000", "", "UPDATE Articles SET Description = cast(x'410042' as text), Color = char(0)", false},
    {"control characters", "", "UPDATE Articles SET Description = char(1, 9, 10, 13, 27, 34, 39, 92, 127, 128, 8232)",
     false},
    {"all NULL", "", "UPDATE Glass SET GlassID = NULL, InsertionID = NULL, Name = NULL, Price = NULL", false},
    {"all zero", "", "UPDATE Articles SET Amount = 0, Price = -0.0, Units = 0", false},
    {"large numbers", "",
     "UPDATE Articles SET Amount = 9007199254740993, Price = 1.7976931348623157e308, Units ="
     " 5e-324, PUSize = 0.1 + 0.2",
     false},
    {"no rows", "", "DELETE FROM Articles; DELETE FROM Profiles; DELETE FROM Glass; DELETE FROM Insertions", false},
    {"several elevations", "",
     "INSERT INTO Elevations (ElevationID, Name) VALUES ('{E2}', 'P02'), (NULL, 'P03');"
     "INSERT INTO Insertions VALUES ('{I9}', '{E2}', 'fremd', 0, 1);"
     "INSERT INTO Glass (GlassID, InsertionID) VALUES ('{G9}', '{I9}'), ('{G8}', '?')",
     true},
    {"a large picture", "", "CREATE TABLE Pictures (Content); INSERT INTO Pictures VALUES (randomblob(1500000))", true},
};

TEST(test_files_of_every_form)
{
    int64_t values = 0;
    for (size_t i = 0; i < sizeof forms_of_files / sizeof *forms_of_files; i++) {
        char *sql = sqlite3_mprintf("%s%s%s", TABLES, ROWS, forms_of_files[i].more);
        struct parts_image file = parts_file_make(forms_of_files[i].pragmas, sql);
        if (forms_of_files[i].is_wal) file.bytes[18] = file.bytes[19] = 2;
        values += parts_compare(&file, forms_of_files[i].label);
        sqlite3_free(file.bytes);
        sqlite3_free(sql);
    }
    static const struct {
        const char *text;
        int n;
    } grown[] = {
        {"CREATE TABLE t# (a, b); INSERT INTO t# VALUES (1, #);", 150},
        {"ALTER TABLE Articles ADD COLUMN c# DEFAULT #;", 400},
        {"INSERT INTO Articles (ArticleCode, Amount) VALUES ('c#', #);", 5000},
    };
    for (size_t i = 0; i < sizeof grown / sizeof *grown; i++) {
        struct buf sql = {0};
        buf_str(&sql, "BEGIN;" TABLES ROWS);
        add_series(&sql, grown[i].n, grown[i].text);
        buf_str(&sql, "COMMIT");
        struct parts_image file = parts_file_make("", sql.data);
        values += parts_compare(&file, grown[i].text);
        sqlite3_free(file.bytes);
        buf_free(&sql);
    }
    assert_true(values > 10000);
}

/* ---- whose lines they are, and how many are parts ---- */

static double number_at(const struct parts_data *data, const char *kind, int line, const char *name)
{
    cJSON *array = cJSON_Parse(parts_lines_of(data, kind)->json);
    const cJSON *value = cJSON_GetObjectItem(cJSON_GetArrayItem(array, line), name);
    double number = cJSON_IsNumber(value) ? value->valuedouble : -1;
    cJSON_Delete(array);
    return number;
}

static void expect_text(const struct parts_data *data, const char *kind, int line, const char *name, const char *text)
{
    cJSON *array = cJSON_Parse(parts_lines_of(data, kind)->json);
    const cJSON *value = cJSON_GetObjectItem(cJSON_GetArrayItem(array, line), name);
    assert_true(cJSON_IsString(value));
    assert_string_equal(value->valuestring, text);
    cJSON_Delete(array);
}

TEST(test_lines_are_bound_to_their_elevation)
{
    struct parts_image file =
        parts_file_make("", TABLES ROWS "INSERT INTO Elevations (ElevationID, Name) VALUES ('{E2}', 'P02');"
                                        "INSERT INTO Insertions VALUES ('{I9}', '{E2}', 'fremd', 0, 1);"
                                        "INSERT INTO Glass (GlassID, InsertionID) VALUES ('{G9}', '{I9}')");
    struct parts_data first, second;

    assert_int_equal(parts_read(file.bytes, (size_t)file.len, "P01", NULL, &first, NULL), 0);
    assert_int_equal(parts_read(file.bytes, (size_t)file.len, "P02", NULL, &second, NULL), 0);

    assert_int_equal(first.file_row, 0);
    assert_int_equal(second.file_row, 1);
    assert_string_equal(parts_lines_of(&first, "glass")->json, parts_lines_of(&second, "glass")->json);
    assert_true(number_at(&first, "glass", 0, "of_row") == 0 && number_at(&first, "glass", 2, "of_row") == 1);
    assert_true(number_at(&first, "article", 0, "of_row") == -1);
    assert_int_equal(first.own_parts, 2 + 2 + 2);
    assert_int_equal(second.own_parts, 2 + 2 + 1);
    assert_int_equal(first.parts_count, 3 + 3 + 2 + 2 + 1 + 2 + 1 + 1 + 2);
    expect_text(&first, "glass", 0, "position", "Feld 1");
    expect_text(&first, "glass", 0, "supplier_name", "Zwei");
    expect_text(&first, "article", 0, "supplier_name", "Straße 1");
    expect_text(&first, "calc", 0, "name", "Material");
    assert_non_null(strstr(first.tables, "{\"name\":\"CalcItemNames\",\"rows\":1,\"kind\":null}"));
    assert_non_null(strstr(first.tables, "{\"name\":\"Glass\",\"rows\":3,\"kind\":\"glass\"}"));
    parts_data_free(&first);
    parts_data_free(&second);
    sqlite3_free(file.bytes);
}

/* One table that cannot be read is told, and keeps none of the others out. */
TEST(test_column_that_needs_a_function_is_left_out_and_told)
{
    struct parts_image file =
        parts_file_make("", TABLES ROWS "ALTER TABLE Profiles ADD COLUMN Evil GENERATED ALWAYS AS (evil()) VIRTUAL");
    struct parts_data data;

    assert_int_equal(parts_read(file.bytes, (size_t)file.len, "P01", NULL, &data, NULL), 0);

    assert_non_null(strstr(data.problem, "Profiles: only some of its columns can be read"));
    assert_int_equal(parts_lines_of(&data, "profile")->count, 2);
    expect_text(&data, "profile", 0, "code", "P-1");
    assert_int_equal(parts_lines_of(&data, "article")->count, 2);
    parts_data_free(&data);
    sqlite3_free(file.bytes);
}

/* Any table, page by page, as it is; err may be NULL. */
TEST(test_rows_of_any_table)
{
    struct parts_image file =
        parts_file_make("", TABLES ROWS "CREATE TABLE \"odd \"\"name\" (a, \"b \"\"c\", d); INSERT INTO"
                                        " \"odd \"\"name\" VALUES (1, 'ü', x'0102'), (2.5, NULL, ''), (3, 4, 5);"
                                        "CREATE VIEW v AS SELECT 1");
    struct buf out = {0}, names = {0};

    assert_int_equal(parts_table_rows(file.bytes, (size_t)file.len, "odd \"name", 0, 2, NULL, &out, NULL), 2);
    assert_string_equal(out.data, "{\"a\":1,\"b \\\"c\":\"ü\",\"d\":{\"bytes\":2}}\n"
                                  "{\"a\":2.5,\"b \\\"c\":null,\"d\":\"\"}\n");
    buf_reset(&out);
    assert_int_equal(parts_table_rows(file.bytes, (size_t)file.len, "odd \"name", 2, 9, NULL, &out, NULL), 1);
    assert_int_equal(parts_table_rows(file.bytes, (size_t)file.len, "ODD \"NAME", 3, 9, &names, &out, NULL), 0);
    assert_string_equal(names.data, "{\"a\":null,\"b \\\"c\":null,\"d\":null}");
    static const char *const none[] = {"nothing", "v", "", "sqlite_master\"; DROP TABLE Glass; --"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(parts_table_rows(file.bytes, (size_t)file.len, none[i], 0, 9, NULL, &out, NULL),
                         -ERR_NOT_FOUND);
    assert_int_equal(parts_table_rows("x", 1, "Glass", 0, 9, NULL, &out, NULL), -ERR_INPUT);
    buf_free(&out);
    buf_init(&out, 20);
    assert_int_equal(parts_table_rows(file.bytes, (size_t)file.len, "Glass", 0, 9, NULL, &out, NULL), -ERR_LIMIT);
    buf_free(&out);
    buf_free(&names);
    sqlite3_free(file.bytes);
}

/* Numbers come back as they were, in no more digits than it takes. */
TEST(test_numbers_come_back)
{
    static const struct {
        double value;
        const char *text;
    } table[] = {{0.1, "0.1"},           {-0.5, "-0.5"},      {1234.5, "1234.5"},
                 {-1700.25, "-1700.25"}, {0.000001, "1e-06"}, {2.5e-5, "2.5e-05"},
                 {0.0005, "0.0005"},     {1e15, "1e+15"},     {123456789.125, "123456789.125"},
                 {1e300, "1e+300"},      {-3, "-3"},          {999999.999999, "999999.999999"},
                 {0.05, "0.05"},         {10.01, "10.01"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct buf b = {0};
        cell_add_number(&b, table[i].value);
        assert_string_equal(b.data, table[i].text);
        buf_free(&b);
    }
    srand(7);
    for (int i = 0; i < 20000; i++) {
        char short_text[40];
        double scale = pow(10, rand() % 24 - 10), value = (rand() % 2000000 - 1000000) / 997.0 * scale;
        if (i % 2)
            value = strtod((snprintf(short_text, sizeof short_text, "%.*f", rand() % 8, value), short_text), NULL);
        struct buf b = {0};
        cell_add_number(&b, value);
        if (strtod(b.data, NULL) != value) fail_msg("%.17g became %s", value, b.data);
        bool is_plain = fabs(value) >= 1e-4 && fabs(value) < 1e15;
        if (i % 2 && is_plain && b.len > strlen(short_text)) fail_msg("%s became %s", short_text, b.data);
        buf_free(&b);
    }
}

TEST(test_too_many_lines_are_told)
{
    struct parts_image file = parts_file_make(
        "", TABLES ROWS "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20005)"
                        " INSERT INTO Articles (ArticleCode) SELECT i FROM n");
    struct parts_data data;

    assert_int_equal(parts_read(file.bytes, (size_t)file.len, "P01", NULL, &data, NULL), 0);

    assert_non_null(strstr(data.problem, "Articles: only its first 20000 rows were read"));
    assert_int_equal(parts_lines_of(&data, "article")->count, 20000);
    parts_data_free(&data);
    sqlite3_free(file.bytes);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_files_of_every_form),
    cmocka_unit_test(test_lines_are_bound_to_their_elevation),
    cmocka_unit_test(test_column_that_needs_a_function_is_left_out_and_told),
    cmocka_unit_test(test_rows_of_any_table),
    cmocka_unit_test(test_numbers_come_back),
    cmocka_unit_test(test_too_many_lines_are_told),
};
TEST_MAIN(tests, NULL, NULL)
