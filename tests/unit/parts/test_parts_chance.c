/* Lines of parts lists whose tables, columns and values are by chance, value by value against SQLite's own reading. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "conf/text/buf.h"
#include "services/parts/cell.h"
#include "services/parts/line_kinds.h"
#include "services/parts/read.h"
#include "services/parts/table.h"
#include "tests/support/parts/parts_compare.h"

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
        struct parts_image file = parts_file_make(encodings[chance(4)], sql.data);
        if (chance(2)) file.bytes[18] = file.bytes[19] = 2;
        char label[40];
        snprintf(label, sizeof label, "file %d", i);
        values += parts_compare(&file, label);
        sqlite3_free(file.bytes);
        buf_free(&sql);
    }
    assert_true(values > 15000);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_schemas_by_chance),
};
TEST_MAIN(tests, NULL, NULL)
