/* JSON from outside as a tree that gives back what it was made of. A number that would not be printed as it came (an
 * integer beyond 15 digits, 1.0, 0.30000000000000004) keeps its text in valuestring beside its value; what a C string
 * or a number cannot hold (a text with U+0000 or half a surrogate pair, NaN, Infinity) is a cJSON_Raw of its text. A
 * copy of the same length, with stand-ins in such places, is parsed, and tree and text are then walked side by side. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/json_escape.h"
#include "conf/text/utf8.h"
#include "ipc/queue/queue_message.h"

/* ---- the copy ---- */

/* Replaces halves of surrogate pairs in the string that begins at text[at]; the place behind its end. */
static size_t tidy_string(char *text, size_t at, size_t len)
{
    for (at++; at < len && text[at] != '"'; at++) {
        size_t n;
        if (text[at] != '\\') continue;
        if (json_escape(text + at, len - at, &n) == ESCAPE_HALF) memcpy(text + at, "\\ufffd", 6);
        at += n - 1;
    }
    return at;
}

static const struct {
    const char *word, *number; /* of the same length */
} constants[] = {{"NaN", "0.0"}, {"-Infinity", "-1.000e99"}, {"Infinity", "1.0000e9"}};

static void tidy_constant(char *text, size_t at, size_t len)
{
    for (int i = 0; i < 3; i++) {
        size_t n = strlen(constants[i].word);
        if (len - at < n || memcmp(text + at, constants[i].word, n) != 0) continue;
        memcpy(text + at, constants[i].number, n);
        return;
    }
}

static void tidy(char *text, size_t len)
{
    for (size_t at = 0; at < len; at++) {
        if (text[at] == '"')
            at = tidy_string(text, at, len);
        else if (text[at] == 'N' || text[at] == 'I' || text[at] == '-')
            tidy_constant(text, at, len);
    }
}

/* ---- tree and text side by side ---- */

struct json_walk {
    const char *at, *end;
    bool has_failed;
};

/* As the parser has it, which takes more than JSON allows: else the two would lose each other. */
static bool is_blank(char c)
{
    return (unsigned char)c <= ' ';
}

static void skip(struct json_walk *w)
{
    while (w->at < w->end && (is_blank(*w->at) || *w->at == ',' || *w->at == ':')) w->at++;
}

/* Past the string at w; true when a C string cannot hold it, or it is no text. */
static bool skip_string(struct json_walk *w)
{
    bool is_odd = false;
    for (w->at++; w->at < w->end && *w->at != '"'; w->at++) {
        size_t n;
        if (*w->at != '\\') continue;
        enum json_escape escape = json_escape(w->at, (size_t)(w->end - w->at), &n);
        if (escape == ESCAPE_NUL || escape == ESCAPE_HALF) is_odd = true;
        w->at += n - 1;
    }
    w->at++;
    return is_odd;
}

static void keep_text(struct json_walk *w, cJSON *item, const char *from, bool as_raw)
{
    char *text = strndup(from, (size_t)(w->at - from));
    if (!text) {
        w->has_failed = true;
        return;
    }
    free(item->valuestring);
    item->valuestring = text;
    if (as_raw) item->type = (item->type & ~0xFF) | cJSON_Raw;
}

static void walk_number(struct json_walk *w, cJSON *item)
{
    const char *from = w->at;
    while (w->at < w->end && !is_blank(*w->at) && !strchr(",]}", *w->at)) w->at++;
    size_t len = (size_t)(w->at - from), digits = 0;
    while (digits < len && (from[digits] == '-' || (from[digits] >= '0' && from[digits] <= '9'))) digits++;
    bool is_constant = memchr(from, 'N', len) || memchr(from, 'I', len);
    if (is_constant || digits < len || len > 15 || (len >= 2 && memcmp(from, "-0", 2) == 0))
        keep_text(w, item, from, is_constant);
}

static void walk(struct json_walk *w, cJSON *item)
{
    skip(w);
    const char *from = w->at;
    if (cJSON_IsString(item)) {
        if (skip_string(w)) keep_text(w, item, from, true);
    } else if (cJSON_IsNumber(item)) {
        walk_number(w, item);
    } else if (cJSON_IsArray(item) || cJSON_IsObject(item)) {
        bool has_names = cJSON_IsObject(item);
        w->at++;
        for (cJSON *child = item->child; child; child = child->next) {
            skip(w);
            if (has_names && skip_string(w) && strstr(child->string, "\xef\xbf\xbd") == NULL) w->has_failed = true;
            walk(w, child);
        }
        skip(w);
        w->at++;
    } else {
        w->at += cJSON_IsFalse(item) ? 5 : 4;
    }
}

static cJSON *parse_whole(const char *text, size_t len)
{
    const char *end = NULL;
    cJSON *json = cJSON_ParseWithLengthOpts(text, len, &end, false);
    if (!json) return NULL;
    while (end < text + len && is_blank(*end)) end++;
    if (end == text + len) return json;
    cJSON_Delete(json);
    return NULL;
}

static bool needs_tidying(const char *text, size_t len)
{
    for (const char *at = text, *end = text + len; at < end; at++) {
        if (*at == '\\' && end - at >= 2 && at[1] == 'u') return true;
        if (*at == 'N' && end - at >= 3 && memcmp(at, "NaN", 3) == 0) return true;
        if (*at == 'I' && end - at >= 8 && memcmp(at, "Infinity", 8) == 0) return true;
    }
    return false;
}

cJSON *json_parse(const char *text, size_t len)
{
    errno = 0;
    if (len == 0 || memchr(text, '\0', len)) return NULL;
    bool is_utf8 = utf8_is_valid(text, len);
    char *clean = NULL, *original = NULL;
    if (!is_utf8 || needs_tidying(text, len)) {
        if (!(original = strndup(text, len)) || !(clean = malloc(len + 1))) {
            free(original);
            errno = ENOMEM;
            return NULL;
        }
        if (!is_utf8) utf8_repair(original, len);
        memcpy(clean, original, len + 1);
        tidy(clean, len);
    }
    struct json_walk w = {.at = original ? original : text};
    w.end = w.at + len;
    cJSON *json = parse_whole(clean ? clean : text, len);
    if (json) walk(&w, json);
    if (json && w.has_failed) {
        cJSON_Delete(json);
        json = NULL;
    }
    free(clean);
    free(original);
    return json;
}

/* ---- there and back ---- */

void json_exact(cJSON *item)
{
    for (; item; item = item->next) {
        if (cJSON_IsNumber(item) && item->valuestring) item->type = (item->type & ~0xFF) | cJSON_Raw;
        if (item->child) json_exact(item->child);
    }
}

static void without_constants(cJSON *item)
{
    for (; item; item = item->next) {
        bool is_constant =
            cJSON_IsRaw(item) && item->valuestring && strpbrk(item->valuestring, "NI") && item->valuestring[0] != '"';
        if (is_constant) {
            free(item->valuestring);
            item->valuestring = NULL;
            item->type = (item->type & ~0xFF) | cJSON_NULL;
        }
        if (item->child) without_constants(item->child);
    }
}

void json_shown(cJSON *item)
{
    json_exact(item);
    without_constants(item);
}

bool json_number_fits(const cJSON *item)
{
    if (!cJSON_IsNumber(item)) return false;
    if (!item->valuestring) return true;
    char text[32];
    if (item->valuestring[strspn(item->valuestring, "-0123456789")]) return true; /* no integer: as near as it gets */
    return snprintf(text, sizeof text, "%.0f", item->valuedouble) < (int)sizeof text &&
           strcmp(text, item->valuestring) == 0;
}
