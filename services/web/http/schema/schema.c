/* Checking JSON and text against the notation of schema.h. The schema text is walked along with the value; nothing is
 * compiled or kept. schema_print.c turns the same notation into JSON Schema. */
#include "services/web/http/schema/schema_internal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/text/utf8.h"

static const struct {
    const char *name, *schema;
} named[] = {
#define S(name, schema) {#name, schema},
#include "services/web/http/schema/schemas.def"
#undef S
};

const char *schema_named(const char *name)
{
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (strcmp(named[i].name, name) == 0) return named[i].schema;
    return NULL;
}

int schema_names(const char *const **names)
{
    static const char *all[sizeof named / sizeof *named];
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) all[i] = named[i].name;
    *names = all;
    return (int)(sizeof named / sizeof *named);
}

/* ---- reading the notation ---- */

static void skip_space(const char **p)
{
    *p += strspn(*p, " \n\t");
}

static void read_range(const char **p, struct schema_type *out)
{
    if (**p != '(') return;
    char *end;
    (*p)++;
    out->has_min = **p != '.';
    if (out->has_min) out->min = strtod(*p, &end), *p = end;
    if (**p == '.') *p += strspn(*p, ".");
    out->has_max = **p != ')';
    if (out->has_max) out->max = strtod(*p, &end), *p = end;
    if (**p == ')') (*p)++;
}

static void skip_nested(const char **p)
{
    int depth = 0;
    do {
        if (**p == '{' || **p == '[') depth++;
        if (**p == '}' || **p == ']') depth--;
        (*p)++;
    } while (depth > 0 && **p);
}

void schema_type_read(const char **p, struct schema_type *out)
{
    *out = (struct schema_type){0};
    skip_space(p);
    out->text = *p;
    if (**p == '[') {
        out->kind = SCHEMA_LIST;
        out->inner = *p + 1;
        skip_nested(p);
        read_range(p, out);
    } else if (strncmp(*p, "{*:", 3) == 0) {
        out->kind = SCHEMA_MAP;
        out->inner = *p + 3;
        skip_nested(p);
    } else if (**p == '{') {
        out->kind = SCHEMA_OBJECT;
        skip_nested(p);
    } else {
        size_t len = strcspn(*p, "(,}]=| \n");
        snprintf(out->word, sizeof out->word, "%.*s", (int)len, *p);
        *p += len;
        out->kind = **p == '|' ? SCHEMA_ENUM : SCHEMA_WORD;
        if (out->kind == SCHEMA_ENUM) *p += strcspn(*p, ",}]= \n");
        read_range(p, out);
    }
}

/* Past a type and its range, without reading them. */
static void skip_type(const char **p)
{
    skip_space(p);
    if (**p == '{' || **p == '[')
        skip_nested(p);
    else
        *p += strcspn(*p, "(,}]= \n");
    if (**p == '(') *p += strcspn(*p, ")"), *p += **p == ')';
}

static void copy_text(char *out, size_t size, const char *text, size_t len)
{
    if (len >= size) len = size - 1;
    memcpy(out, text, len);
    out[len] = '\0';
}

/* Of every request the schema of its query is walked some times: this only looks where things end. */
bool schema_next(const char *schema, const char **at, struct schema_member *out)
{
    const char *p = *at ? *at : schema + 1;
    if (!*at && *schema != '{') return false;
    while (*p == ' ' || *p == ',' || *p == '\n' || *p == '\t') p++;
    if (*p == '}' || !*p) return false;
    size_t len = strcspn(p, "?: ");
    copy_text(out->name, sizeof out->name, p, len);
    p += len;
    out->is_optional = *p == '?';
    while (*p == '?' || *p == ':' || *p == ' ') p++;
    out->type = p;
    out->fallback[0] = 0;
    skip_type(&p);
    if (*p == '=') {
        len = strcspn(p + 1, ",}");
        copy_text(out->fallback, sizeof out->fallback, p + 1, len);
        p += 1 + len;
        out->is_optional = true;
    }
    *at = p;
    return true;
}

cJSON *schema_fallback(const struct schema_member *m)
{
    cJSON *json = cJSON_Parse(m->fallback);
    return json ? json : cJSON_CreateString(m->fallback);
}

/* ---- checking ---- */

