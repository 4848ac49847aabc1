/* See preview.h. On top of the limits of image.h, no value may be longer than a preview needs, because a column may be
 * computed, and the clock is looked at after each row, because a row may cost much in few steps. */
#include "services/parts/preview.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/buf.h"
#include "conf/clock.h"
#include "services/parts/cell.h"
#include "services/parts/image.h"

#define VALUE_MAX (256 * 1024) /* bytes; a longer one ends its table's preview */

struct preview {
    struct image *image;
    struct buf out;
    int64_t deadline_ms;
    bool is_partial;
};

static bool is_late(const struct preview *p)
{
    return mono_ms() > p->deadline_ms;
}

static sqlite3_stmt *prepare(struct preview *p, const char *format, const char *table)
{
    char *sql = sqlite3_mprintf(format, table);
    sqlite3_stmt *s = sql ? image_prepare(p->image, sql, NULL) : NULL;
    sqlite3_free(sql);
    if (!s) p->is_partial = true;
    return s;
}

static void add_text(struct preview *p, const char *text)
{
    buf_json_string(&p->out, text ? text : "", text ? strlen(text) : 0);
}

static void add_cell(struct preview *p, sqlite3_stmt *row, int column)
{
    char number[40];
    if (sqlite3_column_type(row, column) == SQLITE_BLOB) {
        snprintf(number, sizeof number, "%d bytes", sqlite3_column_bytes(row, column));
        add_text(p, number);
        return;
    }
    char *text = cell_text(p->image, NULL, row, column, PREVIEW_CELL);
    add_text(p, text);
    free(text);
}

static void add_columns(struct preview *p, sqlite3_stmt *s, int columns)
{
    buf_str(&p->out, ",\"columns\":[");
    for (int i = 0; i < columns; i++) {
        char name[PREVIEW_CELL + 1];
        if (i > 0) buf_char(&p->out, ',');
        snprintf(name, sizeof name, "%s", sqlite3_column_name(s, i));
        add_text(p, name); /* a name cut inside a character is repaired on its way */
    }
    buf_char(&p->out, ']');
}

static int add_rows(struct preview *p, sqlite3_stmt *s, int columns)
{
    int rows = 0, rc = 0;
    buf_str(&p->out, ",\"rows\":[");
    while (rows < PREVIEW_ROWS && !is_late(p) && (rc = image_step(p->image, s, NULL)) == 1) {
        buf_str(&p->out, rows++ > 0 ? ",{\"cells\":[" : "{\"cells\":[");
        for (int i = 0; i < columns; i++) {
            if (i > 0) buf_char(&p->out, ',');
            add_cell(p, s, i);
        }
        buf_str(&p->out, "]}");
    }
    buf_char(&p->out, ']');
    if (rc < 0 || is_late(p)) p->is_partial = true;
    return rows;
}

static int64_t count_of(struct preview *p, const char *table)
{
    sqlite3_stmt *s = prepare(p, "SELECT count(*) FROM \"%w\"", table);
    int64_t count = s && image_step(p->image, s, NULL) == 1 ? sqlite3_column_int64(s, 0) : -1;
    sqlite3_finalize(s);
    if (count < 0) p->is_partial = true;
    return count;
}

static void add_table(struct preview *p, const char *name)
{
    int64_t count = count_of(p, name);
    int rows = 0;
    buf_str(&p->out, "{\"name\":");
    add_text(p, name);
    if (count >= 0) buf_printf(&p->out, ",\"count\":%lld", (long long)count);
    sqlite3_stmt *s = count > 0 && p->out.len < PREVIEW_BYTES && !is_late(p)
                          ? prepare(p, "SELECT * FROM \"%w\" LIMIT 5", name)
                          : NULL;
    if (s) {
        int columns = sqlite3_column_count(s);
        if (columns > PREVIEW_COLUMNS) columns = PREVIEW_COLUMNS;
        add_columns(p, s, columns);
        rows = add_rows(p, s, columns);
    }
    sqlite3_finalize(s);
    buf_printf(&p->out, ",\"more\":%s}", count > rows ? "true" : "false");
}

static void add_tables(struct preview *p)
{
    sqlite3_stmt *s = image_prepare(p->image,
                                    "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage <> 0"
                                    " ORDER BY name <> 'Elevations', name LIMIT 200",
                                    NULL);
    int rc = -1;
    bool is_first = true;
    while (s && !is_late(p) && (rc = image_step(p->image, s, NULL)) == 1) {
        char *name = cell_text(p->image, NULL, s, 0, 0);
        if (name && sqlite3_strnicmp(name, "sqlite_", 7) != 0) {
            if (!is_first) buf_char(&p->out, ',');
            is_first = false;
            add_table(p, name);
        }
        free(name);
    }
    sqlite3_finalize(s);
    if (rc != 0) p->is_partial = true;
}

char *parts_preview_of(struct image *image)
{
    struct preview p = {.image = image, .deadline_ms = mono_ms() + PREVIEW_MS};
    image->deadline_ms = p.deadline_ms;
    sqlite3_limit(image->db, SQLITE_LIMIT_LENGTH, VALUE_MAX);
    buf_init(&p.out, 8 * PREVIEW_BYTES);
    buf_str(&p.out, "{\"tables\":[");
    add_tables(&p);
    buf_printf(&p.out, "]%s}", p.is_partial ? ",\"problem\":\"Not all of it could be read\"" : "");
    char *json = buf_steal(&p.out);
    if (!image->has_no_memory) return json;
    free(json);
    return NULL;
}

char *parts_preview(const void *bytes, size_t len)
{
    struct image image;
    if (image_open(&image, bytes, len, NULL) != 0) return NULL;
    char *json = parts_preview_of(&image);
    image_close(&image);
    return json;
}
