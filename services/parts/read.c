/* Reading a parts list: see read.h. The rows of Elevations are looked at twice, in the same order: to choose the one
 * that is asked for, and to read it. */
#include "services/parts/read.h"

#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "conf/text/utf8.h"
#include "services/parts/cell.h"
#include "services/parts/choose.h"
#include "services/parts/image.h"
#include "services/parts/lines.h"
#include "services/parts/verify.h"

#define GLASS_MAX 10000

/* Characters that fit into the columns of elevations, in the order of parts_data; 0 = any number. */
static const size_t text_limits[PARTS_TEXTS] = {0, 255, 50, 50, 50, 50, 100, 255, 500, 255};

/* The elevation's row: its number (-1 = not known which), and its identifier in the file (NULL = it has none). */
struct chosen {
    int64_t rows, row;
    sqlite3_value *id;
};

static int look_at_rows(struct image *image, sqlite3_stmt *row, struct choose *choose, struct err *err)
{
    int rc;
    while ((rc = image_step(image, row, err)) == 1) {
        const char *name = (const char *)sqlite3_column_text(row, 0);
        size_t len = name ? (size_t)sqlite3_column_bytes(row, 0) : 0;
        choose_add(choose, name, len, (const char *)sqlite3_column_text(row, 1));
    }
    return rc;
}

static int choose_elevation(struct image *image, const char *name, const char *id, struct chosen *chosen,
                            struct err *err)
{
    static const char *const selects[] = {
        "SELECT NULL, NULL FROM Elevations NOT INDEXED", "SELECT Name, NULL FROM Elevations NOT INDEXED",
        "SELECT NULL, ElevationID FROM Elevations NOT INDEXED", "SELECT Name, ElevationID FROM Elevations NOT INDEXED"};
    struct choose choose = {.name = name, .id = id};
    int has_name = image_has_column(image, "Elevations", "Name");
    int has_id = image_has_column(image, "Elevations", "ElevationID");
    sqlite3_stmt *row = image_prepare(image, selects[has_name + 2 * has_id], err);
    int rc = row ? look_at_rows(image, row, &choose, err) : -ERR_INPUT;
    image_release(image, row);
    if (rc == 0 && choose.rows == 0) rc = err_set(err, ERR_INPUT, "there is no elevation in it");
    chosen->rows = choose.rows;
    chosen->row = choose_row(&choose);
    return rc;
}

/* Remembers the identifier, with which other tables speak of the row. */
static void keep_id(struct image *image, sqlite3_stmt *row, struct chosen *chosen)
{
    if (sqlite3_column_count(row) <= PARTS_TEXTS + PARTS_NUMBERS) return;
    chosen->id = sqlite3_value_dup(sqlite3_column_value(row, PARTS_TEXTS + PARTS_NUMBERS));
    if (!chosen->id) image->has_no_memory = true;
}

/* Where a column is not there, NULL is; it is told. The order is that of parts_data, then the identifier. */
static sqlite3_stmt *select_elevation(struct image *image, struct parts_data *data, struct err *err)
{
    struct buf sql = {0};
    buf_str(&sql, "SELECT ");
    for (int i = 0; parts_columns[i]; i++) {
        bool has_it = image_has_column(image, "Elevations", parts_columns[i]);
        if (!has_it) cell_problem(data, "there is no column Elevations.%s", parts_columns[i]);
        buf_printf(&sql, "%s%s", has_it ? parts_columns[i] : "NULL", parts_columns[i + 1] ? ", " : "");
    }
    if (image_has_column(image, "Elevations", "ElevationID")) buf_str(&sql, ", ElevationID");
    buf_str(&sql, " FROM Elevations NOT INDEXED");
    sqlite3_stmt *row = sql.failed ? NULL : image_prepare(image, sql.data, err);
    if (sql.failed) image->has_no_memory = true;
    buf_free(&sql);
    return row;
}

static int read_elevation(struct image *image, struct parts_data *data, struct chosen *chosen, struct err *err)
{
    sqlite3_stmt *row = select_elevation(image, data, err);
    if (!row) return -ERR_INPUT;
    int rc = 1;
    for (int64_t i = 0; i <= chosen->row && rc == 1; i++) rc = image_step(image, row, err);
    if (rc == 1) {
        for (int i = 0; i < PARTS_TEXTS; i++) data->texts[i] = cell_text(image, data, row, i, text_limits[i]);
        for (int i = 0; i < PARTS_NUMBERS; i++) cell_number(image, data, row, PARTS_TEXTS + i, &data->numbers[i]);
        keep_id(image, row, chosen);
        rc = 0;
    } else if (rc == 0) {
        rc = err_set(err, ERR_INPUT, "there is no elevation in it");
    }
    image_release(image, row);
    return rc;
}

/* Where glass belongs to an insertion and that to an elevation, what belongs to another elevation is not taken. */
static const char own_glass[] =
    "SELECT GlassID AS \"Glass.GlassID\", Name AS \"Glass.Name\" FROM Glass WHERE NOT EXISTS (SELECT 1 FROM Insertions "
    "i,"
    " Elevations e WHERE i.InsertionID = Glass.InsertionID AND e.ElevationID = i.ElevationID AND i.ElevationID <> ?1)"
    " OR EXISTS (SELECT 1 FROM Insertions i WHERE i.InsertionID = Glass.InsertionID AND i.ElevationID = ?1)";
