/* Reading lines: see lines.h. A table is selected whole, in its order; each of its columns is one of the kind's, or
 * goes among the others. */
#include "services/parts/lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/text/buf.h"
#include "services/parts/cell.h"
#include "services/parts/figure.h"
#include "services/parts/line_kinds.h"
#include "services/parts/lookup.h"

#define SELECTED_MAX 2000

struct lines_reading {
    struct image *image;
    struct parts_data *data;
    struct parts_data *told; /* data, or NULL while a line of another elevation is read */
    struct lookup elevations, insertions, suppliers, calc_names;
    int64_t elevation_rows;
    /* of the table at hand */
    const struct line_kind *kind;
    const char *table;
    sqlite3_stmt *row;
    int columns;
    int column_of[LINE_COLUMNS]; /* where each of kind->columns is; -1 = the table has none */
    int insertion_column, elevation_column, supplier_column, calc_column;
    bool is_elevation, is_insertion;
    struct buf head;                   /* how each of its lines goes on behind the number */
    struct buf keys;                   /* the columns' names as they stand before values: "name": */
    size_t key_ends[SELECTED_MAX + 1]; /* in keys: column i's is from key_ends[i] to key_ends[i + 1] */
};

/* ---- the columns of a table ---- */

static int find_column(const struct lines_reading *r, const char *name)
{
    for (int i = 0; name && i < r->columns; i++)
        if (strcasecmp(sqlite3_column_name(r->row, i), name) == 0) return i;
    return -1;
}

static void map_columns(struct lines_reading *r)
{
    r->columns = sqlite3_column_count(r->row);
    if (r->columns > SELECTED_MAX) r->columns = SELECTED_MAX;
    for (int k = 0; k < LINE_COLUMNS; k++) {
        const struct line_column *c = &r->kind->columns[k];
        r->column_of[k] = -1;
        if (!c->name) continue;
        int from = find_column(r, c->from[0]);
        if (from < 0) from = find_column(r, c->from[1]);
        r->column_of[k] = from;
    }
    r->insertion_column = find_column(r, "InsertionID");
    r->elevation_column = find_column(r, "ElevationID");
    r->supplier_column = find_column(r, "LK_SupplierID");
    r->calc_column = strcmp(r->kind->kind, "calc") == 0 ? find_column(r, "CalcItemNameID") : -1;
    r->is_elevation = strcmp(r->kind->kind, "elevation") == 0;
    r->is_insertion = strcmp(r->kind->kind, "insertion") == 0;
}

/* What is the same in each line of the table is made once. */
static void make_keys(struct lines_reading *r)
{
    buf_reset(&r->head);
    buf_reset(&r->keys);
    buf_printf(&r->head, ",\"table_name\":\"%s\"", r->table);
    for (int i = 0; i < r->columns; i++) {
        const char *name = sqlite3_column_name(r->row, i);
        r->key_ends[i] = r->keys.len;
        if (!name) r->image->has_no_memory = true;
        buf_json_string(&r->keys, name ? name : "", name ? strlen(name) : 0);
        buf_char(&r->keys, ':');
    }
    r->key_ends[r->columns] = r->keys.len;
    if (r->head.failed || r->keys.failed) r->image->has_no_memory = true;
}

/* The known columns that the table has, quoted; NULL when there are none. sqlite3_free it. */
static char *known_columns(struct lines_reading *r)
{
    char *list = NULL;
    for (int k = 0; k < LINE_COLUMNS && r->kind->columns[k].name; k++)
        for (int i = 0; i < 2; i++) {
            const char *name = r->kind->columns[k].from[i];
            if (!name || !image_has_column(r->image, r->table, name)) continue;
            list = sqlite3_mprintf("%z%s\"%w\"", list, list ? ", " : "", name);
            if (!list) {
                r->image->has_no_memory = true;
                return NULL;
            }
            break;
        }
    return list;
}

