/* The comparison: see parts_compare.h. Which column stands for which is looked up anew here, by the table of kinds. */
#include "tests/support/parts/parts_compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

#include "conf/text/utf8.h"
#include "services/parts/cell.h"
#include "services/parts/line_kinds.h"

static void evil(sqlite3_context *context, int n, sqlite3_value **values)
{
    (void)n, (void)values;
    sqlite3_result_int(context, 1);
}

struct parts_image parts_file_make(const char *pragmas, const char *sql)
{
    sqlite3 *db = NULL;
    struct parts_image file;
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
        if (is_one && isfinite(value) && cell_is_countable(value, type == SQLITE_TEXT ? text : NULL)) {
            same_number(typed, value, where);
            return;
        }
    } else if (known && type != SQLITE_NULL && type != SQLITE_BLOB) {
        same_text(typed, sqlite3_column_text(row, column), sqlite3_column_bytes(row, column), where);
        return;
    }
    same_other(known && type == SQLITE_NULL ? typed : other, row, column, where);
}

const struct parts_lines *parts_lines_of(const struct parts_data *data, const char *kind)
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
static int64_t compare(const struct parts_image *file, const struct parts_data *data)
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
        const struct parts_lines *lines = parts_lines_of(data, line_kinds[k].kind);
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

int64_t parts_compare(const struct parts_image *file, const char *label)
{
    struct parts_data data;
    struct err err = {0};
    if (parts_read(file->bytes, (size_t)file->len, "P01", NULL, &data, &err) != 0) fail_msg("%s: %s", label, err.text);
    int64_t values = compare(file, &data);
    parts_data_free(&data);
    return values;
}
