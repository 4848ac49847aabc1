/* FNV-1a, for tables in memory and short names of long ones; no protection against who chooses what is hashed. */
#ifndef LOGIKALD_CONF_TEXT_HASH_H
#define LOGIKALD_CONF_TEXT_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t hash_bytes(const void *bytes, size_t len)
{
    uint64_t hash = 14695981039346656037u;
    for (const unsigned char *p = bytes; len > 0; p++, len--) hash = (hash ^ *p) * 1099511628211u;
    return hash;
}

static inline uint64_t hash_text(const char *text)
{
    return hash_bytes(text, strlen(text));
}

#endif
