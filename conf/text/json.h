/* Reading members of JSON objects that others have written. Each takes NULL, or what is no object, as an empty one. */
#ifndef LOGIKALD_CONF_TEXT_JSON_H
#define LOGIKALD_CONF_TEXT_JSON_H

#include <stdint.h>
#include <cjson/cJSON.h>

const cJSON *json_member(const cJSON *object, const char *name);             /* NULL = it is not there */
const char *json_text(const cJSON *object, const char *name);                /* NULL = not there, or no text */
double json_number(const cJSON *object, const char *name, double otherwise); /* otherwise: not there, or no number */
/* Without its fraction; what is larger than such a number can be is the largest. */
int64_t json_whole(const cJSON *object, const char *name, int64_t otherwise);

#endif
