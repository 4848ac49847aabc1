/* Figures as they stand in the file: an integer of 19 digits or a text of 60 is more than a double holds. See
 * figure.h. */
#include "services/parts/figure.h"

#include <math.h>
#include <string.h>

#include "services/parts/cell.h"

static bool is_blank(const char *text, size_t len)
{
    return text && strspn(text, " ") == len;
}

bool figure_add(struct buf *out, const char *key, sqlite3_stmt *row, int column, const char **why)
{
    /* asking SQLite for the text of another value changes the value */
    int type = sqlite3_column_type(row, column);
    const char *text = type == SQLITE_TEXT ? (const char *)sqlite3_column_text(row, column) : NULL;
    size_t len = text ? (size_t)sqlite3_column_bytes(row, column) : 0;
    double value = 0;
    if (is_blank(text, len)) return true;
    bool is_number = text && cell_is_number(text, len, &value);
    if (type == SQLITE_INTEGER || type == SQLITE_FLOAT) {
        value = sqlite3_column_double(row, column);
        is_number = isfinite(value);
    }
    *why = is_number ? "is too large or too small a number" : "is not a number";
    if (!is_number || !cell_is_countable(value, text)) return false;
    buf_str(out, key);
    if (type == SQLITE_INTEGER)
        buf_int(out, sqlite3_column_int64(row, column));
    else if (text)
        cell_add_decimal(out, text);
    else
        cell_add_number(out, value);
    return true;
}
