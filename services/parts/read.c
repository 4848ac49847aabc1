/* Reading a parts list: see read.h. */
#include "services/parts/read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/parts/image.h"

#define GLASS_MAX  10000
#define TABLES_MAX 64

static void problem(struct parts_data *data, const char *what)
{
    if (!data->problem[0]) snprintf(data->problem, sizeof(data->problem), "%s", what);
}

/* The column as text of the statement, NULL where it is NULL, or without memory, which the image then knows. */
static const char *borrowed(struct image *image, sqlite3_stmt *row, int column)
{
    int type = sqlite3_column_type(row, column);
    const char *text = (const char *)sqlite3_column_text(row, column);
    if (!text && type != SQLITE_NULL && sqlite3_errcode(image->db) == SQLITE_NOMEM) image->has_no_memory = true;
    return text;
}

static char *text_of(struct image *image, sqlite3_stmt *row, int column)
{
    const char *text = borrowed(image, row, column);
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy) image->has_no_memory = true;
    return copy;
}

/* A number, or a text that is one; anything else is left out. */
static void number_of(struct image *image, struct parts_data *data, sqlite3_stmt *row, int column,
                      struct parts_number *out)
{
    int type = sqlite3_column_type(row, column);
    if (type == SQLITE_NULL) return;
    if (type == SQLITE_TEXT) {
        char copy[64], *end;
        const char *text = borrowed(image, row, column);
        snprintf(copy, sizeof(copy), "%s", text ? text : "");
        char *comma = strchr(copy, ',');
        if (comma && !strchr(copy, '.')) *comma = '.';
        out->value = strtod(copy, &end);
        out->is_set = end != copy && end[strspn(end, " ")] == '\0' && isfinite(out->value);
        if (!out->is_set && copy[strspn(copy, " ")]) problem(data, "a dimension is not a number");
        return;
    }
    if (type == SQLITE_BLOB) {
        problem(data, "a dimension is not a number");
        return;
    }
    out->value = sqlite3_column_double(row, column);
    out->is_set = isfinite(out->value);
}

static int read_elevation(struct image *image, struct parts_data *data, struct err *err)
{
    sqlite3_stmt *row = image_prepare(
        image,
        "SELECT AutoDescription, AutoDescriptionShort, Width_Unit, Height_Unit, Weight_Unit, Area_Unit, SystemCode,"
        " SystemName, SystemLongName, ColorBase_Long, Width_Output, Height_Output, Weight_Output, Area_Output"
        " FROM Elevations LIMIT 1",
        err);
    if (!row) return -ERR_INPUT;
    int rc = image_step(image, row, err);
    if (rc == 1) {
        for (int i = 0; i < PARTS_TEXTS; i++) data->texts[i] = text_of(image, row, i);
        for (int i = 0; i < PARTS_NUMBERS; i++) number_of(image, data, row, PARTS_TEXTS + i, &data->numbers[i]);
        rc = 0;
    } else if (rc == 0) {
        rc = err_set(err, ERR_INPUT, "there is no elevation in it");
    }
    sqlite3_finalize(row);
    return rc;
}

static int read_glass(struct image *image, struct parts_data *data, struct err *err)
{
    sqlite3_stmt *row = image_prepare(image, "SELECT GlassID, Name FROM Glass", err);
    if (!row) return -ERR_INPUT;
    int rc;
    while ((rc = image_step(image, row, err)) == 1) {
        char *id = text_of(image, row, 0);
        if (!id || !*id) {
            problem(data, "a glass has no identifier");
            free(id);
            continue;
        }
        if (data->glass_count == GLASS_MAX) {
            problem(data, "there are too many glasses");
            free(id);
            break;
        }
        if (data->glass_count == data->glass_cap) {
            size_t cap = data->glass_cap ? data->glass_cap * 2 : 16;
            struct parts_glass *glass = realloc(data->glass, cap * sizeof(*glass));
            if (!glass) {
                free(id);
                rc = err_set(err, ERR_NOMEM, "no memory");
                break;
            }
            data->glass = glass;
            data->glass_cap = cap;
        }
        data->glass[data->glass_count++] = (struct parts_glass){.id = id, .name = text_of(image, row, 1)};
    }
    sqlite3_finalize(row);
    return rc < 0 ? rc : 0;
}

static int64_t count_rows(struct image *image, const char *table)
{
    char *sql = sqlite3_mprintf("SELECT count(*) FROM \"%w\"", table);
    if (!sql) image->has_no_memory = true;
    sqlite3_stmt *row = sql ? image_prepare(image, sql, NULL) : NULL;
    int64_t count = row && image_step(image, row, NULL) == 1 ? sqlite3_column_int64(row, 0) : 0;
    sqlite3_finalize(row);
    sqlite3_free(sql);
    return count;
}

/* Rows of all tables but Elevations: how many parts the list has. */
static int64_t count_parts(struct image *image)
{
    sqlite3_stmt *tables = image_prepare(
        image, "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'Elevations' LIMIT 64", NULL);
    int64_t count = 0;
    while (tables && image_step(image, tables, NULL) == 1) {
        const char *name = borrowed(image, tables, 0);
        if (name && strncmp(name, "sqlite_", 7) != 0) count += count_rows(image, name);
    }
    sqlite3_finalize(tables);
    return count;
}

int parts_read(const void *bytes, size_t len, struct parts_data *data, struct err *err)
{
    struct image image;
    struct err glass_err = {0};
    *data = (struct parts_data){0};
    int rc = image_open(&image, bytes, len, err);
    if (rc == 0) rc = read_elevation(&image, data, err);
    if (rc == 0) {
        rc = read_glass(&image, data, &glass_err);
        if (rc == -ERR_INPUT) {
            snprintf(data->problem, sizeof(data->problem), "glass: %.150s", glass_err.text);
            rc = 0;
        } else if (rc < 0) {
            err_set(err, glass_err.code, "%s", glass_err.text);
        }
    }
    if (rc == 0) data->parts_count = count_parts(&image);
    if (image.has_no_memory) rc = err_set(err, ERR_NOMEM, "no memory to read the parts list");
    image_close(&image);
    return rc;
}
