/* Connections that are kept from file to file with their schema: files of few schemas, of many contents and kinds of
 * harm, in any order, are read as each of them is read by a connection of its own. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "services/parts/image.h"
#include "services/parts/image_db.h"
#include "services/parts/read.h"
#include "services/parts/verify.h"
#include "services/store/frames.h"
#include "services/store/unframe.h"
#include "tests/support/parts/parts_compare.h"

#define FILES 240

static uint64_t chance_state;
static unsigned chance(unsigned below)
{
    chance_state = chance_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(chance_state >> 33) % below;
}

/* ---- files ---- */

#define TABLES                                                                                                         \
    "CREATE TABLE Elevations (ElevationID, Name, AutoDescription, SystemCode, Width_Output);"                          \
    "CREATE TABLE Insertions (InsertionID, ElevationID, Name);"                                                        \
    "CREATE TABLE Glass (GlassID, InsertionID, Name, Price);"

/* The first two differ in nothing but the order in which pages are given out, the third in a column's name, the fourth
 * in where indexes are; the fifth is known to the planner by its statistics, and the others have keys, columns, views
 * and triggers of other sorts. */
static const char *const schemas[] = {
    TABLES "CREATE TABLE Profiles (ArticleCode, Amount, Length); CREATE TABLE Articles (ArticleCode, Amount, Price)",
    TABLES "CREATE TABLE Articles (ArticleCode, Amount, Price); CREATE TABLE Profiles (ArticleCode, Amount, Length)",
    TABLES "CREATE TABLE Profiles (ArticleCode, Amount, Price); CREATE TABLE Articles (ArticleCode, Amount, Length)",
    TABLES "CREATE TABLE Profiles (ArticleCode PRIMARY KEY, Amount, Length); CREATE INDEX i ON Glass (Name, GlassID)",
    TABLES "CREATE INDEX i ON Glass (GlassID); CREATE INDEX k ON Glass (Name, Price); INSERT INTO Glass VALUES (1, 2, "
           "3, 4), (1, 3, 4, 5); ANALYZE",
    TABLES "CREATE TABLE Profiles (ArticleCode PRIMARY KEY, Amount, Length) WITHOUT ROWID; CREATE TABLE Articles "
           "(ArticleCode, Amount, Price, Length AS (Amount || Price), Units AS (Amount * 2) STORED)",
    TABLES
    "CREATE TABLE Profiles (ArticleCode, Amount, Length); CREATE VIEW Articles AS SELECT * FROM Profiles; CREATE "
    "TRIGGER t AFTER INSERT ON Profiles BEGIN INSERT INTO Glass VALUES (1, 2, NEW.Amount, 4); END",
    TABLES "CREATE TABLE Articles (ArticleCode COLLATE NOCASE, Amount REAL, Price TEXT, PRIMARY KEY (Price, "
           "ArticleCode)) WITHOUT ROWID; CREATE TABLE \"view\" (x); DROP TABLE \"view\"",
};
static const char *const pragmas[] = {"", "PRAGMA page_size=512", "PRAGMA encoding='UTF-16le'",
                                      "PRAGMA encoding='UTF-16be'", "PRAGMA auto_vacuum=FULL"};

static void add_rows(struct buf *sql, const char *table, int columns, unsigned most)
{
    for (unsigned rows = chance(most); rows; rows--) {
        buf_printf(sql, ";INSERT OR IGNORE INTO %s VALUES ('{%u}'", table, chance(30));
        for (int i = 1; i < columns; i++) {
            unsigned kind = chance(5);
            if (kind == 0)
                buf_str(sql, ",NULL");
            else if (kind == 1)
                buf_printf(sql, ",%u", chance(100000));
            else if (kind == 2)
                buf_printf(sql, ",'P%02u'", chance(4));
            else if (kind == 3)
                buf_printf(sql, ",'größe %u'", chance(1u << 30));
            else
                buf_printf(sql, ",zeroblob(%u)", chance(20) ? chance(9) : chance(20000));
        }
        buf_char(sql, ')');
    }
}

