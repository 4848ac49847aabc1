/* Reading a packed file (frames.h) here and there: a frame is unpacked when something of it is asked for, and kept for
 * the rest of the file. Most of a parts list is pictures that nobody reads. One serves many files, one after the other.
 * Not for several threads at once. */
#ifndef LOGIKALD_SERVICES_STORE_UNFRAME_H
#define LOGIKALD_SERVICES_STORE_UNFRAME_H

#include <stddef.h>

#include "conf/err.h"

struct unframer;
struct unframer *unframer_new(struct err *err); /* NULL without memory */
void unframer_free(struct unframer *u);         /* NULL is fine */

/* The file to read from now on, of raw_size bytes; the frames must outlive the reading. 0, -ERR_INPUT when they are not
 * what a file of that size has become, -ERR_NOMEM. */
int unframer_open(struct unframer *u, const void *frames, size_t len, size_t raw_size, struct err *err);
void unframer_close(struct unframer *u); /* gives the memory of a large file back */
size_t unframer_size(const struct unframer *u);
/* Copies n bytes from offset on; all of them must be in the file. 0, -ERR_INPUT when their frame is damaged,
 * -ERR_NOMEM. */
int unframer_read(struct unframer *u, size_t offset, void *out, size_t n, struct err *err);

#endif
