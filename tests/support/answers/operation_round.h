/* A call of each operation of /openapi.json, with what operation_calls.h says of it. */
#ifndef LOGIKALD_TESTS_SUPPORT_ANSWERS_OPERATION_ROUND_H
#define LOGIKALD_TESTS_SUPPORT_ANSWERS_OPERATION_ROUND_H

#include <cjson/cJSON.h>

typedef void (*operation_fn)(const char *method, const char *path, const char *body, const cJSON *operation);
/* Of each that ends; parameters get values that exist: this project and phase, 1 for the others. */
void operations_each(const cJSON *document, const char *project, const char *phase, operation_fn fn);
/* Fails the test when an answer is not what the operation says of this status; what: the call, for people. */
void operations_validate(const cJSON *document, const char *what, int status, const char *body, const cJSON *operation);

#endif