static sqlite3_stmt *select_columns(struct lines_reading *r, const char *columns, struct err *err)
{
    char *sql = sqlite3_mprintf("SELECT %s FROM \"%w\" NOT INDEXED", columns, r->table);
    sqlite3_stmt *row = sql ? image_prepare(r->image, sql, err) : NULL;
    if (!sql) r->image->has_no_memory = true;
    sqlite3_free(sql);
    return row;
}

/* All columns, or, when one of them cannot be computed here, those that are known. */
static sqlite3_stmt *select_table(struct lines_reading *r, struct err *err)
{
    sqlite3_stmt *row = select_columns(r, "*", err);
    char *known = row ? NULL : known_columns(r);
    if (known) row = select_columns(r, known, NULL);
    if (known && row) cell_problem(r->data, "%s: only some of its columns can be read (%.100s)", r->table, err->text);
    sqlite3_free(known);
    return row;
}

/* ---- a line ---- */

/* A text as it is, NULL for anything else: asking SQLite for the text of another value changes the value. */
static const char *text_of(const struct lines_reading *r, int column)
{
    bool is_text = column >= 0 && sqlite3_column_type(r->row, column) == SQLITE_TEXT;
    return is_text ? (const char *)sqlite3_column_text(r->row, column) : NULL;
}

/* A value with which other tables are spoken of. */
static const char *id_of(const struct lines_reading *r, int column, char number[24])
{
    if (column < 0 || sqlite3_column_type(r->row, column) != SQLITE_INTEGER) return text_of(r, column);
    snprintf(number, 24, "%lld", (long long)sqlite3_column_int64(r->row, column));
    return number;
}

/* The row of Elevations that the line belongs to, if the file binds it to one of several. */
static int64_t row_of(const struct lines_reading *r, int64_t number, const struct lookup_entry *insertion)
{
    char number_text[24];
    if (r->elevation_rows < 2) return -1;
    if (r->is_elevation) return number - 1;
    const struct lookup_entry *e = insertion ? lookup_find(&r->elevations, insertion->parent) : NULL;
    if (!e && r->insertion_column < 0) e = lookup_find(&r->elevations, id_of(r, r->elevation_column, number_text));
    if (!e && r->is_insertion) e = lookup_find(&r->elevations, id_of(r, r->elevation_column, number_text));
    return e ? e->row : -1;
}

static void add_text(struct buf *out, const char *key, const char *text)
{
    if (!text) return;
    buf_str(out, key);
    buf_json_string(out, text, strlen(text));
}

/* Before the names of columns when something is told of them. */
static const char *spoken(const struct lines_reading *r)
{
    return r->is_elevation ? "" : r->table;
}

/* Adds a column under its known name; false when it is not of its type. */
static bool add_known(struct lines_reading *r, int column, const struct line_column *known, struct buf *out)
{
    char label[200];
    const char *why;
    int type = sqlite3_column_type(r->row, column);
    if (known->type == LINE_NUMBER) {
        if (figure_add(out, known->key, r->row, column, &why)) return true;
        if (r->told) cell_problem(r->told, "%s %s", cell_label(label, spoken(r), r->row, column), why);
        return false;
    }
    if (type == SQLITE_BLOB) {
        if (r->told && sqlite3_column_bytes(r->row, column) > 0)
            cell_problem(r->told, "%s is not a text", cell_label(label, spoken(r), r->row, column));
        return false;
    }
    buf_str(out, known->key);
    if (type == SQLITE_TEXT) {
        cell_json(r->image, r->told, spoken(r), r->row, column, out);
    } else {
        const char *text = (const char *)sqlite3_column_text(r->row, column);
        if (!text) r->image->has_no_memory = true;
        buf_json_string(out, text ? text : "", text ? strlen(text) : 0);
    }
    return true;
}

static void add_other(struct lines_reading *r, int column, bool *is_first, struct buf *out)
{
    size_t key = r->key_ends[column];
    buf_str(out, *is_first ? ",\"other\":{" : ",");
    *is_first = false;
    if (!r->keys.failed) buf_add(out, r->keys.data + key, r->key_ends[column + 1] - key);
    cell_json(r->image, r->told, spoken(r), r->row, column, out);
}

