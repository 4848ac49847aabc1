/* Values of a parts list's rows: texts that are valid UTF-8, without U+0000 and no longer than their column in the
 * database, and numbers that are numbers. See cell.h. */
#include "services/parts/cell.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/utf8.h"

void cell_problem(struct parts_data *data, const char *fmt, ...)
{
    char text[sizeof data->problem];
    size_t len = strlen(data->problem);
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    text[utf8_cut(text, sizeof text - 5)] = '\0'; /* vsnprintf may have cut inside a character */
    size_t more = strlen(text), gap = len ? 2 : 0;
    if (strstr(data->problem, text) || len + gap + more >= sizeof data->problem) return;
    memcpy(data->problem + len, "; ", gap);
    memcpy(data->problem + len + gap, text, more + 1);
}

/* Bytes of the first most characters of a valid text. */
static size_t characters(const char *text, size_t len, size_t most)
{
    size_t i = 0;
    for (size_t n = 0; i < len && n < most; n++) i += utf8_step(text + i, len - i);
    return i;
}

/* What SQLite hands out is as the file has it: in a file that says UTF-8, any bytes. */
static void tidy(struct parts_data *data, const char *column, char *text, size_t len, size_t most)
{
    if (!utf8_is_valid(text, len)) {
        utf8_repair(text, len);
        if (data) cell_problem(data, "%s: bytes that are not UTF-8 were replaced", column);
    }
    if (memchr(text, '\0', len)) {
        for (char *p = text; (p = memchr(p, '\0', len - (size_t)(p - text)));) *p = '?';
        if (data) cell_problem(data, "%s: U+0000 was replaced", column);
    }
    if (!most || len <= most) return;
    size_t cut = characters(text, len, most);
    if (cut < len && data) cell_problem(data, "%s is longer than %zu characters and was cut", column, most);
    text[cut] = '\0';
}

/* The column as text of the statement, with its length; NULL where it is NULL, or without memory. */
static const char *borrowed(struct image *image, sqlite3_stmt *row, int column, size_t *len)
{
    int type = sqlite3_column_type(row, column);
    const char *text = (const char *)sqlite3_column_text(row, column);
    if (!text && type != SQLITE_NULL && image_is_memory_short(image)) image->has_no_memory = true;
    *len = text ? (size_t)sqlite3_column_bytes(row, column) : 0;
    return text;
}

char *cell_text(struct image *image, struct parts_data *data, sqlite3_stmt *row, int column, size_t most)
{
    size_t len;
    if (sqlite3_column_type(row, column) == SQLITE_BLOB && sqlite3_column_bytes(row, column) > 0) {
        if (data) cell_problem(data, "%s is not a text", sqlite3_column_name(row, column));
        return NULL;
    }
    const char *text = borrowed(image, row, column, &len);
    char *copy = text ? malloc(len + 1) : NULL;
    if (text && !copy) image->has_no_memory = true;
    if (!copy) return NULL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    tidy(data, sqlite3_column_name(row, column), copy, len, most);
    return copy;
}

bool cell_is_number(const char *text, size_t len, double *out)
{
    char copy[64], *end;
    if (len >= sizeof copy) return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (strlen(copy) != len || copy[strspn(copy, "0123456789+-.,eE ")]) return false;
    char *comma = strchr(copy, ',');
    if (comma && !strchr(copy, '.')) *comma = '.';
    *out = strtod(copy, &end);
    return end != copy && end[strspn(end, " ")] == '\0' && isfinite(*out);
}

#define COUNTABLE_MAX 1e60
#define COUNTABLE_MIN 1e-60

bool cell_is_countable(double value, const char *text)
{
    if (value == 0) return !text || strcspn(text, "123456789") >= strcspn(text, "eE");
    return fabs(value) <= COUNTABLE_MAX && fabs(value) >= COUNTABLE_MIN;
}

/* The digits at *p without zeros in front of others, and goes behind them; 0 when there are none. */
static void add_whole(struct buf *out, const char **p)
{
    size_t len = strspn(*p, "0123456789"), zeros = strspn(*p, "0");
    const char *from = *p + (zeros < len ? zeros : len ? len - 1 : 0);
    *p += len;
    if (len)
        buf_add(out, from, (size_t)(*p - from));
    else
        buf_char(out, '0');
}

