/* The notation of schema.h as JSON Schema (2020-12, the dialect of OpenAPI 3.1). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/web/http/schema/schema_internal.h"

static void add_range(cJSON *out, const struct schema_type *t, const char *min, const char *max)
{
    if (t->has_min) cJSON_AddNumberToObject(out, min, t->min);
    if (t->has_max) cJSON_AddNumberToObject(out, max, t->max);
}

static cJSON *word_to_json(const struct schema_type *t)
{
    cJSON *out = cJSON_CreateObject();
    if (schema_named(t->word)) {
        char ref[96] = "#/components/schemas/";
        strncat(ref, t->word, sizeof ref - strlen(ref) - 1);
        cJSON_AddStringToObject(out, "$ref", ref);
    } else if (strcmp(t->word, "datetime") == 0) {
        cJSON_AddStringToObject(out, "type", "string");
        cJSON_AddStringToObject(out, "format", "date-time");
    } else if (strcmp(t->word, "any") != 0) {
        cJSON_AddStringToObject(out, "type", t->word);
        if (strcmp(t->word, "string") == 0)
            add_range(out, t, "minLength", "maxLength");
        else
            add_range(out, t, "minimum", "maximum");
    }
    return out;
}

/* "Name|object": of one of these types. */
static cJSON *choice_to_json(const char *types)
{
    cJSON *out = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(out, "anyOf");
    for (const char *p = types;; p++) {
        size_t n = strcspn(p, "|,}]= \n");
        char *type = strndup(p, n);
        cJSON_AddItemToArray(list, schema_type_to_json(type));
        free(type);
        p += n;
        if (*p != '|') return out;
    }
}

static cJSON *enum_to_json(const struct schema_type *t)
{
    char first[64];
    snprintf(first, sizeof first, "%.*s", (int)strcspn(t->text, "|"), t->text);
    if (schema_named(first)) return choice_to_json(t->text);
    cJSON *out = cJSON_CreateObject();
    cJSON_AddStringToObject(out, "type", "string");
    cJSON *words = cJSON_AddArrayToObject(out, "enum");
    for (const char *p = t->text;; p++) {
        size_t n = strcspn(p, "|,}]= \n");
        char *word = strndup(p, n);
        cJSON_AddItemToArray(words, cJSON_CreateString(word));
        free(word);
        p += n;
        if (*p != '|') return out;
    }
}

/* A member that may be null as well. */
static cJSON *nullable(cJSON *schema)
{
    cJSON *type = cJSON_GetObjectItem(schema, "type");
    if (!cJSON_GetArraySize(schema)) return schema;
    if (cJSON_IsString(type) && !cJSON_GetObjectItem(schema, "enum")) {
        const char *both[] = {type->valuestring, "null"};
        cJSON *list = cJSON_CreateStringArray(both, 2);
        cJSON_ReplaceItemInObject(schema, "type", list);
        return schema;
    }
    cJSON *out = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(out, "anyOf"), *null = cJSON_CreateObject();
    cJSON_AddStringToObject(null, "type", "null");
    cJSON_AddItemToArray(list, schema);
    cJSON_AddItemToArray(list, null);
    return out;
}

static cJSON *object_to_json(const char *schema)
{
    cJSON *out = cJSON_CreateObject(), *required = cJSON_CreateArray();
    cJSON_AddStringToObject(out, "type", "object");
    cJSON *properties = cJSON_AddObjectToObject(out, "properties");
    struct schema_member m;
    for (const char *at = NULL; schema_next(schema, &at, &m);) {
        cJSON *member = schema_type_to_json(m.type);
        if (m.is_optional) member = nullable(member);
        if (m.fallback[0]) cJSON_AddItemToObject(member, "default", schema_fallback(&m));
        if (!m.is_optional) cJSON_AddItemToArray(required, cJSON_CreateString(m.name));
        cJSON_AddItemToObject(properties, m.name, member);
    }
    if (cJSON_GetArraySize(required))
        cJSON_AddItemToObject(out, "required", required);
    else
        cJSON_Delete(required);
    return out;
}

cJSON *schema_type_to_json(const char *text)
{
    struct schema_type t;
    schema_type_read(&text, &t);
    cJSON *out;
    switch (t.kind) {
    case SCHEMA_OBJECT: return object_to_json(t.text);
    case SCHEMA_ENUM: return enum_to_json(&t);
    case SCHEMA_LIST:
        out = cJSON_CreateObject();
        cJSON_AddStringToObject(out, "type", "array");
        cJSON_AddItemToObject(out, "items", schema_type_to_json(t.inner));
        add_range(out, &t, "minItems", "maxItems");
        return out;
    case SCHEMA_MAP:
        out = cJSON_CreateObject();
        cJSON_AddStringToObject(out, "type", "object");
        cJSON_AddItemToObject(out, "additionalProperties", schema_type_to_json(t.inner));
        return out;
    case SCHEMA_WORD: break;
    }
    return word_to_json(&t);
}

cJSON *schema_to_json(const char *schema)
{
    return schema_type_to_json(schema);
}
