/* gzip of an answer. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_MESSAGE_GZIP_H
#define LOGIKALD_SERVICES_WEB_HTTP_MESSAGE_GZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <event2/buffer.h>

#define GZIP_LEAST 1024 /* shorter answers fit one packet anyway */

/* Adds bytes compressed to out. False without memory: then nothing was added. */
bool gzip_add(struct evbuffer *out, const void *bytes, size_t len);
/* The same into memory that the caller frees; NULL without memory. */
void *gzip_bytes(const void *bytes, size_t len, size_t *out_len);

/* An answer in pieces. Each add gives out everything so far, so that nothing waits for the next piece. */
struct gzip_stream;
struct gzip_stream *gzip_stream_new(void);    /* NULL without memory */
void gzip_stream_free(struct gzip_stream *s); /* NULL is fine */
bool gzip_stream_add(struct gzip_stream *s, const void *bytes, size_t len, struct evbuffer *out);
bool gzip_stream_end(struct gzip_stream *s, struct evbuffer *out);

#endif
