/* Lines of parts lists, value by value against SQLite's own reading of the same file: files of many forms, and files
 * with tables, columns and values by chance. */
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

#include "conf/buf.h"
#include "conf/utf8.h"
#include "services/parts/cell.h"
#include "services/parts/line_kinds.h"
#include "services/parts/read.h"
#include "services/parts/table.h"
#include "tests/support/test.h"

struct file {
    unsigned char *bytes;
    sqlite3_int64 len;
};

static void evil(sqlite3_context *context, int n, sqlite3_value **values)
{
    (void)n, (void)values;
    sqlite3_result_int(context, 1);
}

static struct file make(const char *pragmas, const char *sql)
{
    sqlite3 *db = NULL;
    struct file file;
    char *why = NULL;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    sqlite3_create_function(db, "evil", 0, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, evil, NULL, NULL);
    if (sqlite3_exec(db, pragmas, NULL, NULL, &why) != SQLITE_OK) fail_msg("%s: %s", pragmas, why);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) fail_msg("%s: %s", sql, why);
    file.bytes = sqlite3_serialize(db, "main", &file.len, 0);
    assert_non_null(file.bytes);
    sqlite3_close(db);
    return file;
}

/* ---- the comparison ---- */

static const char *known_name(const struct line_kind *kind, sqlite3_stmt *row, int column)
{
    const char *name = sqlite3_column_name(row, column);
    for (int k = 0; k < LINE_COLUMNS && kind->columns[k].name; k++) {
        const char *const *from = kind->columns[k].from;
        if (strcasecmp(from[0], name) == 0) return kind->columns[k].name;
        bool has_first = false;
        for (int i = 0; i < sqlite3_column_count(row); i++)
            has_first = has_first || strcasecmp(sqlite3_column_name(row, i), from[0]) == 0;
        if (from[1] && strcasecmp(from[1], name) == 0 && !has_first) return kind->columns[k].name;
    }
    return NULL;
}

static bool is_number_column(const struct line_kind *kind, const char *known)
{
    for (int k = 0; k < LINE_COLUMNS && kind->columns[k].name; k++)
        if (strcmp(kind->columns[k].name, known) == 0) return kind->columns[k].type == LINE_NUMBER;
    return false;
}

static void same_text(const cJSON *got, const unsigned char *text, int len, const char *where)
{
    char *expected = malloc((size_t)len + 1);
    assert_non_null(expected);
    memcpy(expected, text, (size_t)len);
    expected[len] = '\0';
    utf8_repair(expected, (size_t)len);
    for (int i = 0; i < len; i++)
        if (!expected[i]) expected[i] = '?';
    if (!cJSON_IsString(got) || strcmp(got->valuestring, expected) != 0)
        fail_msg("%s: \"%s\" instead of \"%s\"", where, cJSON_IsString(got) ? got->valuestring : "(no text)", expected);
    free(expected);
}

static void same_number(const cJSON *got, double expected, const char *where)
{
    if (!isfinite(expected) ? got && !cJSON_IsNull(got) : !cJSON_IsNumber(got) || got->valuedouble != expected)
        fail_msg("%s: %.17g instead of %.17g", where, cJSON_IsNumber(got) ? got->valuedouble : NAN, expected);
}

/* A value of a column that no kind knows, or that is not of the kind's type: as it is. */
static void same_other(const cJSON *got, sqlite3_stmt *row, int column, const char *where)
{
    const cJSON *bytes;
    switch (sqlite3_column_type(row, column)) {
    case SQLITE_NULL:
        if (got && !cJSON_IsNull(got)) fail_msg("%s: something instead of NULL", where);
        break;
    case SQLITE_INTEGER:
    case SQLITE_FLOAT: same_number(got, sqlite3_column_double(row, column), where); break;
    case SQLITE_TEXT: same_text(got, sqlite3_column_text(row, column), sqlite3_column_bytes(row, column), where); break;
    default:
        bytes = cJSON_GetObjectItemCaseSensitive(got, "bytes");
        if (!bytes || (int)bytes->valuedouble != sqlite3_column_bytes(row, column))
            fail_msg("%s: not its bytes", where);
    }
}

