/* Escapes in JSON text: see json_escape.h. A character beyond U+FFFF is written as two \uXXXX, of D800 to DBFF and of
 * DC00 to DFFF (RFC 8259, section 7). */
#include "conf/text/json_escape.h"

/* The code of \uXXXX at text; above 0xFFFF when it is none. */
static unsigned code_at(const char *text, size_t left)
{
    unsigned code = 0;
    if (left < 6 || text[0] != '\\' || text[1] != 'u') return 0x10000;
    for (int i = 2; i < 6; i++) {
        unsigned c = (unsigned char)text[i];
        unsigned digit = c - '0' < 10u ? c - '0' : (c | 32) - 'a' < 6u ? (c | 32) - 'a' + 10 : 16;
        if (digit > 15) return 0x10000;
        code = code << 4 | digit;
    }
    return code;
}

enum json_escape json_escape(const char *text, size_t left, size_t *len)
{
    unsigned code = code_at(text, left);
    *len = code <= 0xFFFF ? 6 : left > 1 ? 2 : 1;
    if (code == 0) return ESCAPE_NUL;
    if (code - 0xD800u >= 0x800u) return ESCAPE_PLAIN;
    unsigned next = code < 0xDC00 ? code_at(text + 6, left - 6) : 0;
    if (next - 0xDC00u >= 0x400u) return ESCAPE_HALF;
    *len = 12;
    return ESCAPE_PAIR;
}
