/* See ui_parts.h. */
#include "services/web/ui/parts.h"

#include <stdio.h>
#include <string.h>
#include <sqlite3.h>

#define TABLES_MAX  12
#define ROWS_MAX    100
#define COLUMNS_MAX 24
#define CELL_MAX    200
#define STEPS       1000 /* of the virtual machine between two looks at the budget */
#define BUDGET      2000 /* looks: two million steps, some tens of milliseconds */

static int on_progress(void *arg)
{
    int *left = arg;
    return --*left <= 0;
}

static cJSON *cell(sqlite3_stmt *s, int column)
{
    char text[CELL_MAX + 8];
    if (sqlite3_column_type(s, column) == SQLITE_BLOB) {
        snprintf(text, sizeof(text), "%d bytes", sqlite3_column_bytes(s, column));
        return cJSON_CreateString(text);
    }
    const char *value = (const char *)sqlite3_column_text(s, column);
    snprintf(text, sizeof(text), "%.*s%s", CELL_MAX, value ? value : "",
             value && strlen(value) > CELL_MAX ? "..." : "");
    return cJSON_CreateString(text);
}

static void read_table(sqlite3 *db, const char *name, cJSON *tables)
{
    sqlite3_stmt *s = NULL;
    char *sql = sqlite3_mprintf("SELECT * FROM \"%w\" LIMIT %d", name, ROWS_MAX + 1);
    if (!sql || sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK) {
        sqlite3_free(sql);
        return;
    }
    sqlite3_free(sql);
    cJSON *table = cJSON_CreateObject();
    int columns = sqlite3_column_count(s), count = 0;
    if (columns > COLUMNS_MAX) columns = COLUMNS_MAX;
    cJSON_AddStringToObject(table, "name", name);
    cJSON *heads = cJSON_AddArrayToObject(table, "columns");
    for (int i = 0; i < columns; i++) cJSON_AddItemToArray(heads, cJSON_CreateString(sqlite3_column_name(s, i)));
    cJSON *rows = cJSON_AddArrayToObject(table, "rows");
    while (count < ROWS_MAX && sqlite3_step(s) == SQLITE_ROW) {
        cJSON *row = cJSON_CreateObject(), *cells = cJSON_AddArrayToObject(row, "cells");
        for (int i = 0; i < columns; i++) cJSON_AddItemToArray(cells, cell(s, i));
        cJSON_AddItemToArray(rows, row);
        count++;
    }
    cJSON_AddBoolToObject(table, "more", count == ROWS_MAX && sqlite3_step(s) == SQLITE_ROW);
    cJSON_AddNumberToObject(table, "count", count);
    cJSON_AddItemToArray(tables, table);
    sqlite3_finalize(s);
}

static int read_all(sqlite3 *db, cJSON *tables)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(
        db,
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
        "ORDER BY name LIMIT ?",
        -1, &s, NULL);
    if (rc != SQLITE_OK) return rc;
    sqlite3_bind_int(s, 1, TABLES_MAX);
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) read_table(db, (const char *)sqlite3_column_text(s, 0), tables);
    sqlite3_finalize(s);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

cJSON *ui_parts_read(const void *bytes, size_t len)
{
    sqlite3 *db = NULL;
    int left = BUDGET;
    cJSON *out = cJSON_CreateObject(), *tables = cJSON_AddArrayToObject(out, "tables");
    int rc = sqlite3_open_v2(":memory:", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        sqlite3_progress_handler(db, STEPS, on_progress, &left);
        /* Read only: SQLite neither changes nor frees the bytes. */
        rc = sqlite3_deserialize(db, "main", (unsigned char *)bytes, (sqlite3_int64)len, (sqlite3_int64)len,
                                 SQLITE_DESERIALIZE_READONLY);
    }
    if (rc == SQLITE_OK) rc = read_all(db, tables);
    if (rc != SQLITE_OK)
        cJSON_AddStringToObject(out, "error", left <= 0 ? "too much work to show" : sqlite3_errmsg(db));
    sqlite3_close(db);
    return out;
}