static void compare_value(const struct line_kind *kind, const cJSON *line, sqlite3_stmt *row, int column,
                          int64_t *values)
{
    const char *name = sqlite3_column_name(row, column), *known = known_name(kind, row, column);
    const cJSON *typed = known ? cJSON_GetObjectItemCaseSensitive(line, known) : NULL;
    const cJSON *other = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(line, "other"), name);
    char where[200];
    int type = sqlite3_column_type(row, column);
    double value;
    snprintf(where, sizeof where, "%s.%s", kind->kind, name);
    ++*values;
    const char *text = type == SQLITE_TEXT ? (const char *)sqlite3_column_text(row, column) : "";
    size_t len = type == SQLITE_TEXT ? (size_t)sqlite3_column_bytes(row, column) : 0;
    if (known && type != SQLITE_NULL && is_number_column(kind, known)) {
        if (type == SQLITE_TEXT && strspn(text, " ") == len) return;
        bool is_one = type == SQLITE_TEXT ? cell_is_number(text, len, &value) : type != SQLITE_BLOB;
        if (is_one && type != SQLITE_TEXT) value = sqlite3_column_double(row, column);
        if (is_one && isfinite(value)) {
            same_number(typed, value, where);
            return;
        }
    } else if (known && type != SQLITE_NULL && type != SQLITE_BLOB) {
        same_text(typed, sqlite3_column_text(row, column), sqlite3_column_bytes(row, column), where);
        return;
    }
    same_other(known && type == SQLITE_NULL ? typed : other, row, column, where);
}

static const struct parts_lines *lines_of(const struct parts_data *data, const char *kind)
{
    for (int i = 0; i < PARTS_KINDS; i++)
        if (data->lines[i].kind && strcmp(data->lines[i].kind, kind) == 0) return &data->lines[i];
    return NULL;
}

static sqlite3_stmt *all_rows(sqlite3 *db, const struct line_kind *kind)
{
    for (int i = 0; i < 2 && kind->tables[i]; i++) {
        sqlite3_stmt *row = NULL;
        if (sqlite3_table_column_metadata(db, NULL, kind->tables[i], NULL, NULL, NULL, NULL, NULL, NULL) != SQLITE_OK)
            continue;
        char *sql = sqlite3_mprintf("SELECT * FROM \"%w\" NOT INDEXED", kind->tables[i]);
        if (sqlite3_prepare_v2(db, sql, -1, &row, NULL) != SQLITE_OK) fail_msg("%s", sqlite3_errmsg(db));
        sqlite3_free(sql);
        return row;
    }
    return NULL;
}

/* Every value of every known table; how many there were. */
static int64_t compare(const struct file *file, const struct parts_data *data)
{
    sqlite3 *db = NULL;
    int64_t values = 0;
    unsigned char *copy = sqlite3_malloc64((sqlite3_uint64)file->len);
    memcpy(copy, file->bytes, (size_t)file->len);
    copy[18] = copy[19] = 1;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(sqlite3_deserialize(db, "main", copy, file->len, file->len, SQLITE_DESERIALIZE_FREEONCLOSE),
                     SQLITE_OK);
    for (int k = 0; k < PARTS_KINDS; k++) {
        sqlite3_stmt *row = all_rows(db, &line_kinds[k]);
        const struct parts_lines *lines = lines_of(data, line_kinds[k].kind);
        if (!row != !lines) fail_msg("%s: is there, and is not", line_kinds[k].kind);
        if (!row) continue;
        cJSON *array = cJSON_Parse(lines->json);
        if (!array) fail_msg("%s: no JSON: %.300s", line_kinds[k].kind, lines->json);
        const cJSON *line = array->child;
        int64_t count = 0;
        while (sqlite3_step(row) == SQLITE_ROW) {
            count++;
            if (!line) fail_msg("%s: only %d lines", line_kinds[k].kind, (int)lines->count);
            assert_int_equal((int64_t)cJSON_GetNumberValue(cJSON_GetObjectItem(line, "line")), count);
            for (int i = 0; i < sqlite3_column_count(row); i++) compare_value(&line_kinds[k], line, row, i, &values);
            line = line->next;
        }
        assert_null(line);
        assert_int_equal(lines->count, count);
        sqlite3_finalize(row);
        cJSON_Delete(array);
    }
    sqlite3_close(db);
    return values;
}

