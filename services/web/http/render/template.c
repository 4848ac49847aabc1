/* The templates of template.h: one pass over the text of a file, with a stack of the objects that sections have
 * entered. A section is rendered by finding its end and walking what lies between once for each item. Files are small
 * and render in microseconds, so nothing is compiled or kept. */
#include "services/web/http/render/template.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "services/web/http/render/phrase.h"

#define NAME_SIZE 128

struct template_view {
    const struct embedded *files;
    struct buf *out;
    struct err *err;
    const char *language, *file;
    const cJSON *stack[UI_TEMPLATE_DEPTH];
    int depth;
    int includes;
};

static int render(struct template_view *v, const char *text, const char *end);

/* What stands between "{{" and "}}", without the sign and the spaces around. */
struct tag {
    char sign; /* '#' '^' '/' '>' or 0 */
    char name[NAME_SIZE];
    const char *begin, *end; /* of the whole tag in the text */
};

static int tag_next(struct template_view *v, const char *at, const char *end, struct tag *tag)
{
    const char *begin = memmem(at, (size_t)(end - at), "{{", 2);
    if (!begin) return 0;
    const char *close = memmem(begin, (size_t)(end - begin), "}}", 2);
    if (!close) return err_set(v->err, ERR_INPUT, "template %s: a tag is not closed: %.20s", v->file, begin);
    const char *p = begin + 2, *q = close;
    tag->begin = begin;
    tag->end = close + 2;
    tag->sign = 0;
    if (strchr("#^/>", *p)) tag->sign = *p++;
    while (p < q && *p == ' ') p++;
    while (q > p && q[-1] == ' ') q--;
    if (p == q || (size_t)(q - p) >= NAME_SIZE)
        return err_set(v->err, ERR_INPUT, "template %s: no name, or too long a one: %.20s", v->file, begin);
    memcpy(tag->name, p, (size_t)(q - p));
    tag->name[q - p] = 0;
    return 1;
}

static const cJSON *member(const cJSON *object, const char *name, size_t len)
{
    char key[NAME_SIZE];
    if (!cJSON_IsObject(object) || len >= sizeof key) return NULL;
    memcpy(key, name, len);
    key[len] = 0;
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static const cJSON *lookup(const struct template_view *v, const char *name)
{
    if (strcmp(name, ".") == 0) return v->stack[v->depth - 1];
    size_t len = strcspn(name, ".");
    const cJSON *found = NULL;
    for (int i = v->depth - 1; i >= 0 && !found; i--) found = member(v->stack[i], name, len);
    while (found && name[len] == '.') {
        name += len + 1;
        len = strcspn(name, ".");
        found = member(found, name, len);
    }
    return found;
}

static bool is_there(const cJSON *item)
{
    if (!item || cJSON_IsNull(item) || cJSON_IsFalse(item)) return false;
    if (cJSON_IsNumber(item)) return item->valuedouble != 0;
    if (cJSON_IsString(item)) return item->valuestring[0] != 0;
    if (cJSON_IsArray(item)) return item->child != NULL;
    return true;
}

static void add_escaped(struct buf *out, const char *text)
{
    for (; *text; text++) {
        size_t plain = strcspn(text, "&<>\"'");
        buf_add(out, text, plain);
        text += plain;
        switch (*text) {
        case 0: return;
        case '&': buf_str(out, "&amp;"); break;
        case '<': buf_str(out, "&lt;"); break;
        case '>': buf_str(out, "&gt;"); break;
        case '"': buf_str(out, "&quot;"); break;
        default: buf_str(out, "&#39;"); break;
        }
    }
}

static void add_number(struct buf *out, double number)
{
    if (number == floor(number) && fabs(number) < 9e15)
        buf_printf(out, "%lld", (long long)number);
    else
        buf_printf(out, "%.10g", number);
}

static void add_value(struct buf *out, const cJSON *item)
{
    if (cJSON_IsString(item))
        add_escaped(out, item->valuestring);
    else if (cJSON_IsNumber(item))
        add_number(out, item->valuedouble);
    else if (cJSON_IsBool(item))
        buf_str(out, cJSON_IsTrue(item) ? "true" : "false");
}

static void add_said(const struct template_view *v, const cJSON *item)
{
    struct buf said = {0};
    if (!cJSON_IsString(item)) {
        add_value(v->out, item);
        return;
    }
    phrase_add(&said, v->language, item->valuestring);
    if (said.data) add_escaped(v->out, said.data);
    buf_free(&said);
}

static void add_number_said(const struct template_view *v, const cJSON *item)
{
    struct buf digits = {0};
    if (!cJSON_IsNumber(item)) {
        add_value(v->out, item);
        return;
    }
    add_number(&digits, item->valuedouble);
    if (digits.data) phrase_add_number(v->out, v->language, digits.data);
    buf_free(&digits);
}

static void add_time_said(const struct template_view *v, const cJSON *item)
{
    struct buf said = {0};
    if (cJSON_IsString(item)) phrase_add_time(&said, v->language, item->valuestring);
    if (said.data) add_escaped(v->out, said.data);
    buf_free(&said);
}

/* A name from outside stays one part of a path or query, whatever is in it. */
static void add_url(struct buf *out, const cJSON *item)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    if (!cJSON_IsString(item)) {
        add_value(out, item);
        return;
    }
    for (const char *p = item->valuestring; *p; p++) {
        if (strchr(plain, *p))
            buf_char(out, *p);
        else
            buf_printf(out, "%%%02X", (unsigned char)*p);
    }
}

