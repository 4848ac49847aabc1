/* A growing byte buffer with a limit. See buf.h. */
#include "conf/text/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/copy.h"
#include "conf/text/utf8.h"

void buf_init(struct buf *b, size_t limit_bytes)
{
    *b = (struct buf){.limit_bytes = limit_bytes};
}

void buf_free(struct buf *b)
{
    if (!b->is_fixed) free(b->data);
    *b = (struct buf){.limit_bytes = b->limit_bytes};
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->data) b->data[0] = 0;
}

bool buf_reserve(struct buf *b, size_t more)
{
    if (b->failed) return false;
    if (more > SIZE_MAX - b->len - 1 || (b->limit_bytes && b->len + more > b->limit_bytes)) {
        b->failed = true;
        return false;
    }
    size_t need = b->len + more + 1;
    if (need <= b->cap) return true;
    if (b->is_fixed) {
        b->failed = true;
        return false;
    }
    size_t cap = b->cap ? b->cap : 256;
    while (cap < need) cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    char *data = realloc(b->data, cap);
    if (!data) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

bool buf_add(struct buf *b, const void *bytes, size_t len)
{
    if (!buf_reserve(b, len)) return false;
    if (len) memcpy(b->data + b->len, bytes, len);
    b->len += len;
    b->data[b->len] = 0;
    return true;
}

bool buf_str(struct buf *b, const char *text)
{
    return buf_add(b, text, strlen(text));
}

bool buf_char(struct buf *b, char c)
{
    return buf_add(b, &c, 1);
}

bool buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    size_t room = b->cap - b->len;
    int n = vsnprintf(room ? b->data + b->len : NULL, room, fmt, ap);
    va_end(ap);
    bool ok = n >= 0 && buf_reserve(b, (size_t)n);
    if (ok && (size_t)n >= room) vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
    if (ok) b->len += (size_t)n;
    if (b->data) b->data[b->len] = 0;
    va_end(again);
    return ok;
}

bool buf_int(struct buf *b, int64_t value)
{
    char text[TEXT_NUMBER_SIZE];
    return buf_add(b, text, text_number(text, value));
}

void buf_consume(struct buf *b, size_t len)
{
    if (len > b->len) len = b->len;
    if (len == 0) return;
    memmove(b->data, b->data + len, b->len - len);
    b->len -= len;
    b->data[b->len] = 0;
}

char *buf_steal(struct buf *b)
{
    if (b->failed || (!b->data && !buf_reserve(b, 0))) {
        buf_free(b);
        return NULL;
    }
    char *data = b->data;
    data[b->len] = 0;
    *b = (struct buf){.limit_bytes = b->limit_bytes};
    return data;
}

static void escape_byte(struct buf *b, unsigned char c)
{
    switch (c) {
    case '"': buf_str(b, "\\\""); break;
    case '\\': buf_str(b, "\\\\"); break;
    case '\n': buf_str(b, "\\n"); break;
    case '\r': buf_str(b, "\\r"); break;
    case '\t': buf_str(b, "\\t"); break;
    default: buf_printf(b, "\\u%04x", c);
    }
}

/* How many bytes from p on need no escape and are ASCII. */
static size_t plain_run(const unsigned char *p, const unsigned char *end)
{
    const unsigned char *start = p;
    while (p < end && *p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\') p++;
    return (size_t)(p - start);
}

bool buf_json_string(struct buf *b, const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + len, *plain = p;
    buf_char(b, '"');
    while ((p += plain_run(p, end)) < end) {
        size_t n = utf8_step((const char *)p, (size_t)(end - p));
        if (n > 1) {
            p += n;
            continue;
        }
        buf_add(b, plain, (size_t)(p - plain));
        if (n == 0)
            buf_str(b, "\xef\xbf\xbd");
        else
            escape_byte(b, *p);
        plain = ++p;
    }
    buf_add(b, plain, (size_t)(p - plain));
    return buf_char(b, '"');
}

void buf_json_member(struct buf *b, const char *name, const char *text)
{
    buf_str(b, ", \"");
    buf_str(b, name);
    buf_str(b, "\": ");
    if (text)
        buf_json_string(b, text, strlen(text));
    else
        buf_str(b, "null");
}