void cell_add_decimal(struct buf *out, const char *text)
{
    const char *p = text + strspn(text, " ");
    if (*p == '-') buf_char(out, '-');
    p += *p == '-' || *p == '+';
    add_whole(out, &p);
    if (*p == '.' || *p == ',') {
        size_t len = strspn(++p, "0123456789");
        if (len) buf_char(out, '.');
        buf_add(out, p, len);
        p += len;
    }
    if (*p == 'e' || *p == 'E') {
        buf_char(out, 'e');
        if (*++p == '-') buf_char(out, '-');
        p += *p == '-' || *p == '+';
        add_whole(out, &p);
    }
}

void cell_number(struct image *image, struct parts_data *data, sqlite3_stmt *row, int column, struct parts_number *out)
{
    int type = sqlite3_column_type(row, column);
    if (type == SQLITE_NULL) return;
    if (type == SQLITE_TEXT) {
        size_t len;
        const char *text = borrowed(image, row, column, &len);
        if (!text || strspn(text, " ") == len) return;
        out->is_set = cell_is_number(text, len, &out->value);
    } else if (type != SQLITE_BLOB) {
        out->value = sqlite3_column_double(row, column);
        out->is_set = isfinite(out->value);
    }
    if (!out->is_set) cell_problem(data, "%s is not a number", sqlite3_column_name(row, column));
}

/* As most numbers are: a few places behind the point. A power of ten up to 1e22 and an integer below 2^53 are exact, so
 * that their quotient is the number that the decimal text stands for. */
static bool add_decimal(struct buf *out, double value)
{
    static const double powers[] = {1, 10, 100, 1e3, 1e4, 1e5, 1e6};
    if (fabs(value) < 1e-4) return false; /* has an exponent */
    for (int places = 1; places <= 6; places++) {
        double power = powers[places], digits = nearbyint(value * power);
        if (fabs(digits) >= 1e15) return false;
        if (digits / power != value) continue;
        int64_t whole = (int64_t)(digits / power), rest = llabs((int64_t)digits) % (int64_t)power;
        char fraction[8] = {0};
        for (int i = places; i-- > 0; rest /= 10) fraction[i] = (char)('0' + rest % 10);
        if (value < 0 && whole == 0) buf_char(out, '-');
        buf_int(out, whole);
        buf_char(out, '.');
        buf_add(out, fraction, (size_t)places);
        return true;
    }
    return false;
}

void cell_add_number(struct buf *out, double value)
{
    char text[40];
    if (value == (double)(int64_t)(fabs(value) < 1e15 ? value : 0.5)) {
        buf_int(out, (int64_t)value);
        return;
    }
    if (add_decimal(out, value)) return;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    buf_str(out, text);
}

const char *cell_label(char out[200], const char *table, sqlite3_stmt *row, int column)
{
    snprintf(out, 200, "%.90s%s%.90s", table, *table ? "." : "", sqlite3_column_name(row, column));
    return out;
}

/* A text that is not as it should be. */
static void add_tidied(struct image *image, struct parts_data *data, const char *label, const char *text, size_t len,
                       struct buf *out)
{
    char *copy = malloc(len + 1);
    if (!copy) image->has_no_memory = true;
    if (copy) {
        memcpy(copy, text, len);
        copy[len] = '\0';
        tidy(data, label, copy, len, 0);
        buf_json_string(out, copy, len);
    }
    free(copy);
}

static void add_text(struct image *image, struct parts_data *data, const char *table, sqlite3_stmt *row, int column,
                     struct buf *out)
{
    char label[200];
    size_t len;
    const char *text = borrowed(image, row, column, &len);
    if (!text) {
        buf_str(out, "null");
    } else if (len > CELL_JSON_MAX) {
        buf_printf(out, "{\"bytes\":%zu}", len);
    } else if (utf8_is_valid(text, len) && !memchr(text, '\0', len)) {
        buf_json_string(out, text, len);
    } else {
        add_tidied(image, data, cell_label(label, table, row, column), text, len, out);
    }
}

void cell_json(struct image *image, struct parts_data *data, const char *table, sqlite3_stmt *row, int column,
               struct buf *out)
{
    char text[200];
    double value;
    switch (sqlite3_column_type(row, column)) {
    case SQLITE_INTEGER: buf_int(out, sqlite3_column_int64(row, column)); return;
    case SQLITE_FLOAT:
        value = sqlite3_column_double(row, column);
        if (isfinite(value)) {
            cell_add_number(out, value);
            return;
        }
        if (data) cell_problem(data, "%s is not a number", cell_label(text, table, row, column));
        break;
    case SQLITE_BLOB: buf_printf(out, "{\"bytes\":%d}", sqlite3_column_bytes(row, column)); return;
    case SQLITE_TEXT: add_text(image, data, table, row, column, out); return;
    default: break;
    }
    buf_str(out, "null");
}