/* '<' and the apostrophe never appear as themselves: neither an element nor an attribute in '...' is ended early. */
static void add_json(struct buf *out, const cJSON *item)
{
    char *text = item ? cJSON_PrintUnformatted(item) : NULL;
    for (const char *p = text ? text : "null"; *p; p++) {
        if (*p == '<' || *p == '>' || *p == '&' || *p == '\'')
            buf_printf(out, "\\u%04x", (unsigned)*p);
        else
            buf_char(out, *p);
    }
    cJSON_free(text);
}

static int add_asset(struct template_view *v, const char *path)
{
    const struct embedded *file = embedded_find(v->files, path);
    if (!file) return err_set(v->err, ERR_NOT_FOUND, "template %s: there is no asset %s", v->file, path);
    buf_printf(v->out, "/assets/%s/%s", file->hash, path);
    return 0;
}

static int include(struct template_view *v, const char *name)
{
    char path[NAME_SIZE + 16];
    bool is_english = strcmp(v->language, PHRASE_ENGLISH) == 0;
    snprintf(path, sizeof path, "html/%s%s%s.html", is_english ? "" : v->language, is_english ? "" : "/", name);
    const struct embedded *file = embedded_find(v->files, path);
    if (!file) return err_set(v->err, ERR_NOT_FOUND, "template %s: there is no template %s", v->file, path);
    if (v->includes >= UI_TEMPLATE_DEPTH)
        return err_set(v->err, ERR_LIMIT, "template %s: included too deep: %s", v->file, path);
    const char *outer = v->file, *text = (const char *)file->data;
    v->file = file->path;
    v->includes++;
    int rc = render(v, text, text + file->len);
    v->includes--;
    v->file = outer;
    return rc;
}

static int render_in(struct template_view *v, const cJSON *item, const char *text, const char *end)
{
    if (v->depth >= UI_TEMPLATE_DEPTH) return err_set(v->err, ERR_LIMIT, "template %s: sections too deep", v->file);
    v->stack[v->depth++] = item;
    int rc = render(v, text, end);
    v->depth--;
    return rc;
}

/* True when a text or number equals word. */
static bool is_word(const cJSON *item, const char *word)
{
    struct buf text = {0};
    if (cJSON_IsString(item)) return strcmp(item->valuestring, word) == 0;
    add_value(&text, item);
    bool same = text.data ? strcmp(text.data, word) == 0 : word[0] == 0;
    buf_free(&text);
    return same;
}

