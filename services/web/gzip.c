/* See gzip.h. Fast level and small window state: an answer is compressed in the loop. */
#include "services/web/gzip.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

void *gzip_bytes(const void *bytes, size_t len, size_t *out_len)
{
    z_stream z = {0};
    if (deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 7, Z_DEFAULT_STRATEGY) != Z_OK) return NULL;
    size_t size = deflateBound(&z, len);
    void *out = malloc(size);
    z.next_in = (Bytef *)bytes;
    z.avail_in = (uInt)len;
    z.next_out = out;
    z.avail_out = (uInt)size;
    bool is_done = out && deflate(&z, Z_FINISH) == Z_STREAM_END;
    *out_len = z.total_out;
    deflateEnd(&z);
    if (is_done) return out;
    free(out);
    return NULL;
}

static void release(const void *bytes, size_t len, void *arg)
{
    (void)len, (void)arg;
    free((void *)bytes);
}

bool gzip_add(struct evbuffer *out, const void *bytes, size_t len)
{
    size_t out_len;
    void *packed = gzip_bytes(bytes, len, &out_len);
    return packed && evbuffer_add_reference(out, packed, out_len, release, NULL) == 0;
}
