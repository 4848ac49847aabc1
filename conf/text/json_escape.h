/* Escapes in the strings of JSON text, told apart by what they stand for. */
#ifndef LOGIKALD_CONF_TEXT_JSON_ESCAPE_H
#define LOGIKALD_CONF_TEXT_JSON_ESCAPE_H

#include <stddef.h>

enum json_escape {
    ESCAPE_PLAIN, /* a character, or no valid escape */
    ESCAPE_NUL,   /* U+0000 */
    ESCAPE_PAIR,  /* both halves of a surrogate pair */
    ESCAPE_HALF   /* one of them alone: no character */
};

/* The escape that begins with the backslash at text, of which left bytes may be read; its length, at least 1. */
enum json_escape json_escape(const char *text, size_t left, size_t *len);

#endif
