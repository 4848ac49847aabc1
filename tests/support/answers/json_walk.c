/* See json_walk.h. */
#include "tests/support/answers/json_walk.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static enum json_walk_state after(const struct json_walk *w)
{
    return w->depth == 0 ? WALK_DONE : WALK_AFTER;
}

static void keep(struct json_walk *w, char *out, size_t size, char c)
{
    if (w->len + 1 < size) out[w->len++] = c;
    out[w->len] = 0;
}

static void tell(struct json_walk *w)
{
    bool is_member = w->depth > 0 && w->open[w->depth - 1] == '{';
    if (w->scalar) w->scalar(w->arg, w->depth, is_member ? w->key : "", w->text);
}

static enum json_walk_state open_value(struct json_walk *w, char c)
{
    w->len = 0;
    w->text[0] = 0;
    if (c == '{' || c == '[') {
        if (w->depth == JSON_WALK_DEPTH) return WALK_BAD;
        w->open[w->depth++] = c;
        return c == '{' ? WALK_FIRST_KEY : WALK_FIRST_VALUE;
    }
    if (c == '"') return WALK_IN_STRING;
    if (!isdigit((unsigned char)c) && !strchr("-tfn", c)) return WALK_BAD;
    keep(w, w->text, sizeof w->text, c);
    return WALK_IN_BARE;
}

static enum json_walk_state close_value(struct json_walk *w, char c)
{
    if (w->depth == 0 || w->open[w->depth - 1] != (c == '}' ? '{' : '[')) return WALK_BAD;
    w->depth--;
    return after(w);
}

static bool is_bare(const char *text)
{
    char *end;
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0 || strcmp(text, "null") == 0) return true;
    strtod(text, &end);
    return !*end && (*text == '-' || isdigit((unsigned char)*text)) && !strpbrk(text, "xXpP");
}

static enum json_walk_state in_string(struct json_walk *w, char c, bool is_key)
{
    enum json_walk_state same = is_key ? WALK_IN_KEY : WALK_IN_STRING;
    if ((unsigned char)c < 0x20) return WALK_BAD;
    if (c == '"' && !w->is_escaped) {
        if (is_key) return WALK_COLON;
        tell(w);
        return after(w);
    }
    w->is_escaped = c == '\\' && !w->is_escaped;
    if (is_key)
        keep(w, w->key, sizeof w->key, c);
    else
        keep(w, w->text, sizeof w->text, c);
    return same;
}

static enum json_walk_state between(struct json_walk *w, char c)
{
    if (c == ',') return w->open[w->depth - 1] == '{' ? WALK_KEY : WALK_VALUE;
    return c == '}' || c == ']' ? close_value(w, c) : WALK_BAD;
}

static enum json_walk_state step(struct json_walk *w, char c)
{
    bool is_space = c == ' ' || c == '\n' || c == '\r' || c == '\t';
    switch (w->state) {
    case WALK_IN_KEY: return in_string(w, c, true);
    case WALK_IN_STRING: return in_string(w, c, false);
    case WALK_IN_BARE:
        if (isalnum((unsigned char)c) || strchr("+-.", c)) return keep(w, w->text, sizeof w->text, c), WALK_IN_BARE;
        if (!is_bare(w->text)) return WALK_BAD;
        tell(w);
        if (is_space) return after(w);
        return w->depth > 0 ? between(w, c) : WALK_BAD;
    default: break;
    }
    if (is_space) return w->state;
    switch (w->state) {
    case WALK_FIRST_VALUE: return c == ']' ? close_value(w, c) : open_value(w, c);
    case WALK_VALUE: return open_value(w, c);
    case WALK_FIRST_KEY:
        if (c == '}') return close_value(w, c);
        /* fall through */
    case WALK_KEY:
        w->len = 0;
        w->key[0] = 0;
        return c == '"' ? WALK_IN_KEY : WALK_BAD;
    case WALK_COLON: return c == ':' ? WALK_VALUE : WALK_BAD;
    case WALK_AFTER: return between(w, c);
    default: return WALK_BAD;
    }
}

bool json_walk_feed(struct json_walk *w, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len && w->state != WALK_BAD; i++) w->state = bytes[i] ? step(w, bytes[i]) : WALK_BAD;
    return w->state != WALK_BAD;
}

bool json_walk_is_whole(const struct json_walk *w)
{
    return w->state == WALK_DONE;
}