static int section(struct template_view *v, const struct tag *open, const char *inner, const char *inner_end)
{
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%s", open->name);
    char *word = strchr(name, '=');
    if (word) *word++ = 0;
    const cJSON *item = lookup(v, name);
    bool shows = word ? is_word(item, word) : is_there(item);

    if (open->sign == '^') return shows ? 0 : render(v, inner, inner_end);
    if (!shows) return 0;
    if (word || (!cJSON_IsArray(item) && !cJSON_IsObject(item))) return render(v, inner, inner_end);
    if (cJSON_IsObject(item)) return render_in(v, item, inner, inner_end);
    int rc = 0;
    for (const cJSON *each = item->child; each && rc == 0; each = each->next) rc = render_in(v, each, inner, inner_end);
    return rc;
}

/* Finds the end of the section that open begins: 0 and *close, or an error. */
static int section_end(struct template_view *v, const struct tag *open, const char *end, struct tag *close)
{
    int nested = 1;
    const char *at = open->end;
    for (;;) {
        int rc = tag_next(v, at, end, close);
        if (rc < 0) return rc;
        if (rc == 0) return err_set(v->err, ERR_INPUT, "template %s: {{/%s}} is missing", v->file, open->name);
        at = close->end;
        if (strcmp(close->name, open->name) != 0) continue;
        if (close->sign == '#' || close->sign == '^') nested++;
        if (close->sign == '/' && --nested == 0) return 0;
    }
}

static int render(struct template_view *v, const char *text, const char *end)
{
    struct tag tag = {0}, close = {0};
    for (;;) {
        int rc = tag_next(v, text, end, &tag);
        if (rc < 0) return rc;
        buf_add(v->out, text, (size_t)((rc ? tag.begin : end) - text));
        if (rc == 0) return 0;
        text = tag.end;
        rc = 0;
        if (tag.sign == '#' || tag.sign == '^') {
            rc = section_end(v, &tag, end, &close);
            if (rc == 0) rc = section(v, &tag, tag.end, close.begin);
            text = close.end;
        } else if (tag.sign == '/') {
            rc = err_set(v->err, ERR_INPUT, "template %s: {{/%s}} ends nothing", v->file, tag.name);
        } else if (tag.sign == '>') {
            rc = include(v, tag.name);
        } else if (strncmp(tag.name, "asset ", 6) == 0) {
            rc = add_asset(v, tag.name + 6);
        } else if (strncmp(tag.name, "url ", 4) == 0) {
            add_url(v->out, lookup(v, tag.name + 4));
        } else if (strncmp(tag.name, "say ", 4) == 0) {
            add_said(v, lookup(v, tag.name + 4));
        } else if (strncmp(tag.name, "number ", 7) == 0) {
            add_number_said(v, lookup(v, tag.name + 7));
        } else if (strncmp(tag.name, "time ", 5) == 0) {
            add_time_said(v, lookup(v, tag.name + 5));
        } else if (strncmp(tag.name, "json ", 5) == 0) {
            add_json(v->out, lookup(v, tag.name + 5));
        } else {
            add_value(v->out, lookup(v, tag.name));
        }
        if (rc < 0) return rc;
    }
}

int ui_template_render_from(struct buf *out, const struct embedded *files, const char *language, const char *name,
                            const cJSON *context, struct err *err)
{
    struct template_view v = {
        .files = files, .out = out, .err = err, .language = language, .file = name, .stack = {context}, .depth = 1};
    int rc = include(&v, name);
    if (rc == 0 && out->failed) rc = err_set(err, ERR_NOMEM, "template %s: too large, or out of memory", name);
    return rc;
}

int ui_template_render(struct buf *out, const char *language, const char *name, const cJSON *context, struct err *err)
{
    return ui_template_render_from(out, embedded_assets, language, name, context, err);
}
