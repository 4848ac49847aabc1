/* A list as a stream: see json_list.h. The outer object is depth 1, the data array depth 2, its elements deeper. */
#include "services/logikal/json_list.h"

#include <string.h>

void json_list_init(struct json_list *l, json_list_fn element, void *arg)
{
    json_list_free(l);
    *l = (struct json_list){.element = element, .arg = arg};
}

void json_list_free(struct json_list *l)
{
    buf_free(&l->text);
    buf_free(&l->outer);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool malformed(struct json_list *l)
{
    l->is_malformed = true;
    return false;
}

/* A byte of the element, or of the key, at hand: what is too large is read over, so that it costs nothing but itself.
 */
static bool take(struct json_list *l, char c)
{
    return l->text.len >= JSON_LIST_ELEMENT_LIMIT || buf_char(&l->text, c) || malformed(l);
}

/* The element in l->text is whole. */
static bool deliver(struct json_list *l)
{
    while (l->text.len && is_space(l->text.data[l->text.len - 1])) l->text.data[--l->text.len] = '\0';
    if (l->text.len == 0) return l->wants_value ? malformed(l) : true;
    bool goes_on = l->element(l->arg, l->text.data, l->text.len);
    buf_reset(&l->text);
    l->wants_value = false;
    if (!goes_on) l->is_stopped = true;
    return goes_on;
}

static bool open_bracket(struct json_list *l, char c)
{
    if (l->depth == (int)sizeof l->open || (l->depth == 0 && c != '{')) return malformed(l);
    l->open[l->depth++] = c;
    if (l->depth == 2 && l->after_data) {
        if (c != '[') return malformed(l);
        l->in_data = l->has_data = true;
        l->after_data = false;
        return true;
    }
    return l->in_data ? take(l, c) : true;
}

static bool close_bracket(struct json_list *l, char c)
{
    if (l->depth == 0 || l->open[l->depth - 1] != (c == '}' ? '{' : '[')) return malformed(l);
    l->depth--;
    if (l->in_data && l->depth == 1) {
        if (!deliver(l)) return false;
        l->in_data = false;
    } else if (l->in_data) {
        return take(l, c);
    }
    if (l->depth == 0) l->is_complete = true;
    return true;
}

/* A byte inside the data array that is no bracket and no string. */
static bool data_byte(struct json_list *l, char c)
{
    if (c == ',' && l->depth == 2) {
        if (l->text.len == 0) return malformed(l);
        if (!deliver(l)) return false;
        l->wants_value = true;
        return true;
    }
    if (l->text.len == 0 && is_space(c)) return true;
    return take(l, c);
}

/* A byte of the outer object that is no bracket and no string. */
static bool outer_byte(struct json_list *l, char c)
{
    if (c == ':' && l->depth == 1) {
        l->after_data = l->text.len == 6 && strncmp(l->text.data, "\"data\"", 6) == 0;
        buf_reset(&l->text);
    } else if (l->after_data && !is_space(c)) {
        return malformed(l); /* null is no list either: who has nothing says [] */
    }
    return true;
}

static bool string_byte(struct json_list *l, char c)
{
    /* A raw control character is no JSON, and no reason to lose a list. */
    if (l->is_escaped)
        l->is_escaped = false;
    else if (c == '\\')
        l->is_escaped = true;
    else if (c == '"')
        l->in_string = false;
    return l->in_data || l->depth == 1 ? take(l, c) : true;
}

/* The next byte of a byte order mark, before everything else. */
static bool is_bom(struct json_list *l, char c)
{
    static const char bom[] = "\xef\xbb\xbf";
    return l->bom < 3 && c == bom[l->bom] && ++l->bom;
}

static bool feed_byte(struct json_list *l, char c)
{
    if (l->is_complete) return is_space(c) || malformed(l);
    if (l->in_string) return string_byte(l, c);
    switch (c) {
    case '"':
        if (l->depth == 0 || l->after_data) return malformed(l);
        if (!l->in_data && l->depth == 1) buf_reset(&l->text);
        l->in_string = true;
        return l->in_data || l->depth == 1 ? take(l, c) : true;
    case '{':
    case '[': return open_bracket(l, c);
    case '}':
    case ']': return close_bracket(l, c);
    default: break;
    }
    if (l->depth == 0) return is_space(c) || is_bom(l, c) || malformed(l);
    return l->in_data ? data_byte(l, c) : outer_byte(l, c);
}

bool json_list_feed(struct json_list *l, const char *bytes, size_t len)
{
    if (l->is_malformed || l->is_stopped) return false;
    for (size_t i = 0; i < len; i++) {
        bool was_in_data = l->in_data;
        if (!feed_byte(l, bytes[i])) return false;
        bool is_outer = !was_in_data || !l->in_data;
        if (is_outer && l->outer.len < JSON_LIST_OUTER_LIMIT) buf_char(&l->outer, bytes[i]);
    }
    return true;
}

bool json_list_finish(const struct json_list *l)
{
    return l->is_complete && l->has_data && !l->is_malformed && !l->is_stopped && !l->outer.failed;
}
