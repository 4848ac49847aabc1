/* See gzip.h. Fast level: an answer is compressed in the loop. A stream has a window of 8 KiB, which holds a dozen rows
 * (they resemble each other), so that many at a time cost 64 KiB each. */
#include "services/web/http/message/gzip.h"

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

/* ---- piece by piece ---- */

#define STREAM_WINDOW_BITS 13
#define STREAM_MEMORY      6

struct gzip_stream {
    z_stream z;
};

struct gzip_stream *gzip_stream_new(void)
{
    struct gzip_stream *s = calloc(1, sizeof *s);
    if (s && deflateInit2(&s->z, 1, Z_DEFLATED, STREAM_WINDOW_BITS + 16, STREAM_MEMORY, Z_DEFAULT_STRATEGY) == Z_OK)
        return s;
    free(s);
    return NULL;
}

void gzip_stream_free(struct gzip_stream *s)
{
    if (!s) return;
    deflateEnd(&s->z);
    free(s);
}

static bool stream_run(struct gzip_stream *s, const void *bytes, size_t len, int flush, struct evbuffer *out)
{
    unsigned char packed[16384];
    s->z.next_in = (Bytef *)bytes;
    s->z.avail_in = (uInt)len;
    do {
        s->z.next_out = packed;
        s->z.avail_out = sizeof packed;
        int rc = deflate(&s->z, flush);
        size_t n = sizeof packed - s->z.avail_out;
        if ((rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) || (n > 0 && evbuffer_add(out, packed, n) != 0))
            return false;
    } while (s->z.avail_out == 0);
    return true;
}

bool gzip_stream_add(struct gzip_stream *s, const void *bytes, size_t len, struct evbuffer *out)
{
    return stream_run(s, bytes, len, Z_SYNC_FLUSH, out);
}

bool gzip_stream_end(struct gzip_stream *s, struct evbuffer *out)
{
    return stream_run(s, "", 0, Z_FINISH, out);
}
