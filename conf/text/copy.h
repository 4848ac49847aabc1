/* What snprintf does with "%s" and "%lld", at a tenth of its cost: for what every request and every task does. */
#ifndef LOGIKALD_CONF_TEXT_COPY_H
#define LOGIKALD_CONF_TEXT_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Copies a text into room for it, cut where that ends. */
static inline void text_copy(char *out, size_t size, const char *text)
{
    size_t len = strnlen(text, size - 1);
    memcpy(out, text, len);
    out[len] = '\0';
}

/* Copies a text to `at`, cut so that its NUL is at `last` at the latest; where the next one goes. */
static inline char *text_append(char *at, const char *last, const char *text)
{
    size_t len = strnlen(text, (size_t)(last - at));
    memcpy(at, text, len);
    at[len] = '\0';
    return at + len;
}

#define TEXT_NUMBER_SIZE 24
/* A number in decimal; its length. */
static inline size_t text_number(char out[TEXT_NUMBER_SIZE], int64_t value)
{
    char digits[TEXT_NUMBER_SIZE], *p = digits + sizeof digits;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do *--p = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (value < 0) *--p = '-';
    size_t len = (size_t)(digits + sizeof digits - p);
    memcpy(out, p, len);
    out[len] = '\0';
    return len;
}

#endif
