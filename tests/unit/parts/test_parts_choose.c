/* Which elevation of a parts list is read: by tables of rows, and from files with several of them in every encoding. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sqlite3.h>

#include "conf/text/utf8.h"
#include "services/parts/choose.h"
#include "services/parts/image.h"
#include "services/parts/read.h"
#include "services/parts/verify.h"
#include "tests/support/test.h"

#define GUID       "15782e4d-a69c-4ce5-9c17-d3060a039b2d"
#define GUID_THERE "{15782E4D-A69C-4CE5-9C17-D3060A039B2D}"
#define TABLES                                                                                                         \
    "CREATE TABLE Elevations (ElevationID, Name, AutoDescription, AutoDescriptionShort, Width_Output, Width_Unit,"     \
    " Height_Output, Height_Unit, Weight_Output, Weight_Unit, Area_Output, Area_Unit, SystemCode, SystemName,"         \
    " SystemLongName, ColorBase_Long); CREATE TABLE Glass (GlassID, Name, InsertionID);"                               \
    "CREATE TABLE Insertions (InsertionID, ElevationID);"
#define ROW(id, name, code)                                                                                            \
    "INSERT INTO Elevations (ElevationID, Name, SystemCode) VALUES (" id ", " name ", " code ");"

struct file {
    unsigned char *bytes;
    size_t len;
};

static struct file make(const char *encoding, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_int64 len = 0;
    char *why = NULL, *all = sqlite3_mprintf("PRAGMA encoding = '%s'; %s", encoding, sql);
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    if (sqlite3_exec(db, all, NULL, NULL, &why) != SQLITE_OK) fail_msg("%s", why);
    struct file file = {.bytes = sqlite3_serialize(db, "main", &len, 0)};
    file.len = (size_t)len;
    sqlite3_free(all);
    sqlite3_close(db);
    return file;
}

TEST(test_rows_are_chosen_by_table)
{
    static const struct {
        const char *name, *id, *names[4], *ids[4];
        int expected;
    } rows[] = {
        {"P01", NULL, {"unrelated", "P01"}, {0}, 1},
        {"P01", NULL, {"P01", "unrelated", "P010"}, {0}, 0},
        {"P01", NULL, {"anything"}, {0}, 0},
        {"P01", NULL, {NULL}, {"x"}, 0},
        {"P01", NULL, {"P02", "P03"}, {0}, -1},
        {"P01", NULL, {"P010", "P011"}, {0}, -1},
        {"P01", NULL, {"P01", "P01"}, {"a", "b"}, -1},
        {"P01", GUID, {"P01", "P01"}, {"a", GUID_THERE}, 1},
        {"P01", GUID, {"P02", "P01"}, {GUID_THERE, "b"}, 1},
        {"P01", GUID, {"P02", "P03"}, {"a", "15782E4DA69C4CE59C17D3060A039B2D"}, 1},
        {"P01", NULL, {"x", " p01 "}, {0}, 1},
        {"P01", NULL, {"p01", "P01"}, {0}, 1},
        {"P01", NULL, {"p01", "P01 "}, {0}, -1},
        {"P01", NULL, {"x", "P01 (copy)"}, {0}, 1},
        {"P01", NULL, {"P01 (copy)", "P01 / 2"}, {0}, -1},
        {"P01", NULL, {"x", "P01-2"}, {0}, -1},
        {"P01", NULL, {"x", "P01A"}, {0}, -1},
        {"P01 north", NULL, {"P01", "P01  north"}, {0}, 1},
        {"K\xc3\xbc"
         "che",
         NULL,
         {"x", "K\xc3\x9c"
               "CHE"},
         {0},
         1},
        {"K\xc3\xbc"
         "che",
         NULL,
         {"x", "K\xfc"
               "che"},
         {0},
         1},
        {"Kuche",
         NULL,
         {"x", "K\xfc"
               "che"},
         {0},
         -1},
        {"\xd0\xa1\xd0\xb2\xd0\xb5\xd1\x82", NULL, {"x", "\xd0\xa1\xd0\x92\xd0\x95\xd0\xa2"}, {0}, 1},
        {"", NULL, {"", "P01"}, {0}, -1},
        {NULL, NULL, {"P01", "P02"}, {0}, -1},
        {NULL, NULL, {"P01"}, {0}, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct choose c = {.name = rows[i].name, .id = rows[i].id};
        for (int k = 0; k < 4 && (rows[i].names[k] || rows[i].ids[k]); k++)
            choose_add(&c, rows[i].names[k], rows[i].names[k] ? strlen(rows[i].names[k]) : 0, rows[i].ids[k]);
        if (choose_row(&c) != rows[i].expected) fail_msg("row %zu: %d", i, (int)choose_row(&c));
    }
}

/* A stored name ends after 255 characters. */
TEST(test_long_name_is_found_by_its_beginning)
{
    char name[600] = "", longer[700];
    for (int i = 0; i < 255; i++) strcat(name, "\xc3\xa4");
    snprintf(longer, sizeof longer, "%s and more", name);
    struct choose c = {.name = name};

    choose_add(&c, "P01", 3, NULL);
    choose_add(&c, longer, strlen(longer), NULL);

    assert_int_equal(choose_row(&c), 1);
}

