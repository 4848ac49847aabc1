/* Shapes of JSON in a short notation, used for checking requests and for printing JSON Schema:
 *
 *   type   := word [ '(' min '..' max ')' ] | '[' type ']' | '{' members '}' | '{*:' type '}' | 'a|b|c'
 *   member := name ['?'] ':' type ['=' default]          '?' = may be absent or null
 *   word   := string integer number boolean datetime object any null, or the Name of a row of schemas.def
 *   (min..max) is a range of a number, or of the length of a string or list; either side may be missing.
 *   a|b|c is a string that is one of these words; Name|object (in answers) is of one of these types.
 *
 * "{name:string(1..255), limit?:integer(1..500)=50, tags:[string], mode?:on|off}" */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_SCHEMA_SCHEMA_H
#define LOGIKALD_SERVICES_WEB_HTTP_SCHEMA_SCHEMA_H

#include <stdbool.h>
#include <cjson/cJSON.h>

struct schema_fault {
    char where[128]; /* "permissions.0" */
    char type[32];   /* "missing", "int_type", "string_too_long" ... */
    char msg[256];
};

/* Checks json, which may get defaults added. 0, or -1 with the first fault. Unknown members are left alone. */
int schema_check(const char *schema, cJSON *json, struct schema_fault *fault);
/* Checks one text (query or path parameter) against the member `name` of an object schema. */
int schema_check_text(const char *schema, const char *name, const char *text, struct schema_fault *fault);
/* Members of an object schema one by one: at starts as NULL. False at the end. */
struct schema_member {
    char name[64];
    bool is_optional;
    const char *type;  /* points into the schema */
    char fallback[64]; /* "" = none */
};
cJSON *schema_fallback(const struct schema_member *m); /* as JSON: what parses, else as a string */
bool schema_next(const char *schema, const char **at, struct schema_member *out);

/* 1, 0, or -1 when text is no boolean (true/false, 1/0, yes/no, on/off). */
int schema_boolean(const char *text);

cJSON *schema_to_json(const char *schema);    /* JSON Schema 2020-12; the caller's */
cJSON *schema_type_to_json(const char *type); /* of one member */
const char *schema_named(const char *name);   /* of schemas.def, or NULL */
int schema_names(const char *const **names);  /* all of them */

#endif
