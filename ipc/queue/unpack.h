/* Bodies that a sender has packed, as kombu names the ways: zlib and gzip, bz2, lzma and xz, zstd. Bounded in what
 * comes out and in memory, since senders are strangers. Workers leave a body packed; it is opened where its task runs.
 */
#ifndef LOGIKALD_IPC_QUEUE_UNPACK_H
#define LOGIKALD_IPC_QUEUE_UNPACK_H

#include <stddef.h>

enum packing { PACKING_NONE, PACKING_ZLIB, PACKING_BZ2, PACKING_LZMA, PACKING_ZSTD, PACKING_UNKNOWN };

enum packing packing_of(const char *name); /* NULL or "" = none */

/* memory: of the unpacking itself, in bytes; what needs more is refused. The text, NUL-terminated, to be freed; NULL
 * when it is malformed, cut off, longer than limit or, with errno ENOMEM, without memory. */
char *unpack_text(enum packing packing, const char *bytes, size_t bytes_len, size_t limit, size_t memory, size_t *len);

#endif