/* Decoys before and after, in each of SQLite's encodings; the kept connection sees them all one after the other. */
TEST(test_right_row_in_every_encoding_one_after_the_other)
{
    static const char *const encodings[] = {"UTF-8", "UTF-16le", "UTF-16be"};

    for (int i = 0; i < 24; i++) {
        const char *encoding = encodings[(i * i + i / 3) % 3];
        struct file file =
            make(encoding, TABLES ROW("1", "'unrelated'", "'X'") ROW("2", "'P\xc3\xa4 01'", "'S\xe2\x82\xac'")
                               ROW("3", "'P02'", "'Y'") "INSERT INTO Glass VALUES ('G1', 'Gl\xc3\xa4ser', 7);");
        struct parts_data data;
        struct err err = {0};
        if (parts_verify(file.bytes, file.len, &err) < 0) fail_msg("%s: %s", encoding, err.text);
        if (parts_read(file.bytes, file.len, "P\xc3\xa4 01", NULL, &data, &err) < 0)
            fail_msg("%s: %s", encoding, err.text);
        assert_string_equal(data.problem, "");
        assert_string_equal(data.texts[6], "S\xe2\x82\xac");
        assert_string_equal(data.glass[0].name, "Gl\xc3\xa4ser");
        parts_data_free(&data);
        sqlite3_free(file.bytes);
    }
    image_forget();
}

TEST(test_nothing_is_guessed_when_no_row_fits)
{
    struct file file = make("UTF-8", TABLES ROW("1", "'P02'", "'X'")
                                         ROW("2", "'P03'", "'Y'") "INSERT INTO Glass VALUES ('G1', 'x', 1);");
    struct parts_data data;

    assert_int_equal(parts_read(file.bytes, file.len, "P01", NULL, &data, NULL), 0);

    assert_string_equal(data.problem, "it has 2 elevations, and not exactly one of them is P01");
    for (int i = 0; i < PARTS_TEXTS; i++) assert_null(data.texts[i]);
    for (int i = 0; i < PARTS_NUMBERS; i++) assert_false(data.numbers[i].is_set);
    assert_int_equal(data.glass_count, 0);
    assert_int_equal(data.parts_count, 1);
    parts_data_free(&data);
    sqlite3_free(file.bytes);
}

TEST(test_glass_of_other_elevations_is_left_out)
{
    struct file file = make(
        "UTF-8", TABLES ROW("'{A}'", "'P01'", "'X'")
                     ROW("'{B}'", "'P02'", "'Y'") "INSERT INTO Insertions VALUES (1, '{A}'), (2, '{B}'), (3, '{C}');"
                                                  "INSERT INTO Glass VALUES ('own', 'a', 1), ('other', 'b', 2),"
                                                  " ('unknown', 'c', 3), ('free', 'd', NULL), ('lost', 'e', 9);");
    struct parts_data data;
    char ids[100] = "";

    assert_int_equal(parts_read(file.bytes, file.len, "P01", NULL, &data, NULL), 0);

    for (size_t i = 0; i < data.glass_count; i++) strcat(strcat(ids, data.glass[i].id), " ");
    assert_string_equal(ids, "own unknown free lost ");
    assert_string_equal(data.problem, "");
    parts_data_free(&data);
    sqlite3_free(file.bytes);
}

/* Each text, in any encoding but UTF-8, shifted by 0 to 3 bytes: what comes out is UTF-8, and it is said. */
TEST(test_texts_that_are_no_utf8_are_repaired_and_told)
{
    static const char *const hex[] = {"e4", "c3", "e282", "f09f98", "ff", "c0af", "eda080", "f4908080", "93e9f6fc94"};

    for (size_t i = 0; i < sizeof hex / sizeof hex[0] * 4; i++) {
        char *sql =
            sqlite3_mprintf(TABLES "INSERT INTO Elevations (Name, SystemName) VALUES ('P01', cast(x'%.*s%s' as text));"
                                   "INSERT INTO Glass VALUES ('G1', cast(x'%s65' as text), 1);",
                            (int)(i % 4) * 2, "616263", hex[i / 4], hex[i / 4]);
        struct file file = make("UTF-8", sql);
        struct parts_data data;
        assert_int_equal(parts_read(file.bytes, file.len, "P01", NULL, &data, NULL), 0);
        assert_true(utf8_is_valid(data.texts[7], strlen(data.texts[7])));
        assert_int_equal(strncmp(data.texts[7], "abc?", 4) == 0, i % 4 == 3);
        assert_true(utf8_is_valid(data.glass[0].name, strlen(data.glass[0].name)));
        assert_non_null(strstr(data.problem, "SystemName: bytes that are not UTF-8 were replaced"));
        assert_non_null(strstr(data.problem, "Glass.Name: bytes that are not UTF-8 were replaced"));
        parts_data_free(&data);
        sqlite3_free(sql);
        sqlite3_free(file.bytes);
    }
}