/* What other tables say about a line. */
static void add_references(const struct lines_reading *r, const struct lookup_entry *insertion, int64_t of_row,
                           struct buf *out)
{
    if (of_row >= 0) {
        buf_str(out, ",\"of_row\":");
        buf_int(out, of_row);
    }
    if (insertion) add_text(out, ",\"position\":", insertion->name);
    char number[24];
    const struct lookup_entry *supplier = lookup_find(&r->suppliers, id_of(r, r->supplier_column, number));
    if (supplier) add_text(out, ",\"supplier_name\":", supplier->parent ? supplier->parent : supplier->name);
    if (r->calc_column < 0) return;
    const struct lookup_entry *item = lookup_find(&r->calc_names, id_of(r, r->calc_column, number));
    if (item) add_text(out, ",\"name\":", item->name);
}

/* Which of its figures the file has something for that is no number: a sum of them lacks it. */
static void add_unread(const struct lines_reading *r, const bool *is_done, struct buf *out)
{
    bool is_first = true;
    for (int k = 0; k < LINE_COLUMNS; k++) {
        const struct line_column *known = &r->kind->columns[k];
        if (r->column_of[k] < 0 || known->type != LINE_NUMBER || is_done[r->column_of[k]]) continue;
        buf_str(out, is_first ? ",\"unread\":[" : ",");
        buf_json_string(out, known->name, strlen(known->name));
        is_first = false;
    }
    if (!is_first) buf_char(out, ']');
}

static void add_line(struct lines_reading *r, int64_t number, struct buf *out)
{
    bool is_first = true, is_whole = true;
    bool is_done[SELECTED_MAX];
    char id[24];
    const struct lookup_entry *insertion = lookup_find(&r->insertions, id_of(r, r->insertion_column, id));
    int64_t of_row = row_of(r, number, insertion);
    bool is_own = of_row < 0 || of_row == r->data->file_row;
    r->told = is_own ? r->data : NULL;
    memset(is_done, 0, (size_t)r->columns * sizeof *is_done);
    buf_str(out, number > 1 ? ",{\"line\":" : "{\"line\":");
    buf_int(out, number);
    if (!r->head.failed) buf_add(out, r->head.data, r->head.len);
    add_references(r, insertion, of_row, out);
    for (int k = 0; k < LINE_COLUMNS; k++) {
        int column = r->column_of[k];
        if (column < 0) continue;
        bool is_null = sqlite3_column_type(r->row, column) == SQLITE_NULL;
        is_done[column] = is_null || add_known(r, column, &r->kind->columns[k], out);
        is_whole = is_whole && is_done[column];
    }
    if (!is_whole) add_unread(r, is_done, out);
    for (int i = 0; i < r->columns; i++)
        if (!is_done[i] && sqlite3_column_type(r->row, i) != SQLITE_NULL) add_other(r, i, &is_first, out);
    buf_str(out, is_first ? "}" : "}}");
    if (r->kind->is_part && is_own) r->data->own_parts++;
}

static int read_rows(struct lines_reading *r, struct buf *out, int64_t *count, struct err *err)
{
    int rc;
    while ((rc = image_step(r->image, r->row, err)) == 1) {
        if (image_is_late(r->image))
            return err_set(err, ERR_TIMEOUT, "reading it takes longer than %d s", PARTS_TIME_MS / 1000);
        if (*count == LINES_MAX || out->len > LINES_BYTES_MAX) {
            cell_problem(r->data, "%s: only its first %lld rows were read", r->table, (long long)*count);
            return 0;
        }
        add_line(r, ++*count, out);
    }
    return rc;
}

