/* See json_schema.h. */
#include "tests/support/answers/json_schema.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct check {
    const cJSON *document;
    char *why;
    size_t size;
};

static bool refuse(struct check *c, const char *where, const char *what)
{
    snprintf(c->why, c->size, "%s: %s", *where ? where : "the document", what);
    return false;
}

static bool is_type(const cJSON *v, const char *type)
{
    if (strcmp(type, "object") == 0) return cJSON_IsObject(v);
    if (strcmp(type, "array") == 0) return cJSON_IsArray(v);
    if (strcmp(type, "string") == 0) return cJSON_IsString(v);
    if (strcmp(type, "boolean") == 0) return cJSON_IsBool(v);
    if (strcmp(type, "null") == 0) return cJSON_IsNull(v);
    if (strcmp(type, "integer") == 0) return cJSON_IsNumber(v) && v->valuedouble == floor(v->valuedouble);
    return strcmp(type, "number") == 0 && cJSON_IsNumber(v);
}

static bool type_fits(const cJSON *type, const cJSON *v)
{
    if (cJSON_IsString(type)) return is_type(v, type->valuestring);
    for (const cJSON *t = type->child; t; t = t->next)
        if (is_type(v, t->valuestring)) return true;
    return false;
}

static const cJSON *resolve(struct check *c, const char *ref)
{
    const cJSON *at = c->document;
    for (const char *p = ref + 2; at && *p; p += strcspn(p, "/"), p += *p == '/') {
        char part[64];
        snprintf(part, sizeof part, "%.*s", (int)strcspn(p, "/"), p);
        at = cJSON_GetObjectItemCaseSensitive(at, part);
    }
    return at;
}

static bool check(struct check *c, const cJSON *schema, const cJSON *v, const char *where);

static bool check_members(struct check *c, const cJSON *schema, const cJSON *v, const char *where)
{
    const cJSON *properties = cJSON_GetObjectItem(schema, "properties"),
                *required = cJSON_GetObjectItem(schema, "required");
    const cJSON *others = cJSON_GetObjectItem(schema, "additionalProperties");
    char inner[256];
    for (const cJSON *name = required ? required->child : NULL; name; name = name->next) {
        snprintf(inner, sizeof inner, "%.120s.%.120s", where, name->valuestring);
        if (!cJSON_GetObjectItemCaseSensitive(v, name->valuestring)) return refuse(c, inner, "is missing");
    }
    for (const cJSON *m = v->child; m; m = m->next) {
        const cJSON *known = properties ? cJSON_GetObjectItemCaseSensitive(properties, m->string) : NULL;
        snprintf(inner, sizeof inner, "%.120s.%.120s", where, m->string);
        if (known && !check(c, known, m, inner)) return false;
        if (!known && others && !check(c, others, m, inner)) return false;
    }
    return true;
}

static bool check_range(struct check *c, const cJSON *schema, const cJSON *v, const char *where)
{
    const cJSON *min = cJSON_GetObjectItem(schema, "minimum"), *max = cJSON_GetObjectItem(schema, "maximum");
    if (cJSON_IsNumber(v) && ((min && v->valuedouble < min->valuedouble) || (max && v->valuedouble > max->valuedouble)))
        return refuse(c, where, "is out of range");
    return true;
}

static bool check_words(struct check *c, const cJSON *words, const cJSON *v, const char *where)
{
    for (const cJSON *w = words->child; w; w = w->next)
        if (cJSON_Compare(w, v, true)) return true;
    return refuse(c, where, "is none of the allowed words");
}

/* Date, T, time, then no fraction or one of three or six digits (all that strict readers take), then a zone or none. */
static bool is_date_time(const char *text)
{
    static const char shape[] = "9999-99-99T99:99:99";
    for (const char *p = shape; *p; p++, text++)
        if (*p == '9' ? !isdigit((unsigned char)*text) : *text != *p) return false;
    if (*text == '.') {
        size_t digits = strspn(text + 1, "0123456789");
        if (digits != 3 && digits != 6) return false;
        text += 1 + digits;
    }
    return !*text || strcmp(text, "Z") == 0 || (strlen(text) == 6 && strchr("+-", *text) && text[3] == ':');
}

static bool check_format(struct check *c, const cJSON *schema, const cJSON *v, const char *where)
{
    const char *format = cJSON_GetStringValue(cJSON_GetObjectItem(schema, "format"));
    if (!format || strcmp(format, "date-time") != 0 || !cJSON_IsString(v) || is_date_time(v->valuestring)) return true;
    return refuse(c, where, v->valuestring);
}

static bool check(struct check *c, const cJSON *schema, const cJSON *v, const char *where)
{
    const cJSON *ref = cJSON_GetObjectItem(schema, "$ref"), *any = cJSON_GetObjectItem(schema, "anyOf");
    const cJSON *type = cJSON_GetObjectItem(schema, "type"), *words = cJSON_GetObjectItem(schema, "enum");
    const cJSON *items = cJSON_GetObjectItem(schema, "items");
    if (ref) {
        const cJSON *target = resolve(c, ref->valuestring);
        return target ? check(c, target, v, where) : refuse(c, where, "has a schema that is not there");
    }
    if (any) {
        for (const cJSON *one = any->child; one; one = one->next)
            if (check(c, one, v, where)) return true;
        return false;
    }
    if (type && !type_fits(type, v)) return refuse(c, where, "is of another type");
    if (!check_format(c, schema, v, where)) return false;
    if (words && !check_words(c, words, v, where)) return false;
    if (cJSON_IsObject(v) && !check_members(c, schema, v, where)) return false;
    int i = 0;
    for (const cJSON *item = items && cJSON_IsArray(v) ? v->child : NULL; item; item = item->next, i++) {
        char inner[256];
        snprintf(inner, sizeof inner, "%.200s[%d]", where, i);
        if (!check(c, items, item, inner)) return false;
    }
    return check_range(c, schema, v, where);
}

bool json_schema_valid(const cJSON *document, const cJSON *schema, const cJSON *value, char *why, size_t size)
{
    struct check c = {document, why, size};
    *why = 0;
    return check(&c, schema, value, "");
}
