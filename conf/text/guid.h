/* GUIDs in whatever spelling: capitals or not, with braces, hyphens, or without. One form is their key. */
#ifndef LOGIKALD_CONF_TEXT_GUID_H
#define LOGIKALD_CONF_TEXT_GUID_H

#include <stdbool.h>

#define GUID_SIZE 37

/* In small letters, with hyphens, without braces; false when text is no GUID. */
bool guid_key(const char *text, char out[GUID_SIZE]);
/* The same text, or the same GUID in two spellings. NULL is nothing's equal. */
bool guid_equal(const char *a, const char *b);

#endif