static int64_t read_and_compare(const struct file *file, const char *label)
{
    struct parts_data data;
    struct err err = {0};
    if (parts_read(file->bytes, (size_t)file->len, "P01", NULL, &data, &err) != 0) fail_msg("%s: %s", label, err.text);
    int64_t values = compare(file, &data);
    parts_data_free(&data);
    return values;
}

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

TEST(test_files_of_every_form)
{
    static const struct {
        const char *label, *pragmas, *more;
        bool is_wal;
    } forms[] = {
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
        {"control characters", "",
         "UPDATE Articles SET Description = char(1, 9, 10, 13, 27, 34, 39, 92, 127, 128, 8232)", false},
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
        {"a large picture", "", "CREATE TABLE Pictures (Content); INSERT INTO Pictures VALUES (randomblob(1500000))",
         true},
    };
    int64_t values = 0;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char *sql = sqlite3_mprintf("%s%s%s", TABLES, ROWS, forms[i].more);
        struct file file = make(forms[i].pragmas, sql);
        if (forms[i].is_wal) file.bytes[18] = file.bytes[19] = 2;
        values += read_and_compare(&file, forms[i].label);
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
        struct file file = make("", sql.data);
        values += read_and_compare(&file, grown[i].text);
        sqlite3_free(file.bytes);
        buf_free(&sql);
    }
    assert_true(values > 10000);
}

/* ---- whose lines they are, and how many are parts ---- */

static double number_at(const struct parts_data *data, const char *kind, int line, const char *name)
{
    cJSON *array = cJSON_Parse(lines_of(data, kind)->json);
    const cJSON *value = cJSON_GetObjectItem(cJSON_GetArrayItem(array, line), name);
    double number = cJSON_IsNumber(value) ? value->valuedouble : -1;
    cJSON_Delete(array);
    return number;
}

static void expect_text(const struct parts_data *data, const char *kind, int line, const char *name, const char *text)
{
    cJSON *array = cJSON_Parse(lines_of(data, kind)->json);
    const cJSON *value = cJSON_GetObjectItem(cJSON_GetArrayItem(array, line), name);
    assert_true(cJSON_IsString(value));
    assert_string_equal(value->valuestring, text);
    cJSON_Delete(array);
}

TEST(test_lines_are_bound_to_their_elevation)
{
    struct file file = make("", TABLES ROWS "INSERT INTO Elevations (ElevationID, Name) VALUES ('{E2}', 'P02');"
                                            "INSERT INTO Insertions VALUES ('{I9}', '{E2}', 'fremd', 0, 1);"
                                            "INSERT INTO Glass (GlassID, InsertionID) VALUES ('{G9}', '{I9}')");
    struct parts_data first, second;

    assert_int_equal(parts_read(file.bytes, (size_t)file.len, "P01", NULL, &first, NULL), 0);
    assert_int_equal(parts_read(file.bytes, (size_t)file.len, "P02", NULL, &second, NULL), 0);

    assert_int_equal(first.file_row, 0);
    assert_int_equal(second.file_row, 1);
    assert_string_equal(lines_of(&first, "glass")->json, lines_of(&second, "glass")->json);
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
    struct file file =
        make("", TABLES ROWS "ALTER TABLE Profiles ADD COLUMN Evil GENERATED ALWAYS AS (evil()) VIRTUAL");
    struct parts_data data;

    assert_int_equal(parts_read(file.bytes, (size_t)file.len, "P01", NULL, &data, NULL), 0);

    assert_non_null(strstr(data.problem, "Profiles: only some of its columns can be read"));
    assert_int_equal(lines_of(&data, "profile")->count, 2);
    expect_text(&data, "profile", 0, "code", "P-1");
    assert_int_equal(lines_of(&data, "article")->count, 2);
    parts_data_free(&data);
    sqlite3_free(file.bytes);
}

