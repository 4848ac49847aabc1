/* How a file stands in parts_files: Zstandard frames, one behind the other, each of FRAME_BYTES of the file (before, of
 * FRAME_BYTES_BEFORE), the last of the rest. Made while the bytes come, in the memory of one frame and of what it
 * became; read whole or frame by frame (unframe.h), or in pieces of FRAMES_PIECE bytes of the file (parts_frame in
 * SQL). */
#ifndef LOGIKALD_SERVICES_STORE_FRAMES_H
#define LOGIKALD_SERVICES_STORE_FRAMES_H

#include <stddef.h>

#include "conf/text/buf.h"
#include "conf/err.h"

#define FRAME_BYTES        (64 * 1024)
#define FRAME_BYTES_BEFORE (256 * 1024)
#define FRAMES_PIECE       (256 * 1024)

/* A file, packed. */
struct packed {
    struct buf content;
    struct buf starts; /* where each frame begins, as an array literal */
    size_t raw_size;
    char sha256[65]; /* of the file's bytes */
};
void packed_free(struct packed *p);

struct framer;
struct framer *framer_new(struct err *err); /* NULL without memory */
void framer_free(struct framer *f);         /* NULL is fine */
/* For another file, with the memory that it has: what was added is forgotten. 0 or -ERR_NOMEM. */
int framer_restart(struct framer *f, struct err *err);
/* 0 or -ERR_NOMEM. */
int framer_add(struct framer *f, const void *bytes, size_t len, struct err *err);
/* The file is over; packed_free out, also after an error. The framer begins anew. */
int framer_end(struct framer *f, struct packed *out, struct err *err);
size_t framer_packed(const struct framer *f); /* memory of what they became */

/* All at once. */
int frames_pack(const void *bytes, size_t len, struct packed *out, struct err *err);

/* Adds to out what frames (one, or several behind each other) of raw_size bytes of a file hold: 0, -ERR_INPUT when they
 * are damaged or hold another number of bytes, -ERR_NOMEM. */
int frames_unpack(const void *frames, size_t len, size_t raw_size, struct buf *out, struct err *err);

#endif
