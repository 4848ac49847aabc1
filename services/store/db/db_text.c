/* Values on their way to PostgreSQL and back, as text: see db.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/store/db/clean.h"
#include "services/store/db/db.h"

void db_copy_field(struct buf *out, const char *text, char separator)
{
    size_t start = out->len;
    if (!text) buf_add(out, "\\N", 2);
    for (const char *p = text; p && *p;) {
        size_t plain = strcspn(p, "\\\n\r\t");
        buf_add(out, p, plain);
        p += plain;
        if (!*p) break;
        buf_char(out, '\\');
        buf_char(out, *p == '\n' ? 'n' : *p == '\r' ? 'r' : *p == '\t' ? 't' : '\\');
        p++;
    }
    clean_tail(out, start);
    buf_char(out, separator);
}

void db_array_begin(struct buf *out)
{
    buf_char(out, '{');
}

void db_array_add(struct buf *out, const char *text)
{
    if (out->len > 1) buf_char(out, ',');
    if (!text) {
        buf_add(out, "NULL", 4);
        return;
    }
    size_t start = out->len;
    buf_char(out, '"');
    for (const char *p = text; *p;) {
        size_t plain = strcspn(p, "\\\"");
        buf_add(out, p, plain);
        p += plain;
        if (!*p) break;
        buf_char(out, '\\');
        buf_char(out, *p++);
    }
    clean_tail(out, start);
    buf_char(out, '"');
}

void db_array_end(struct buf *out)
{
    buf_char(out, '}');
}

static void put_int(char *to, uint32_t value)
{
    for (int i = 3; i >= 0; i--, value >>= 8) to[i] = (char)(value & 0xff);
}

static void add_int(struct buf *out, uint32_t value)
{
    char bytes[4];
    put_int(bytes, value);
    buf_add(out, bytes, sizeof bytes);
}

/* Dimensions, whether there are nulls, the type; of the one dimension its length, in the place of which the number of
 * elements is counted, and its lower bound. */
enum { ARRAY_LENGTH_AT = 12, ARRAY_HEAD = 20 };

void db_elements_begin(struct buf *out, enum db_element type)
{
    add_int(out, 1);
    add_int(out, 0);
    add_int(out, (uint32_t)type);
    add_int(out, 0);
    add_int(out, 1);
}

static uint32_t count_of(const struct buf *array)
{
    const unsigned char *p = (const unsigned char *)array->data + ARRAY_LENGTH_AT;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void db_elements_add(struct buf *out, enum db_element type, const char *text, size_t len)
{
    bool is_jsonb = type == DB_JSONB; /* has a version in front */
    add_int(out, (uint32_t)(len + is_jsonb));
    if (is_jsonb) buf_char(out, 1);
    buf_add(out, text, len);
    if (!out->failed) put_int(out->data + ARRAY_LENGTH_AT, count_of(out) + 1);
}

/* An empty array has no dimension. */
void db_elements_end(struct buf *out)
{
    if (out->failed || count_of(out) > 0) return;
    put_int(out->data, 0);
    out->len = ARRAY_LENGTH_AT;
}

const char *db_number(char out[DB_NUMBER_SIZE], int64_t value)
{
    snprintf(out, DB_NUMBER_SIZE, "%" PRId64, value);
    return out;
}

const char *db_text(const PGresult *r, int row, int column)
{
    return PQgetisnull(r, row, column) ? NULL : PQgetvalue(r, row, column);
}

int64_t db_int(const PGresult *r, int row, int column)
{
    return strtoll(PQgetvalue(r, row, column), NULL, 10);
}

bool db_bool(const PGresult *r, int row, int column)
{
    return PQgetvalue(r, row, column)[0] == 't';
}
