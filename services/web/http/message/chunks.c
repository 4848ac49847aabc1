/* Decodes the chunked coding of a body, byte by byte as it comes. */
#include "services/web/http/message/chunks.h"

#include <ctype.h>
#include <string.h>

#include "services/web/http/message/head.h"

#define SIZE_DIGITS 8 /* 4 GiB: far beyond every limit */

/* ---- a line with a size ---- */

static size_t blanks(const char *p, const char *end)
{
    size_t n = 0;
    while (p + n < end && (p[n] == ' ' || p[n] == '\t')) n++;
    return n;
}

static size_t token(const char *p, const char *end)
{
    size_t n = 0;
    while (p + n < end && head_is_token(p + n, 1)) n++;
    return n;
}

static size_t quoted(const char *p, const char *end)
{
    size_t n = 1;
    if (p == end || *p != '"') return 0;
    for (; p + n < end && p[n] != '"'; n++)
        if (p[n] == '\\' && p + n + 1 < end) n++;
    return p + n < end ? n + 1 : 0;
}

/* ";name" or ";name=value", any number of them, up to the end. */
static bool are_extensions(const char *p, const char *end)
{
    while (p < end) {
        if (*p++ != ';') return false;
        p += blanks(p, end);
        size_t len = token(p, end);
        if (len == 0) return false;
        p += len;
        if (p == end || *p != '=') continue;
        p++;
        len = p < end && *p == '"' ? quoted(p, end) : token(p, end);
        if (len == 0) return false;
        p += len;
    }
    return true;
}

static bool has_control(const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)p[i] < ' ' && p[i] != '\t') || p[i] == 0x7f) return true;
    return false;
}

static bool read_size(struct chunks *c, const char *line, size_t len)
{
    size_t digits = 0;
    uint64_t *size = &c->left;
    *size = 0;
    for (; digits < len && isxdigit((unsigned char)line[digits]); digits++) {
        if (digits == SIZE_DIGITS) return false;
        char d = line[digits];
        *size = *size * 16 + (uint64_t)(d <= '9' ? d - '0' : (d | 0x20) - 'a' + 10);
    }
    c->extra += len - digits;
    return digits > 0 && !has_control(line, len) && are_extensions(line + digits, line + len);
}

/* ---- lines ---- */

static void line_over(struct chunks *c)
{
    size_t len = c->line_len;
    c->line_len = 0;
    switch (c->state) {
    case CHUNKS_SIZE:
        c->state = !read_size(c, c->line, len) ? CHUNKS_BAD : c->left > 0 ? CHUNKS_DATA : CHUNKS_TRAILER;
        break;
    case CHUNKS_DATA_END: c->state = len == 0 ? CHUNKS_SIZE : CHUNKS_BAD; break;
    default:
        c->extra += len;
        if (len == 0)
            c->state = CHUNKS_OVER;
        else if (!head_is_field(c->line, len))
            c->state = CHUNKS_BAD;
    }
    if (c->extra > CHUNK_EXTRA) c->state = CHUNKS_BAD;
}

/* One byte of a line. It ends with CR LF, and neither stands alone. */
static void line_byte(struct chunks *c, char byte)
{
    bool is_after_cr = c->line_len > 0 && c->line[c->line_len - 1] == '\r';
    if (byte == '\n' && is_after_cr) {
        c->line_len--;
        line_over(c);
    } else if (is_after_cr || byte == '\n' || byte == '\0' || c->line_len == CHUNK_LINE_MAX ||
               (c->state == CHUNKS_DATA_END && byte != '\r')) {
        c->state = CHUNKS_BAD;
    } else {
        c->line[c->line_len++] = byte;
    }
}

size_t chunks_read(struct chunks *c, const char *bytes, size_t n, char *out, size_t *decoded)
{
    size_t at = 0;
    while (at < n && c->state < CHUNKS_OVER) {
        if (c->state != CHUNKS_DATA) {
            line_byte(c, bytes[at++]);
            continue;
        }
        size_t len = n - at < c->left ? n - at : (size_t)c->left;
        memmove(out, bytes + at, len);
        out += len;
        at += len;
        *decoded += len;
        c->left -= len;
        if (c->left == 0) c->state = CHUNKS_DATA_END;
    }
    return at;
}
