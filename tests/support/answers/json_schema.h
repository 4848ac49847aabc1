/* As much of JSON Schema as /openapi.json uses: type, properties, required, items, additionalProperties, enum, anyOf,
 * $ref, minimum, maximum, minLength, maxLength. */
#ifndef LOGIKALD_TESTS_SUPPORT_ANSWERS_JSON_SCHEMA_H
#define LOGIKALD_TESTS_SUPPORT_ANSWERS_JSON_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <cjson/cJSON.h>

/* document holds what $ref points into. False: why tells where and what. An unknown keyword is ignored. */
bool json_schema_valid(const cJSON *document, const cJSON *schema, const cJSON *value, char *why, size_t size);

#endif
