/* gzip of an answer. */
#ifndef LOGIKALD_SERVICES_WEB_GZIP_H
#define LOGIKALD_SERVICES_WEB_GZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <event2/buffer.h>

#define GZIP_LEAST 1024 /* shorter answers fit one packet anyway */

/* Adds bytes compressed to out. False without memory: then nothing was added. */
bool gzip_add(struct evbuffer *out, const void *bytes, size_t len);
/* The same into memory that the caller frees; NULL without memory. */
void *gzip_bytes(const void *bytes, size_t len, size_t *out_len);

#endif