static int refuse(struct schema_fault *fault, const char *where, const char *type, const char *fmt, double number)
{
    snprintf(fault->where, sizeof fault->where, "%s", where);
    snprintf(fault->type, sizeof fault->type, "%s", type);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(fault->msg, sizeof fault->msg, fmt, number); /* cppcheck-suppress wrongPrintfScanfArgNum */
#pragma GCC diagnostic pop
    return -1;
}

static int check_range(const struct schema_type *t, double v, const char *where, struct schema_fault *f)
{
    if (t->has_min && v < t->min)
        return refuse(f, where, "greater_than_equal", "Input should be greater than or equal to %.15g", t->min);
    if (t->has_max && v > t->max)
        return refuse(f, where, "less_than_equal", "Input should be less than or equal to %.15g", t->max);
    return 0;
}

static int check_string(const struct schema_type *t, const char *text, const char *where, struct schema_fault *f)
{
    double len = (double)utf8_length(text);
    int64_t us;
    if (strcmp(t->word, "datetime") == 0 && clock_parse_iso(text, &us) != 0)
        return refuse(f, where, "datetime_parsing", "Input should be a valid ISO 8601 date and time", 0);
    if (t->has_min && len < t->min)
        return refuse(f, where, "string_too_short", "String should have at least %.0f characters", t->min);
    if (t->has_max && len > t->max)
        return refuse(f, where, "string_too_long", "String should have at most %.0f characters", t->max);
    return 0;
}

static int check_enum(const struct schema_type *t, const char *text, const char *where, struct schema_fault *f)
{
    size_t len = strlen(text), used = 0;
    bool is_cut = false;
    char words[160] = "";
    for (const char *p = t->text;; p++) {
        size_t n = strcspn(p, "|,}]= \n");
        if (n == len && strncmp(p, text, n) == 0) return 0;
        is_cut = is_cut || used + n + 2 * sizeof ", ..." >= sizeof words;
        if (!is_cut) used += (size_t)snprintf(words + used, sizeof words - used, "%s%.*s", used ? ", " : "", (int)n, p);
        p += n;
        if (*p != '|') break;
    }
    if (is_cut) snprintf(words + used, sizeof words - used, ", ...");
    refuse(f, where, "enum", "", 0);
    snprintf(f->msg, sizeof f->msg, "Input should be one of: %s", words);
    return -1;
}

static int check_word(const struct schema_type *t, cJSON *v, const char *where, struct schema_fault *f)
{
    if (strcmp(t->word, "any") == 0) return 0;
    if (strcmp(t->word, "object") == 0)
        return cJSON_IsObject(v) ? 0 : refuse(f, where, "dict_type", "Input should be a valid dictionary", 0);
    if (strcmp(t->word, "boolean") == 0)
        return cJSON_IsBool(v) ? 0 : refuse(f, where, "bool_type", "Input should be a valid boolean", 0);
    if (strcmp(t->word, "null") == 0)
        return cJSON_IsNull(v) ? 0 : refuse(f, where, "none_required", "Input should be null", 0);
    if (strcmp(t->word, "integer") == 0) {
        if (!cJSON_IsNumber(v) || v->valuedouble != floor(v->valuedouble) || fabs(v->valuedouble) > 9e15)
            return refuse(f, where, "int_type", "Input should be a valid integer", 0);
        return check_range(t, v->valuedouble, where, f);
    }
    if (strcmp(t->word, "number") == 0) {
        if (!cJSON_IsNumber(v)) return refuse(f, where, "float_type", "Input should be a valid number", 0);
        return check_range(t, v->valuedouble, where, f);
    }
    if (!cJSON_IsString(v)) return refuse(f, where, "string_type", "Input should be a valid string", 0);
    return check_string(t, v->valuestring, where, f);
}

static int check_type(const char *text, cJSON *v, const char *where, int depth, struct schema_fault *f);

static int check_object(const char *schema, cJSON *v, const char *where, int depth, struct schema_fault *f)
{
    if (!cJSON_IsObject(v)) return refuse(f, where, "model_type", "Input should be a valid object", 0);
    struct schema_member m;
    for (const char *at = NULL; schema_next(schema, &at, &m);) {
        char inner[sizeof f->where];
        cJSON *member = cJSON_GetObjectItemCaseSensitive(v, m.name);
        snprintf(inner, sizeof inner, "%.60s%s%s", where, *where ? "." : "", m.name);
        if ((!member || cJSON_IsNull(member)) && m.is_optional) {
            if (m.fallback[0]) cJSON_DeleteItemFromObjectCaseSensitive(v, m.name); /* null is as if it were not there */
            if (m.fallback[0]) cJSON_AddItemToObject(v, m.name, schema_fallback(&m));
            continue;
        }
        if (!member) return refuse(f, inner, "missing", "Field required", 0);
        if (check_type(m.type, member, inner, depth + 1, f) != 0) return -1;
    }
    return 0;
}

