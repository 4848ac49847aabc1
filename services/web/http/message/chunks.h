/* The chunked coding of a body (RFC 9112, 7.1), decoded as it comes. Sizes are plain hexadecimal digits; extensions of
 * the grammar are read over; trailer fields are read and dropped, because they must not become headers. Pure. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_MESSAGE_CHUNKS_H
#define LOGIKALD_SERVICES_WEB_HTTP_MESSAGE_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHUNK_LINE_MAX 256  /* a size with its extensions, or a trailer field */
#define CHUNK_EXTRA    8192 /* extensions and trailer fields of one body */

enum chunks_state { CHUNKS_SIZE, CHUNKS_DATA, CHUNKS_DATA_END, CHUNKS_TRAILER, CHUNKS_OVER, CHUNKS_BAD };

struct chunks {
    enum chunks_state state;
    uint64_t left; /* of the chunk */
    size_t extra, line_len;
    char line[CHUNK_LINE_MAX];
};

/* Reads up to the end of the body, of at most n bytes; returns how many it read, and adds to *decoded the length of the
 * data that it wrote to out, which may be where bytes are. Then state says whether it is over, or bad. */
size_t chunks_read(struct chunks *c, const char *bytes, size_t n, char *out, size_t *decoded);

#endif
