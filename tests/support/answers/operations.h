/* The operations of the API as /openapi.json tells them. */
#ifndef LOGIKALD_TESTS_SUPPORT_ANSWERS_OPERATIONS_H
#define LOGIKALD_TESTS_SUPPORT_ANSWERS_OPERATIONS_H

#include <cjson/cJSON.h>

#include "tests/support/web.h"

cJSON *operations_load(struct web_server *w); /* the document; to be deleted */
/* Adds the parameters behind the ? that it must have: 1, or the first word of each. */
void operations_query(const cJSON *operation, char *path, size_t size);
/* A path that calls the operation of this pattern: 1 for each parameter that it must have, or its first word. */
void operations_path(const char *pattern, const cJSON *operation, char *path, size_t size);
/* What a JSON answer with this status is by the operation; NULL: nothing is said of it. */
const cJSON *operations_schema(const cJSON *document, const cJSON *operation, int status);

#endif
