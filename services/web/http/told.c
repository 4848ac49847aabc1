/* See told.h. The text of the JSON is walked, not a tree of it: what is not changed leaves as PostgreSQL wrote it. */
#include "services/web/http/told.h"

#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "conf/text/utf8.h"
#include "services/web/http/fault.h"
#include "services/web/http/reply.h"

struct told_walk {
    struct buf out;
    int depth, hidden; /* hidden: from this depth on texts are without places; 0 = they are not */
    bool is_next;      /* the value of a name that was just read is such a text, or holds them */
};

/* Behind the string that begins at text. */
static const char *string_end(const char *text)
{
    for (text++; *text && *text != '"'; text++)
        if (*text == '\\' && text[1]) text++;
    return *text ? text + 1 : text;
}

static bool is_of_texts(const char *string, size_t len)
{
    static const char *const names[] = {"\"message\"", "\"error\"", "\"errors\""};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == len && memcmp(string, names[i], len) == 0) return true;
    return false;
}

static void add_without_places(struct buf *out, const char *string, size_t len)
{
    cJSON *text = cJSON_ParseWithLength(string, len);
    char *told = cJSON_IsString(text) ? fault_text_without_places(text->valuestring) : NULL;
    if (told)
        buf_json_string(out, told, strlen(told));
    else
        buf_str(out, "\"\"");
    free(told);
    cJSON_Delete(text);
}

static const char *take_string(struct told_walk *w, const char *string)
{
    const char *end = string_end(string), *behind = end + strspn(end, " \t\r\n");
    size_t len = (size_t)(end - string);
    bool is_name = *behind == ':';
    if (!is_name && (w->is_next || w->hidden))
        add_without_places(&w->out, string, len);
    else
        buf_add(&w->out, string, len);
    w->is_next = is_name && is_of_texts(string, len);
    return end;
}

static void take_mark(struct told_walk *w, char mark)
{
    if (mark == '{' || mark == '[') {
        w->depth++;
        if (w->is_next && !w->hidden) w->hidden = w->depth;
    }
    if (mark == '}' || mark == ']') {
        if (w->hidden == w->depth) w->hidden = 0;
        w->depth--;
    }
    if (mark == ',' || mark == '{' || mark == '[') w->is_next = false;
    buf_char(&w->out, mark);
}

char *told_without_places(const char *json)
{
    struct told_walk w = {0};
    while (*json) {
        size_t plain = strcspn(json, "\"{}[],");
        buf_add(&w.out, json, plain);
        json += plain;
        if (*json == '"')
            json = take_string(&w, json);
        else if (*json)
            take_mark(&w, *json++);
    }
    buf_char(&w.out, '\0');
    return buf_steal(&w.out);
}

static bool is_operator(const struct req *r)
{
    return r->who.kind == WHO_ADMIN || (r->who.permissions & PERM_ADMIN_READ);
}

void told_reply_json(struct req *r, int status, const char *json)
{
    char *told = is_operator(r) ? NULL : told_without_places(json);
    if (told || is_operator(r))
        reply_json(r, status, told ? told : json);
    else
        reply_detail(r, 500, "No memory");
    free(told);
}

void told_reply_take(struct req *r, int status, cJSON *json)
{
    char *text = json ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    if (text) {
        utf8_repair(text, strlen(text)); /* as reply_cjson_take does */
        told_reply_json(r, status, text);
    } else {
        reply_detail(r, 500, "No memory");
    }
    cJSON_free(text);
}
