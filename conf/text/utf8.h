/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, at most U+10FFFF. */
#ifndef LOGIKALD_CONF_TEXT_UTF8_H
#define LOGIKALD_CONF_TEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the valid sequence at text, of which left (at least 1) bytes may be read; 0 when there is none. */
size_t utf8_step(const char *text, size_t left);

bool utf8_is_valid(const char *text, size_t len);

/* Length of a text cut at most bytes, not inside a sequence. */
size_t utf8_cut(const char *text, size_t most);

/* Code points of a valid text. */
size_t utf8_length(const char *text);

/* For a text that was cut at a number of bytes: removes the beginning of a sequence at its end, and repairs the rest.
 * Returns text. */
char *utf8_finish(char *text);

/* Puts '?' in the place of each byte that belongs to no valid sequence. */
void utf8_repair(char *text, size_t len);

/* Puts a blank in the place of each control byte, so that a stranger's text is one line that draws nothing. Returns
 * text. */
char *utf8_line(char *text);

#endif
