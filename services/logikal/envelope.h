/* What an answer says beside its data: that something went wrong, or what to be careful of. The reference knows
 * message, code and errors (of an error), hints and warnings (of anything). */
#ifndef LOGIKALD_SERVICES_LOGIKAL_ENVELOPE_H
#define LOGIKALD_SERVICES_LOGIKAL_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <cjson/cJSON.h>

#define ENVELOPE_WORDS 304

/* Does an object with a polite status say that something went wrong, whatever else is in it? */
bool envelope_is_error(const cJSON *json);
/* In the upstream's own words: valid UTF-8, one line, "" = nothing. */
void envelope_message(const cJSON *json,
                      char out[ENVELOPE_WORDS]); /* its message, and the errors beside it or instead */
/* Why an answer with a polite status is refused, in words of at most that room. */
const char *envelope_error(const cJSON *json, char out[ENVELOPE_WORDS]);
void envelope_warnings(const cJSON *json, char out[ENVELOPE_WORDS]);

#endif
