/* A ZIP archive (PKWARE's APPNOTE, 4.3) made piece by piece: each file stands as it is, since images are compressed
 * already, and only the list of them is held until the end. Equal files make equal bytes: all have the format's first
 * day. No more than 65535 files, 4 GiB together. Pure. */
#ifndef LOGIKALD_SERVICES_ARCHIVE_ZIP_H
#define LOGIKALD_SERVICES_ARCHIVE_ZIP_H

#include <stdint.h>

#include "conf/text/buf.h"

#define TYPE_ZIP "application/zip"

struct zip {
    struct buf directory; /* what comes at the end */
    uint64_t at;          /* bytes that were made */
    unsigned files;
};

/* Adds a file, with all that comes before it, to out. False: the archive cannot take it, or there is no memory. */
bool zip_add(struct zip *z, struct buf *out, const char *name, const void *bytes, size_t len);
/* Adds the end to out; nothing may follow. */
bool zip_end(struct zip *z, struct buf *out);
void zip_free(struct zip *z);

#endif
