/* UTF-8: see utf8.h. */
#include "conf/text/utf8.h"

#include <stdint.h>
#include <string.h>

static bool is_more(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

size_t utf8_step(const char *text, size_t left)
{
    const unsigned char *p = (const unsigned char *)text;
    if (p[0] < 0x80) return 1;
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || left < n) return 0;
    for (size_t i = 1; i < n; i++)
        if (!is_more(p[i])) return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

/* Eight bytes of ASCII at once, as most texts are. */
static bool is_ascii_word(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
    return (word & 0x8080808080808080u) == 0;
}

bool utf8_is_valid(const char *text, size_t len)
{
    for (size_t i = 0, n; i < len; i += n) {
        while (len - i >= 8 && is_ascii_word(text + i)) i += 8;
        if (i == len) break;
        n = utf8_step(text + i, len - i);
        if (n == 0) return false;
    }
    return true;
}

size_t utf8_cut(const char *text, size_t most)
{
    size_t len = strnlen(text, most + 1);
    if (len <= most) return len;
    for (len = most; len > 0 && is_more((unsigned char)text[len]);) len--;
    return len;
}

size_t utf8_length(const char *text)
{
    size_t n = 0;
    for (; *text; text++) n += !is_more((unsigned char)*text);
    return n;
}

char *utf8_finish(char *text)
{
    size_t len = strlen(text), start = len;
    while (start > 0 && len - start < 3 && is_more((unsigned char)text[start - 1])) start--;
    if (start > 0 && (unsigned char)text[start - 1] >= 0xc2) {
        unsigned char first = (unsigned char)text[start - 1];
        size_t n = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
        if (first <= 0xf4 && len - start + 1 < n) len = start - 1;
    }
    text[len] = '\0';
    utf8_repair(text, len);
    return text;
}

void utf8_repair(char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = utf8_step(text + i, len - i);
        if (n == 0) text[i] = '?';
        i += n ? n : 1;
    }
}

char *utf8_line(char *text)
{
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f) *p = ' ';
    return text;
}