TEST(test_what_is_cut_or_replaced_is_told)
{
    struct file file = make(
        "UTF-8", TABLES
        "INSERT INTO Elevations (Name, AutoDescription, SystemCode, SystemName, Width_Unit, Width_Output, "
        "Height_Output)"
        " VALUES ('P01', cast(x'410042' as text), replace(hex(zeroblob(60)), '0', '\xc3\xa4'), x'fffe00', 'mm', 9e999,"
        " '0x10');");
    struct parts_data data;

    assert_int_equal(parts_read(file.bytes, file.len, "P01", NULL, &data, NULL), 0);

    assert_string_equal(data.texts[0], "A?B");
    assert_int_equal(utf8_length(data.texts[6]), 100);
    assert_false(data.numbers[0].is_set);
    assert_false(data.numbers[1].is_set);
    assert_string_equal(
        data.problem,
        "AutoDescription: U+0000 was replaced; SystemCode is longer than 100 characters and"
        " was cut; SystemName is not a text; Width_Output is not a number; Height_Output is not a number");
    parts_data_free(&data);
    sqlite3_free(file.bytes);
}

TEST(test_texts_of_two_megabytes_are_read)
{
    static const char *const encodings[] = {"UTF-8", "UTF-16le"};
    for (int i = 0; i < 2; i++) {
        struct file file =
            make(encodings[i], TABLES "INSERT INTO Elevations (Name, AutoDescription) VALUES ('P01',"
                                      " replace(hex(zeroblob(1048576)), '00', 'ab'));"
                                      "CREATE TABLE Pictures (x); INSERT INTO Pictures VALUES (zeroblob(3000000));");
        struct parts_data data;
        struct err err = {0};
        if (parts_verify(file.bytes, file.len, &err) < 0) fail_msg("%s", err.text);
        if (parts_read(file.bytes, file.len, "P01", NULL, &data, &err) < 0) fail_msg("%s", err.text);
        assert_string_equal(data.problem, "");
        assert_int_equal(strlen(data.texts[0]), 2 * 1048576);
        assert_int_equal(data.parts_count, 1);
        parts_data_free(&data);
        sqlite3_free(file.bytes);
    }
}

TEST(test_every_table_is_counted)
{
    static const int counts[] = {1, 64, 69, 300};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        char *sql =
            sqlite3_mprintf(TABLES ROW("1", "'P01'", "'X'") "CREATE TABLE sqlitE (x); INSERT INTO sqlitE VALUES (1);");
        for (int k = 0; k < counts[i]; k++) {
            char *more = sqlite3_mprintf(
                "%s CREATE TABLE \"T %d\"\"\" (x); INSERT INTO \"T %d\"\"\" VALUES (1), (2), (3);", sql, k, k);
            sqlite3_free(sql);
            sql = more;
        }
        struct file file = make("UTF-8", sql);
        struct parts_data data;
        assert_int_equal(parts_read(file.bytes, file.len, "P01", NULL, &data, NULL), 0);
        assert_int_equal(data.parts_count, 1 + 3 * counts[i]);
        assert_string_equal(data.problem, "");
        parts_data_free(&data);
        sqlite3_free(sql);
        sqlite3_free(file.bytes);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_rows_are_chosen_by_table),
    cmocka_unit_test(test_long_name_is_found_by_its_beginning),
    cmocka_unit_test(test_right_row_in_every_encoding_one_after_the_other),
    cmocka_unit_test(test_nothing_is_guessed_when_no_row_fits),
    cmocka_unit_test(test_glass_of_other_elevations_is_left_out),
    cmocka_unit_test(test_texts_that_are_no_utf8_are_repaired_and_told),
    cmocka_unit_test(test_what_is_cut_or_replaced_is_told),
    cmocka_unit_test(test_texts_of_two_megabytes_are_read),
    cmocka_unit_test(test_every_table_is_counted),
};
TEST_MAIN(tests, NULL, NULL)
