/* Values on their way to PostgreSQL and back, as text: see db.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/store/clean.h"
#include "services/store/db.h"

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