static struct parts_image make(void)
{
    struct buf sql = {0};
    unsigned most = chance(6) ? 9 : 200;
    buf_str(&sql, schemas[chance(2) ? 0 : chance(sizeof schemas / sizeof *schemas)]);
    buf_printf(&sql, ";BEGIN;INSERT INTO Elevations VALUES ('{%u}', 'P01', 'text %u', %u, %u)", chance(9), chance(1000),
               chance(9), chance(4000));
    add_rows(&sql, "Elevations", 5, 4);
    add_rows(&sql, "Insertions", 3, most);
    add_rows(&sql, "Glass", 4, most);
    if (strstr(sql.data, "TABLE Profiles")) add_rows(&sql, "Profiles", 3, most);
    if (strstr(sql.data, "TABLE Articles")) add_rows(&sql, "Articles", 3, most);
    buf_str(&sql, ";COMMIT");
    if (chance(5) == 0) buf_str(&sql, ";DELETE FROM Glass");
    if (chance(9) == 0) buf_str(&sql, ";PRAGMA user_version=7");
    if (strstr(sql.data, "ANALYZE") && chance(2)) buf_str(&sql, ";ANALYZE");
    struct parts_image file =
        parts_file_make(pragmas[chance(2) ? 0 : chance(sizeof pragmas / sizeof *pragmas)], sql.data);
    buf_free(&sql);
    return file;
}

static void put(struct parts_image *file, size_t at, uint32_t value)
{
    for (size_t i = 0; i < 4 && at + i < (size_t)file->len; i++)
        file->bytes[at + i] = (unsigned char)(value >> (24 - 8 * i));
}

/* What a program that writes files by its own rules, a full disk, or an enemy who knows us, makes of a file. */
static void harm(struct parts_image *file)
{
    switch (chance(12)) {
    case 0: file->bytes[18] = file->bytes[19] = 2; break;
    case 1: put(file, 24, chance(8)); break; /* change counter, perhaps the one that was served before */
    case 2:
        put(file, 24, chance(300));
        put(file, 92, chance(2) ? 0 : chance(300));
        break;
    case 3: put(file, 28, chance(60)); break;                                   /* pages */
    case 4: put(file, 32, chance(60)); break;                                   /* free ones */
    case 5: put(file, 40, chance(40)); break;                                   /* the schema's cookie */
    case 6: file->len = 512 * (1 + chance((unsigned)(file->len / 512))); break; /* cut */
    case 7: file->len -= chance(100) < file->len - 200 ? chance(100) : 0; break;
    case 8:
        for (unsigned n = 1 + chance(20); n; n--)
            file->bytes[chance((unsigned)file->len)] ^= (unsigned char)(1u << chance(8));
        break;
    case 9: /* in the schema */
        for (unsigned n = 1 + chance(4); n; n--) file->bytes[100 + chance(900) % (unsigned)(file->len - 100)] ^= 1;
        break;
    default: break;
    }
}

/* ---- what is read ---- */

static void add(struct buf *out, const char *text)
{
    buf_str(out, text ? text : "(null)");
    buf_char(out, '\n');
}

static void describe(const struct parts_data *d, struct buf *out)
{
    for (int i = 0; i < PARTS_TEXTS; i++) add(out, d->texts[i]);
    for (int i = 0; i < PARTS_NUMBERS; i++) buf_printf(out, "%d %.17g\n", d->numbers[i].is_set, d->numbers[i].value);
    for (size_t i = 0; i < d->glass_count; i++) {
        add(out, d->glass[i].id);
        add(out, d->glass[i].name);
    }
    buf_printf(out, "%d %d %d\n", (int)d->parts_count, (int)d->own_parts, (int)d->file_row);
    for (int k = 0; k < PARTS_KINDS; k++) {
        buf_printf(out, "%d ", (int)d->lines[k].count);
        add(out, d->lines[k].kind);
        add(out, d->lines[k].json);
    }
    add(out, d->tables);
    add(out, d->problem);
}

/* Verified and read, from its bytes or from frames. Of a file that is damaged SQLite may read what happens to stand
 * behind a page in memory: it is read, but what of it is not compared. */
static char *read_it(const struct parts_image *file, bool is_packed)
{
    struct err err = {0};
    struct parts_data data;
    struct packed packed = {0};
    struct buf out = {0};
    struct unframer *frames = is_packed ? unframer_new(NULL) : NULL;
    size_t len = (size_t)file->len;
    if (is_packed) {
        assert_int_equal(frames_pack(file->bytes, len, &packed, NULL), 0);
        assert_int_equal(unframer_open(frames, packed.content.data, packed.content.len, len, NULL), 0);
    }
    int verified = is_packed ? parts_verify_frames(frames, &err) : parts_verify(file->bytes, len, &err);
    int rc = is_packed ? parts_read_frames(frames, "P01", "{3}", &data, &err)
                       : parts_read(file->bytes, len, "P01", "{3}", &data, &err);
    if (verified == 0) buf_printf(&out, "%d %s\n", rc, rc < 0 ? err.text : "");
    if (verified == 0 && rc == 0) describe(&data, &out);
    if (verified < 0) buf_printf(&out, "refused: %d", verified);
    parts_data_free(&data);
    unframer_free(frames);
    packed_free(&packed);
    return buf_steal(&out);
}