static int read_kind(struct lines_reading *r, int index, struct err *err)
{
    struct parts_lines *lines = &r->data->lines[index];
    struct err why = {0};
    struct buf out = {0};
    r->kind = &line_kinds[index];
    r->table = NULL;
    for (int i = 0; i < 2 && !r->table; i++)
        if (r->kind->tables[i] && image_has_table(r->image, r->kind->tables[i])) r->table = r->kind->tables[i];
    if (!r->table) return 0;
    r->row = select_table(r, &why);
    int rc = r->row ? 0 : -(int)why.code;
    buf_char(&out, '[');
    if (r->row) {
        map_columns(r);
        make_keys(r);
    }
    if (rc == 0) rc = read_rows(r, &out, &lines->count, &why);
    buf_char(&out, ']');
    image_release(r->image, r->row);
    if (out.failed) r->image->has_no_memory = true;
    if (rc == -ERR_TIMEOUT || rc == -ERR_NOMEM) {
        err_set(err, why.code, "%s", why.text);
        buf_free(&out);
        return rc;
    }
    if (rc < 0) cell_problem(r->data, "%s: %.200s", r->table, why.text);
    lines->kind = r->kind->kind;
    lines->json = buf_steal(&out);
    return 0;
}

/* ---- all tables ---- */

static int64_t count_rows(struct image *image, const char *table)
{
    char *sql = sqlite3_mprintf("SELECT count(*) FROM \"%w\"", table);
    if (!sql) image->has_no_memory = true;
    sqlite3_stmt *row = sql ? image_prepare(image, sql, NULL) : NULL;
    int64_t count = row && image_step(image, row, NULL) == 1 ? sqlite3_column_int64(row, 0) : -1;
    image_release(image, row);
    sqlite3_free(sql);
    return count;
}

static void add_table(struct lines_reading *r, const char *name, struct buf *out)
{
    struct parts_data *data = r->data;
    int64_t rows = count_rows(r->image, name);
    if (rows < 0) cell_problem(data, "the rows of %.80s could not be counted", name);
    if (rows > 0 && strcasecmp(name, "Elevations") != 0) data->parts_count += rows;
    const struct line_kind *kind = line_kind_of(name);
    if (kind && strcasecmp(kind->tables[0], name) != 0 && image_has_table(r->image, kind->tables[0])) kind = NULL;
    buf_str(out, out->len > 1 ? ",{\"name\":" : "{\"name\":");
    buf_json_string(out, name, strlen(name));
    if (rows < 0)
        buf_str(out, ",\"rows\":null");
    else
        buf_printf(out, ",\"rows\":%lld", (long long)rows);
    if (kind)
        buf_printf(out, ",\"kind\":\"%s\"}", kind->kind);
    else
        buf_str(out, ",\"kind\":null}");
}

/* Tables without rows of their own are none of it. */
static void read_tables(struct lines_reading *r)
{
    sqlite3_stmt *tables =
        image_prepare(r->image, "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage <> 0", NULL);
    struct buf out = {0};
    int rc = -1;
    buf_char(&out, '[');
    while (tables && (rc = image_step(r->image, tables, NULL)) == 1) {
        char *name = cell_text(r->image, NULL, tables, 0, 0);
        if (name && sqlite3_strnicmp(name, "sqlite_", 7) != 0) add_table(r, name, &out);
        free(name);
    }
    buf_char(&out, ']');
    if (rc < 0) cell_problem(r->data, "not all tables could be counted");
    image_release(r->image, tables);
    if (out.failed) r->image->has_no_memory = true;
    r->data->tables = buf_steal(&out);
}

int parts_lines_read(struct image *image, int64_t elevations, struct parts_data *data, struct err *err)
{
    struct lines_reading r = {.image = image, .data = data};
    int rc = 0;
    r.elevation_rows = elevations;
    lookup_read(&r.elevations, image, "Elevations", "ElevationID", NULL, NULL);
    lookup_read(&r.insertions, image, "Insertions", "InsertionID", "Name", "ElevationID");
    lookup_read(&r.suppliers, image, "Suppliers", "SupplierID", "Name", "Address2");
    lookup_read(&r.calc_names, image, "CalcItemNames", "CalcItemNameID", "Name", NULL);
    for (int i = 0; i < PARTS_KINDS && rc == 0; i++) rc = read_kind(&r, i, err);
    if (rc == 0) read_tables(&r);
    buf_free(&r.head);
    buf_free(&r.keys);
    lookup_free(&r.elevations);
    lookup_free(&r.insertions);
    lookup_free(&r.suppliers);
    lookup_free(&r.calc_names);
    return rc;
}
