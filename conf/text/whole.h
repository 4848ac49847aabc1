/* Whole numbers that others have written: bounded by what a double holds exactly, so that a difference, or a thousand
 * times one, is still a number. */
#ifndef LOGIKALD_CONF_TEXT_WHOLE_H
#define LOGIKALD_CONF_TEXT_WHOLE_H

#include <stdint.h>

#define WHOLE_MAX (INT64_C(1) << 53)

int64_t whole_of(double value);                         /* without its fraction; 0 of what is no number */
int64_t whole_read(const char *text, const char **end); /* its digits, as strtoll reads them; end may be NULL */

#endif