TEST(test_files_in_any_order_are_read_as_alone)
{
    static struct parts_image files[FILES];
    static char *alone[FILES];
    chance_state = 1;
    for (int i = 0; i < FILES; i++) {
        files[i] = make();
        if (i % 3 == 0) harm(&files[i]);
        image_forget();
        alone[i] = read_it(&files[i], false);
    }
    image_forget();
    int64_t before = image_db_schemas(), reads = 0;

    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < FILES; i++, reads += 2) {
            int n = round == 0 ? i : (int)chance(FILES);
            char *now = read_it(&files[n], round == 3);
            if (strcmp(now, alone[n]) != 0) fail_msg("file %d, round %d:\n%s\nbut alone:\n%s", n, round, now, alone[n]);
            free(now);
        }
    }

    int64_t schemas_read = image_db_schemas() - before;
    if (schemas_read * 2 > reads) fail_msg("%d schemas were read for %d readings", (int)schemas_read, (int)reads);
    for (int i = 0; i < FILES; i++) {
        sqlite3_free(files[i].bytes);
        free(alone[i]);
    }
    image_forget();
}

/* ---- frames that the database keeps until they are asked for ---- */

struct far_frames {
    struct packed packed;
    size_t starts[40], count;
    int questions, refused; /* from this question on none is answered; 0 = all are */
};

static int far_fetch(void *arg, size_t index, const void **frames, size_t *len, struct err *err)
{
    struct far_frames *f = arg;
    if (++f->questions >= f->refused && f->refused) return err_set(err, ERR_DB, "nobody answers");
    *frames = f->packed.content.data + f->starts[index];
    *len = f->starts[index + 1] - f->starts[index];
    return 0;
}

/* What is read of it with so many frames at hand, or "" when the database is to blame. */
static char *read_far(struct far_frames *f, struct unframer *u, size_t head)
{
    struct err err = {0};
    struct parts_data data;
    struct buf out = {0};
    const struct frames_some some = {
        .head = f->packed.content.data, .head_len = f->starts[head], .fetch = far_fetch, .arg = f};
    f->questions = 0;
    assert_int_equal(unframer_open_some(u, &some, f->packed.raw_size, &err), 0);
    int rc = parts_read_frames(u, "P01", "{3}", &data, &err);
    buf_str(&out, "");
    if (rc == 0) describe(&data, &out);
    if (rc < 0 && (rc != -ERR_DB || strcmp(err.text, "nobody answers") != 0)) fail_msg("%d: %s", rc, err.text);
    parts_data_free(&data);
    unframer_close(u);
    return buf_steal(&out);
}

TEST(test_what_the_database_does_not_give_says_nothing_about_the_file)
{
    struct parts_image file =
        parts_file_make("", TABLES "CREATE TABLE Profiles (ArticleCode, Amount, Length);"
                                   "INSERT INTO Elevations VALUES ('{3}', 'P01', 'x', 's', 1);"
                                   "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)"
                                   " INSERT INTO Profiles SELECT 'P' || i || hex(zeroblob(90)), i, 5 FROM n;"
                                   "CREATE TABLE Pictures (x); INSERT INTO Pictures VALUES (randomblob(300000));"
                                   "INSERT INTO Glass SELECT '{G' || Amount || '}', 'i', 'Float', 1 FROM Profiles");
    struct far_frames f = {.count = 0};
    struct unframer *u = unframer_new(NULL);
    int cut = 0, asked = 0;
    assert_int_equal(frames_pack(file.bytes, (size_t)file.len, &f.packed, NULL), 0);
    for (char *at = f.packed.starts.data + 1; *at && *at != '}'; at += *at == ',')
        f.starts[f.count++] = strtoul(at, &at, 10);
    f.starts[f.count] = f.packed.content.len;
    assert_true(f.count > 8);
    char *whole = read_far(&f, u, f.count);
    for (size_t head = 1; head < f.count; head += 2)
        for (f.refused = 0; f.refused < 12; f.refused++) {
            image_forget(); /* half of them by a connection that knows the schema */
            int refused = f.refused;
            f.refused = 0;
            if (refused % 2) free(read_far(&f, u, f.count));
            f.refused = refused;
            char *now = read_far(&f, u, head);
            bool is_refused = f.refused > 0 && f.questions >= f.refused;
            if (strcmp(now, is_refused ? "" : whole) != 0)
                fail_msg("head %d, refused %d, %d questions: %s", (int)head, f.refused, f.questions, now);
            cut += is_refused;
            asked += f.questions;
            free(now);
        }
    assert_true(cut > 10 && asked > 50);
    free(whole);
    packed_free(&f.packed);
    unframer_free(u);
    sqlite3_free(file.bytes);
    image_forget();
}

