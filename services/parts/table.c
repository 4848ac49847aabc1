/* A table's rows: see table.h. */
#include "services/parts/table.h"

#include <string.h>

#include "services/parts/cell.h"
#include "services/parts/image.h"

static sqlite3_stmt *select_rows(struct image *image, const char *table, int64_t first, int64_t limit, struct err *err)
{
    char *sql = sqlite3_mprintf("SELECT * FROM \"%w\" NOT INDEXED LIMIT ?1 OFFSET ?2", table);
    if (!sql) {
        image->has_no_memory = true;
        return NULL;
    }
    sqlite3_stmt *row = image_prepare(image, sql, err);
    if (row && (sqlite3_bind_int64(row, 1, limit) != SQLITE_OK || sqlite3_bind_int64(row, 2, first) != SQLITE_OK))
        image->has_no_memory = true;
    sqlite3_free(sql);
    return row;
}

static void add_row(struct image *image, sqlite3_stmt *row, struct buf *out)
{
    for (int i = 0; i < sqlite3_column_count(row); i++) {
        const char *name = sqlite3_column_name(row, i);
        buf_char(out, i ? ',' : '{');
        buf_json_string(out, name, strlen(name));
        buf_char(out, ':');
        cell_json(image, NULL, "", row, i, out);
    }
    buf_str(out, "}\n");
}

static void add_names(sqlite3_stmt *row, struct buf *out)
{
    for (int i = 0; i < sqlite3_column_count(row); i++) {
        const char *name = sqlite3_column_name(row, i);
        buf_char(out, i ? ',' : '{');
        buf_json_string(out, name, strlen(name));
        buf_str(out, ":null");
    }
    buf_char(out, '}');
}

int64_t parts_table_rows(const void *bytes, size_t len, const char *table, int64_t first, int64_t limit,
                         struct buf *names, struct buf *out, struct err *err)
{
    struct image image;
    int64_t count = 0;
    sqlite3_stmt *row = NULL;
    int rc = image_open(&image, bytes, len, err);
    if (rc == 0 && !image_has_table(&image, table)) rc = err_set(err, ERR_NOT_FOUND, "there is no table %.100s", table);
    if (rc == 0 && !(row = select_rows(&image, table, first, limit, err)))
        rc = image.has_no_memory ? -ERR_NOMEM : -ERR_INPUT;
    if (rc == 0 && names) add_names(row, names);
    if (rc == 0)
        while ((rc = image_step(&image, row, err)) == 1) {
            add_row(&image, row, out);
            count++;
            if (!image_is_late(&image) && !out->failed) continue;
            rc = out->failed ? err_set(err, ERR_LIMIT, "the rows are too large: ask for fewer")
                             : err_set(err, ERR_TIMEOUT, "reading it takes longer than %d s", PARTS_TIME_MS / 1000);
            break;
        }
    image_release(&image, row);
    if (image.has_no_memory) rc = err_set(err, ERR_NOMEM, "no memory to read the parts list");
    image_close(&image);
    return rc < 0 ? rc : count;
}