static const char all_glass[] = "SELECT GlassID AS \"Glass.GlassID\", Name AS \"Glass.Name\" FROM Glass";
static const char nameless_glass[] = "SELECT GlassID AS \"Glass.GlassID\", NULL FROM Glass";

static sqlite3_stmt *select_glass(struct image *image, const struct chosen *chosen, struct err *err)
{
    bool is_linked = chosen->rows > 1 && chosen->id && image_has_column(image, "Glass", "InsertionID") &&
                     image_has_column(image, "Insertions", "InsertionID") &&
                     image_has_column(image, "Insertions", "ElevationID");
    bool has_names = image_has_column(image, "Glass", "Name");
    is_linked = is_linked && has_names;
    sqlite3_stmt *row = image_prepare(image, is_linked ? own_glass : has_names ? all_glass : nameless_glass, err);
    if (row && is_linked && sqlite3_bind_value(row, 1, chosen->id) != SQLITE_OK) image->has_no_memory = true;
    return row;
}

static int add_glass(struct image *image, struct parts_data *data, sqlite3_stmt *row, struct err *err)
{
    if (data->glass_count == data->glass_cap) {
        size_t cap = data->glass_cap ? data->glass_cap * 2 : 16;
        struct parts_glass *glass = realloc(data->glass, cap * sizeof *glass);
        if (!glass) return err_set(err, ERR_NOMEM, "no memory");
        data->glass = glass;
        data->glass_cap = cap;
    }
    char *id = cell_text(image, data, row, 0, 100);
    if (!id || !*id) {
        cell_problem(data, "a glass has no identifier");
        free(id);
        return 0;
    }
    data->glass[data->glass_count++] = (struct parts_glass){.id = id, .name = cell_text(image, data, row, 1, 255)};
    return 0;
}

static int read_glass(struct image *image, struct parts_data *data, const struct chosen *chosen, struct err *err)
{
    if (!image_has_column(image, "Glass", "GlassID")) {
        cell_problem(data, "there is no column Glass.GlassID");
        return 0;
    }
    if (!image_has_column(image, "Glass", "Name")) cell_problem(data, "there is no column Glass.Name");
    sqlite3_stmt *row = select_glass(image, chosen, err);
    if (!row) return -ERR_INPUT;
    int rc;
    while ((rc = image_step(image, row, err)) == 1) {
        if (data->glass_count == GLASS_MAX) {
            cell_problem(data, "there are more than %d glasses", GLASS_MAX);
            break;
        }
        if ((rc = add_glass(image, data, row, err)) < 0) break;
    }
    image_release(image, row);
    return rc < 0 ? rc : 0;
}

/* The elevation and its glass, or only the reason why not. */
static int read_contents(struct image *image, const char *name, struct parts_data *data, struct chosen *chosen,
                         struct err *err)
{
    struct err glass_err = {0};
    if (chosen->row < 0) {
        cell_problem(data, "it has %lld elevations, and not exactly one of them is %.*s", (long long)chosen->rows,
                     name ? (int)utf8_cut(name, 200) : 99, name ? name : "the one that is asked for");
        return 0;
    }
    int rc = read_elevation(image, data, chosen, err);
    if (rc == 0) rc = read_glass(image, data, chosen, &glass_err);
    if (rc == -ERR_INPUT && glass_err.code) {
        cell_problem(data, "glass: %s", glass_err.text);
        rc = 0;
    } else if (rc < 0 && glass_err.code) {
        err_set(err, glass_err.code, "%s", glass_err.text);
    }
    return rc;
}

/* opened: what opening it has said. */
static int read_image(struct image *image, int opened, const char *name, const char *id, struct parts_data *data,
                      struct err *err)
{
    struct chosen chosen = {.row = -1};
    int rc = opened;
    *data = (struct parts_data){0};
    if (rc == 0) rc = choose_elevation(image, name, id, &chosen, err);
    if (rc == 0) rc = read_contents(image, name, data, &chosen, err);
    data->file_row = chosen.row;
    if (rc == 0) rc = parts_lines_read(image, chosen.rows, data, err);
    if (image->has_no_memory) rc = err_set(err, ERR_NOMEM, "no memory to read the parts list");
    if (image->is_cut_off) rc = err_set(err, ERR_DB, "%s", image_cut_off(image));
    if (rc < 0) image->has_failed = true;
    sqlite3_value_free(chosen.id);
    image_close(image);
    return rc;
}

int parts_read(const void *bytes, size_t len, const char *name, const char *id, struct parts_data *data,
               struct err *err)
{
    struct image image;
    return read_image(&image, image_open(&image, bytes, len, err), name, id, data, err);
}

int parts_read_frames(struct unframer *frames, const char *name, const char *id, struct parts_data *data,
                      struct err *err)
{
    struct image image;
    return read_image(&image, image_open_frames(&image, frames, err), name, id, data, err);
}