/* The same schema, and a file that ends before its tables begin. */
TEST(test_a_file_cut_before_its_tables_gets_a_connection_of_its_own)
{
    struct parts_image whole =
        parts_file_make("PRAGMA page_size=4096", TABLES "INSERT INTO Elevations (Name) VALUES ('P01'), ('P02')");
    struct parts_image cut = whole;
    cut.bytes = malloc((size_t)whole.len);
    memcpy(cut.bytes, whole.bytes, (size_t)whole.len);
    cut.len -= 4096;
    put(&cut, 28, (uint32_t)(cut.len / 4096));
    image_forget();
    char *alone = read_it(&cut, false), *first = read_it(&whole, false);
    int64_t schemas_read = image_db_schemas();
    char *again = read_it(&whole, true);
    assert_int_equal(image_db_schemas(), schemas_read);
    char *after = read_it(&cut, false);

    assert_true(image_db_schemas() > schemas_read);
    assert_string_equal(after, alone);
    assert_string_equal(again, first);
    assert_non_null(strstr(alone, "refused"));

    free(alone);
    free(first);
    free(after);
    free(again);
    free(cut.bytes);
    sqlite3_free(whole.bytes);
    image_forget();
}

/* Two files that differ in one value in the middle of a page, and in nothing that SQLite would have to notice. */
TEST(test_nothing_of_the_file_before_is_seen)
{
    struct parts_image file = parts_file_make("", TABLES "INSERT INTO Elevations VALUES ('{1}', 'P01', 'before', 's', "
                                                         "1)");
    char *at = memmem(file.bytes, (size_t)file.len, "before", 6);
    image_forget();
    int64_t schemas_read = image_db_schemas();
    char *before = read_it(&file, false);
    memcpy(at, "behind", 6);
    char *behind = read_it(&file, false);

    assert_non_null(strstr(before, "before"));
    assert_null(strstr(behind, "before"));
    assert_non_null(strstr(behind, "behind"));
    assert_int_equal(image_db_schemas(), schemas_read + 1);

    free(before);
    free(behind);
    sqlite3_free(file.bytes);
    image_forget();
}

/* Whatever the size of pages and the encoding: the second file of a schema finds the connection of the first. */
TEST(test_second_file_of_a_schema_finds_it_read)
{
    static const char *const encodings[] = {"UTF-8", "UTF-16le", "UTF-16be"};
    for (int page = 512; page <= 65536; page *= 2)
        for (int i = 0; i < 3; i++) {
            char set[100];
            snprintf(set, sizeof set, "PRAGMA page_size=%d; PRAGMA encoding='%s'", page, encodings[i]);
            struct parts_image first = parts_file_make(set, TABLES "INSERT INTO Elevations (Name) VALUES ('P01')");
            struct parts_image second =
                parts_file_make(set, TABLES "INSERT INTO Elevations (Name, SystemCode) VALUES ('P01', zeroblob(9000))");
            image_forget();
            free(read_it(&first, false));
            int64_t schemas_read = image_db_schemas();
            free(read_it(&second, false));
            free(read_it(&first, true));

            if (image_db_schemas() != schemas_read) fail_msg("pages of %d bytes, %s", page, encodings[i]);
            sqlite3_free(first.bytes);
            sqlite3_free(second.bytes);
        }
    image_forget();
}

/* Kept connections are few, and a file whose schema is new to all of them takes the place of the one longest unused. */
TEST(test_many_schemas_are_not_kept_for_good)
{
    image_forget();
    int64_t schemas_read = image_db_schemas();
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 12; i++) {
            char sql[400];
            snprintf(sql, sizeof sql, TABLES "CREATE TABLE t%d (x); INSERT INTO Elevations (Name) VALUES ('P01')", i);
            struct parts_image file = parts_file_make("", sql);
            free(read_it(&file, i % 2 == 0));
            sqlite3_free(file.bytes);
        }

    assert_int_equal(image_db_schemas(), schemas_read + 24);
    image_forget();
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_files_in_any_order_are_read_as_alone),
    cmocka_unit_test(test_what_the_database_does_not_give_says_nothing_about_the_file),
    cmocka_unit_test(test_a_file_cut_before_its_tables_gets_a_connection_of_its_own),
    cmocka_unit_test(test_nothing_of_the_file_before_is_seen),
    cmocka_unit_test(test_second_file_of_a_schema_finds_it_read),
    cmocka_unit_test(test_many_schemas_are_not_kept_for_good),
};
TEST_MAIN(tests, NULL, NULL)