/* Any table, page by page, as it is; err may be NULL. */
TEST(test_rows_of_any_table)
{
    struct file file = make("", TABLES ROWS "CREATE TABLE \"odd \"\"name\" (a, \"b \"\"c\", d); INSERT INTO"
                                            " \"odd \"\"name\" VALUES (1, 'ü', x'0102'), (2.5, NULL, ''), (3, 4, 5);"
                                            "CREATE VIEW v AS SELECT 1");
    struct buf out = {0};

    assert_int_equal(parts_table_rows(file.bytes, (size_t)file.len, "odd \"name", 0, 2, &out, NULL), 2);
    assert_string_equal(out.data, "{\"a\":1,\"b \\\"c\":\"ü\",\"d\":{\"bytes\":2}}\n"
                                  "{\"a\":2.5,\"b \\\"c\":null,\"d\":\"\"}\n");
    buf_reset(&out);
    assert_int_equal(parts_table_rows(file.bytes, (size_t)file.len, "odd \"name", 2, 9, &out, NULL), 1);
    assert_int_equal(parts_table_rows(file.bytes, (size_t)file.len, "ODD \"NAME", 3, 9, &out, NULL), 0);
    static const char *const none[] = {"nothing", "v", "", "sqlite_master\"; DROP TABLE Glass; --"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(parts_table_rows(file.bytes, (size_t)file.len, none[i], 0, 9, &out, NULL), -ERR_NOT_FOUND);
    assert_int_equal(parts_table_rows("x", 1, "Glass", 0, 9, &out, NULL), -ERR_INPUT);
    buf_free(&out);
    buf_init(&out, 20);
    assert_int_equal(parts_table_rows(file.bytes, (size_t)file.len, "Glass", 0, 9, &out, NULL), -ERR_LIMIT);
    buf_free(&out);
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
    struct file file =
        make("", TABLES ROWS "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20005)"
                             " INSERT INTO Articles (ArticleCode) SELECT i FROM n");
    struct parts_data data;

    assert_int_equal(parts_read(file.bytes, (size_t)file.len, "P01", NULL, &data, NULL), 0);

    assert_non_null(strstr(data.problem, "Articles: only its first 20000 rows were read"));
    assert_int_equal(lines_of(&data, "article")->count, 20000);
    parts_data_free(&data);
    sqlite3_free(file.bytes);
}

/* ---- files by chance ---- */

static uint64_t chance_state;
static unsigned chance(unsigned below)
{
    chance_state = chance_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(chance_state >> 33) % below;
}

static void add_value(struct buf *sql)
{
    static const char *const odd[] = {"NULL",
                                      "''",
                                      "' '",
                                      "'12,5'",
                                      "'1e3'",
                                      "'x'",
                                      "x''",
                                      "x'00ff'",
                                      "9e999",
                                      "-9e999",
                                      "cast(x'e4f6' as text)",
                                      "cast(x'0041' as text)",
                                      "'\"\\\x07'",
                                      "'{I1}'",
                                      "9223372036854775807",
                                      "-9223372036854775808",
                                      "'😀'",
                                      "1e-320"};
    switch (chance(4)) {
    case 0: buf_str(sql, odd[chance(sizeof odd / sizeof *odd)]); break;
    case 1: buf_printf(sql, "%d", (int)chance(100000) - 500); break;
    case 2: buf_printf(sql, "%.17g", (chance(1000000) + 1) / (double)(chance(9999) + 1)); break;
    default: buf_printf(sql, "'%c%x ü'", 'a' + (int)chance(26), chance(1 << 30));
    }
}

/* A table of a kind with some of its columns, in some order, and some of its own. */
static void add_table(struct buf *sql, const struct line_kind *kind)
{
    static const char *const types[] = {"", "TEXT", "INTEGER", "REAL", "BLOB", "NUMERIC"};
    const char *columns[2 * LINE_COLUMNS];
    int n = 0;
    for (int k = 0; k < LINE_COLUMNS && kind->columns[k].name; k++)
        for (int i = 0; i < 2; i++)
            if (kind->columns[k].from[i] && chance(3)) columns[n++] = kind->columns[k].from[i];
    const char *table = kind->tables[kind->tables[1] && chance(4) == 0];
    buf_printf(sql, "CREATE TABLE %s (", table);
    int own = (int)chance(4), total = 0;
    const char *seen[2 * LINE_COLUMNS];
    for (int i = 0; i < n; i++) {
        bool is_new = true;
        for (int k = 0; k < total; k++) is_new = is_new && strcasecmp(seen[k], columns[i]) != 0;
        if (!is_new) continue;
        buf_printf(sql, "%s%s %s", total ? ", " : "", columns[i], types[chance(6)]);
        seen[total++] = columns[i];
    }
    for (int i = 0; i < own || total + i == 0; i++) {
        buf_printf(sql, "%s\"own %d\" %s", total + i ? ", " : "", i, types[chance(6)]);
        if (i >= own) own = i + 1;
    }
    buf_str(sql, ");");
    for (unsigned rows = chance(12); rows; rows--) {
        buf_printf(sql, "INSERT INTO %s VALUES (", table);
        for (int i = 0; i < total + own; i++) {
            buf_str(sql, i ? ", " : "");
            add_value(sql);
        }
        buf_str(sql, ");");
    }
}

TEST(test_schemas_by_chance)
{
    static const char *const encodings[] = {"PRAGMA encoding='UTF-8'", "PRAGMA encoding='UTF-16le'", "", ""};
    int64_t values = 0;
    for (int i = 0; i < 150; i++) {
        struct buf sql = {0};
        chance_state = (uint64_t)i * 7919 + 1;
        buf_str(&sql, "BEGIN;CREATE TABLE Elevations (Name, SystemCode, ElevationID);");
        for (unsigned rows = chance(3); rows; rows--)
            buf_printf(&sql, "INSERT INTO Elevations VALUES ('X%u', 's', 'E%u');", rows, rows);
        buf_str(&sql, "INSERT INTO Elevations VALUES ('P01', 'S', 'E');");
        for (int k = 1; k < PARTS_KINDS; k++) {
            if (chance(5)) add_table(&sql, &line_kinds[k]);
        }
        buf_str(&sql, "COMMIT");
        struct file file = make(encodings[chance(4)], sql.data);
        if (chance(2)) file.bytes[18] = file.bytes[19] = 2;
        char label[40];
        snprintf(label, sizeof label, "file %d", i);
        values += read_and_compare(&file, label);
        sqlite3_free(file.bytes);
        buf_free(&sql);
    }
    assert_true(values > 15000);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_files_of_every_form),
    cmocka_unit_test(test_lines_are_bound_to_their_elevation),
    cmocka_unit_test(test_column_that_needs_a_function_is_left_out_and_told),
    cmocka_unit_test(test_rows_of_any_table),
    cmocka_unit_test(test_numbers_come_back),
    cmocka_unit_test(test_too_many_lines_are_told),
    cmocka_unit_test(test_schemas_by_chance),
};
TEST_MAIN(tests, NULL, NULL)
