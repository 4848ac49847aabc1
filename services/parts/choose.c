/* Which of several elevations in a parts list is the one that it was asked for: by its name. See choose.h. */
#include "services/parts/choose.h"

#include <string.h>

#include "conf/text/guid.h"
#include "conf/text/utf8.h"

#define NAME_MAX_CHARACTERS 255 /* of elevations.name: longer names are stored cut */
#define BAD_BYTE            0x110000

/* A text as the characters that count: in small letters, white space as one blank. */
struct letters {
    const char *at, *end;
};

static bool is_white(unsigned c)
{
    return c == ' ' || (c >= 0x09 && c <= 0x0d) || c == 0xa0 || (c >= 0x2000 && c <= 0x200b) || c == 0x202f ||
           c == 0x3000 || c == 0xfeff;
}

static unsigned lower(unsigned c)
{
    if ((c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7)) return c + 0x20;
    if ((c >= 0x391 && c <= 0x3a9) || (c >= 0x410 && c <= 0x42f)) return c + 0x20;
    if (c >= 0x400 && c <= 0x40f) return c + 0x50;
    if ((c >= 0x100 && c <= 0x137) || (c >= 0x14a && c <= 0x177)) return c | 1;
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e)) return c + (c & 1);
    return c;
}

static unsigned peek(const struct letters *l, size_t *n)
{
    const unsigned char *p = (const unsigned char *)l->at;
    *n = utf8_step(l->at, (size_t)(l->end - l->at));
    switch (*n) {
    case 1: return p[0];
    case 2: return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
    case 3: return (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    case 4: return (p[0] & 0x7u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
    default: *n = 1; return BAD_BYTE;
    }
}

static void skip_white(struct letters *l)
{
    size_t n;
    while (l->at < l->end && is_white(peek(l, &n))) l->at += n;
}

/* The next character; 0 at the end. */
static unsigned next(struct letters *l)
{
    size_t n;
    if (l->at == l->end) return 0;
    unsigned c = peek(l, &n);
    l->at += n;
    if (!is_white(c)) return lower(c);
    skip_white(l);
    return l->at == l->end ? 0 : ' ';
}

/* A byte that is no UTF-8 was one letter of another encoding: which, the other side knows. */
static bool is_same_letter(unsigned a, unsigned b)
{
    return a == b || (a == BAD_BYTE && b >= 0x80) || (b == BAD_BYTE && a >= 0x80);
}

static enum choose_match compare_loosely(const char *wanted, const char *name, size_t len)
{
    struct letters w = {wanted, wanted + strlen(wanted)}, r = {name, name + len};
    skip_white(&w);
    skip_white(&r);
    if (w.at == w.end) return MATCH_NONE;
    for (;;) {
        unsigned a = next(&w), b = next(&r);
        if (!a && !b) return MATCH_LOOSE;
        if (!a) return b == ' ' || (b < 0x80 && strchr("(,;:/", (int)b)) ? MATCH_PREFIX : MATCH_NONE;
        if (!is_same_letter(a, b)) return MATCH_NONE;
    }
}

/* The stored name is the name, or as much of it as is stored. */
static bool is_same_name(const char *wanted, const char *name, size_t len)
{
    size_t wanted_len = strlen(wanted);
    if (len < wanted_len || memcmp(wanted, name, wanted_len) != 0) return false;
    return len == wanted_len || utf8_length(wanted) == NAME_MAX_CHARACTERS;
}

/* How a row fits. */
static enum choose_match match_of(const struct choose *c, const char *name, size_t name_len, const char *id)
{
    bool has_names = c->name && *c->name && name, has_id = c->id && *c->id && guid_equal(c->id, id);
    if (has_names && is_same_name(c->name, name, name_len)) return has_id ? MATCH_BOTH : MATCH_NAME;
    if (has_id) return MATCH_ID;
    return has_names ? compare_loosely(c->name, name, name_len) : MATCH_NONE;
}

void choose_add(struct choose *c, const char *name, size_t name_len, const char *id)
{
    enum choose_match match = match_of(c, name, name_len, id);
    int64_t row = c->rows++;
    if (match == MATCH_NONE) return;
    if (c->count[match]++ == 0) c->first[match] = row;
}

int64_t choose_row(const struct choose *c)
{
    if (c->rows == 1) return 0;
    for (int i = 0; i < MATCH_NONE; i++)
        if (c->count[i]) return c->count[i] == 1 ? c->first[i] : -1;
    return -1;
}
