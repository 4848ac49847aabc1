/* Times in JSON that PostgreSQL has made: it leaves out the zeros at the end of a fraction ("...05.38+00:00"), which
 * strict readers refuse (Python's fromisoformat before 3.11 takes three or six digits, or none). */
#ifndef LOGIKALD_CONF_TEXT_JSON_TIMES_H
#define LOGIKALD_CONF_TEXT_JSON_TIMES_H

#include "conf/text/buf.h"

/* Adds the JSON text with six digits in each fraction of a second of a string that is nothing but a time. */
bool json_times_add(struct buf *out, const char *json, size_t len);

#endif
