/* Reading a packed file (frames.h) here and there: a frame is unpacked when something of it is asked for, and kept for
 * the rest of the file. Most of a parts list is pictures that nobody reads: their frames need not even be at hand. One
 * serves many files, one after the other. Not for several threads at once. */
#ifndef LOGIKALD_SERVICES_STORE_UNFRAME_H
#define LOGIKALD_SERVICES_STORE_UNFRAME_H

#include <stddef.h>
#include <stdint.h>

#include "conf/err.h"

struct unframer;
struct unframer *unframer_new(struct err *err); /* NULL without memory */
void unframer_free(struct unframer *u);         /* NULL is fine */

/* The file to read from now on, of raw_size bytes; the frames must outlive the reading. 0, -ERR_INPUT when they are not
 * what a file of that size has become, -ERR_NOMEM. */
int unframer_open(struct unframer *u, const void *frames, size_t len, size_t raw_size, struct err *err);

/* The same of a file of which only the first frames (one at least) and the last ones are at hand. Another one is had by
 * fetch when something of it is asked for, and with it as many of those behind it as fetch likes: their bytes last
 * until the file is closed. 0 or what unframer_read is to return. */
struct frames_some {
    const void *head, *tail;
    size_t head_len, tail_len, tail_count;
    int (*fetch)(void *arg, size_t index, const void **frames, size_t *len, struct err *err);
    void *arg;
};
int unframer_open_some(struct unframer *u, const struct frames_some *some, size_t raw_size, struct err *err);
/* Where these bytes stand in memory, with some zeros behind the frame's; they stay until the file is closed. NULL: they
 * are not all in one frame, or that cannot be had (unframer_read tells why). */
const void *unframer_borrow(struct unframer *u, size_t offset, size_t n);
int64_t unframer_waited_ms(const struct unframer *u); /* for what was fetched of the file */
/* How many of the first frames and of the last ones would have held all that was read of the file. */
void unframer_used(const struct unframer *u, size_t *head, size_t *tail);
void unframer_close(struct unframer *u); /* gives the memory of a large file back */
size_t unframer_size(const struct unframer *u);
/* Copies n bytes from offset on; all of them must be in the file. 0, -ERR_INPUT when their frame is damaged,
 * -ERR_NOMEM. */
int unframer_read(struct unframer *u, size_t offset, void *out, size_t n, struct err *err);

#endif