static int check_list(const struct schema_type *t, cJSON *v, const char *where, int depth, struct schema_fault *f)
{
    if (!cJSON_IsArray(v)) return refuse(f, where, "list_type", "Input should be a valid list", 0);
    int count = cJSON_GetArraySize(v), i = 0;
    if (t->has_min && count < t->min)
        return refuse(f, where, "too_short", "List should have at least %.0f items", t->min);
    if (t->has_max && count > t->max)
        return refuse(f, where, "too_long", "List should have at most %.0f items", t->max);
    for (cJSON *item = v->child; item; item = item->next, i++) {
        char inner[sizeof f->where];
        snprintf(inner, sizeof inner, "%.100s%s%d", where, *where ? "." : "", i);
        if (check_type(t->inner, item, inner, depth + 1, f) != 0) return -1;
    }
    return 0;
}

static int check_type(const char *text, cJSON *v, const char *where, int depth, struct schema_fault *f)
{
    struct schema_type t;
    schema_type_read(&text, &t);
    if (depth > SCHEMA_DEPTH_MAX) return refuse(f, where, "recursion", "Nested too deeply", 0);
    switch (t.kind) {
    case SCHEMA_OBJECT: return check_object(t.text, v, where, depth, f);
    case SCHEMA_LIST: return check_list(&t, v, where, depth, f);
    case SCHEMA_MAP:
        if (!cJSON_IsObject(v)) return refuse(f, where, "dict_type", "Input should be a valid dictionary", 0);
        for (cJSON *item = v->child; item; item = item->next)
            if (check_type(t.inner, item, where, depth + 1, f) != 0) return -1;
        return 0;
    case SCHEMA_ENUM:
        if (!cJSON_IsString(v)) return refuse(f, where, "string_type", "Input should be a valid string", 0);
        return check_enum(&t, v->valuestring, where, f);
    case SCHEMA_WORD: break;
    }
    const char *schema = schema_named(t.word);
    return schema ? check_type(schema, v, where, depth + 1, f) : check_word(&t, v, where, f);
}

int schema_check(const char *schema, cJSON *json, struct schema_fault *fault)
{
    return check_type(schema, json, "", 0, fault);
}

/* ---- parameters, which come as text ---- */

static int check_number_text(const struct schema_type *t, const char *name, const char *text, struct schema_fault *f)
{
    bool is_integer = strcmp(t->word, "integer") == 0;
    char *end;
    errno = 0;
    double v = is_integer ? (double)strtoll(text, &end, 10) : strtod(text, &end);
    if (!*text || *end || errno || !strchr("-0123456789", *text) || !isfinite(v))
        return refuse(f, name, is_integer ? "int_parsing" : "float_parsing",
                      is_integer ? "Input should be a valid integer, unable to parse string as an integer"
                                 : "Input should be a valid number, unable to parse string as a number",
                      0);
    return check_range(t, v, name, f);
}

int schema_check_text(const char *schema, const char *name, const char *text, struct schema_fault *f)
{
    struct schema_member m;
    struct schema_type t;
    for (const char *at = NULL; schema_next(schema, &at, &m);) {
        if (strcmp(m.name, name) != 0) continue;
        const char *p = m.type;
        schema_type_read(&p, &t);
        if (t.kind == SCHEMA_ENUM) return check_enum(&t, text, name, f);
        if (strcmp(t.word, "integer") == 0 || strcmp(t.word, "number") == 0)
            return check_number_text(&t, name, text, f);
        if (strcmp(t.word, "boolean") == 0 && schema_boolean(text) < 0)
            return refuse(f, name, "bool_parsing", "Input should be a valid boolean, unable to interpret input", 0);
        return check_string(&t, text, name, f);
    }
    return 0;
}

int schema_boolean(const char *text)
{
    static const char *const yes[] = {"true", "1", "yes", "on", "t", "y"};
    static const char *const no[] = {"false", "0", "no", "off", "f", "n"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (strcasecmp(text, yes[i]) == 0) return 1;
        if (strcasecmp(text, no[i]) == 0) return 0;
    }
    return -1;
}
