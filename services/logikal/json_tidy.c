/* JSON that is nearly JSON, made readable: bytes that are no UTF-8, U+0000 and halves of surrogate pairs become U+FFFD;
 * NaN and Infinity become an empty list, which no member is. See json_tidy.h. */
#include "services/logikal/json_tidy.h"

#include <string.h>

#include "conf/text/json_escape.h"
#include "conf/text/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd"

struct tidy {
    const char *at, *end;
    struct buf *out;
    struct json_oddities *found;
    bool in_string;
};

static void copy(struct tidy *t, size_t len)
{
    buf_add(t->out, t->at, len);
    t->at += len;
}

static void replace(struct tidy *t, size_t len, const char *by, bool *flag)
{
    *flag = true;
    buf_str(t->out, by);
    t->at += len;
}

static void escape(struct tidy *t)
{
    size_t len;
    switch (json_escape(t->at, (size_t)(t->end - t->at), &len)) {
    case ESCAPE_NUL: replace(t, len, "\\ufffd", &t->found->has_nul); break;
    case ESCAPE_HALF: replace(t, len, "\\ufffd", &t->found->has_half_pair); break;
    case ESCAPE_PAIR:
    case ESCAPE_PLAIN: copy(t, len); break;
    }
}

/* NaN and its like, where a value may stand. */
static bool no_number(struct tidy *t)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity", "-NaN", "+Infinity"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t len = strlen(words[i]);
        if ((size_t)(t->end - t->at) < len || memcmp(t->at, words[i], len) != 0) continue;
        replace(t, len, "[]", &t->found->has_no_number);
        return true;
    }
    return false;
}

static void step(struct tidy *t)
{
    size_t n = utf8_step(t->at, (size_t)(t->end - t->at));
    if (n == 0) {
        replace(t, 1, REPLACEMENT, &t->found->has_bad_bytes);
    } else if (*t->at == '\0') {
        replace(t, 1, t->in_string ? REPLACEMENT : " ", &t->found->has_nul);
    } else if (t->in_string && *t->at == '\\') {
        escape(t);
    } else if (*t->at == '"') {
        t->in_string = !t->in_string;
        copy(t, 1);
    } else if (t->in_string || !strchr("NI-+", *t->at) || !no_number(t)) {
        copy(t, n);
    }
}

/* Could anything be to do? */
static bool is_suspect(const char *text, size_t len)
{
    if (!utf8_is_valid(text, len) || memchr(text, '\0', len)) return true;
    for (size_t i = 0; i + 1 < len; i++) {
        if (text[i] == 'N' && text[i + 1] == 'a') return true;
        if (text[i] == 'I' && text[i + 1] == 'n') return true;
        if (text[i] == '\\' && text[i + 1] == 'u' && i + 3 < len &&
            (text[i + 2] == '0' || text[i + 2] == 'd' || text[i + 2] == 'D'))
            return true;
    }
    return false;
}

bool json_tidy(const char *text, size_t len, struct buf *out, struct json_oddities *found)
{
    struct tidy t = {.at = text, .end = text + len, .out = out, .found = found};
    *found = (struct json_oddities){0};
    if (!is_suspect(text, len)) return false;
    buf_reserve(out, len + 64);
    while (t.at < t.end && !out->failed) step(&t);
    return true;
}
