/* Facts: members of JSON that may be missing. What is not there, or of another kind, is NULL, "", 0, false. */
#ifndef LOGIKALD_CONF_TEXT_FACT_H
#define LOGIKALD_CONF_TEXT_FACT_H

#include <stdbool.h>
#include <stdint.h>
#include <cjson/cJSON.h>

const cJSON *fact(const cJSON *object, const char *key);
const char *fact_text(const cJSON *object, const char *key);
double fact_number(const cJSON *object, const char *key);
int64_t fact_whole(const cJSON *object, const char *key); /* without its fraction, and no larger than it can be */
int fact_int(const cJSON *object, const char *key);
bool fact_is(const cJSON *object, const char *key);

#define SPAN_TEXT_SIZE 32
const char *span_text(double seconds, char out[SPAN_TEXT_SIZE]); /* "40 s", "12 min", "3 h", "5 d" */

#endif
