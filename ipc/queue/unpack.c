/* See unpack.h. Each library feeds the same buffer: a step writes behind what is there, and says whether it is through.
 */
#include "ipc/queue/unpack.h"

#include <bzlib.h>
#include <errno.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>
#include <zstd.h>

#include "conf/text/buf.h"

#define STEP_BYTES 65535

enum packing packing_of(const char *name)
{
    static const struct {
        const char *name;
        enum packing packing;
    } names[] = {{"application/x-gzip", PACKING_ZLIB}, {"gzip", PACKING_ZLIB}, {"zlib", PACKING_ZLIB},
                 {"application/x-bz2", PACKING_BZ2},   {"bzip2", PACKING_BZ2}, {"bzip", PACKING_BZ2},
                 {"application/x-lzma", PACKING_LZMA}, {"lzma", PACKING_LZMA}, {"xz", PACKING_LZMA},
                 {"application/zstd", PACKING_ZSTD},   {"zstd", PACKING_ZSTD}, {"zstandard", PACKING_ZSTD}};
    if (!name || !name[0]) return PACKING_NONE;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(names[i].name, name) == 0) return names[i].packing;
    return PACKING_UNKNOWN;
}

/* Room for a step; false without memory, or when the limit is passed. */
static bool has_room(struct buf *out, size_t limit)
{
    return out->len <= limit && buf_reserve(out, STEP_BYTES + 1);
}

static bool unpack_zlib(struct buf *out, const char *bytes, size_t len, size_t limit)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)len};
    int rc = Z_OK;
    if (inflateInit2(&z, 15 + 32) != Z_OK) return false;
    while (rc == Z_OK && has_room(out, limit)) {
        z.next_out = (Bytef *)out->data + out->len;
        z.avail_out = STEP_BYTES;
        rc = inflate(&z, Z_NO_FLUSH);
        out->len += STEP_BYTES - z.avail_out;
    }
    inflateEnd(&z);
    return rc == Z_STREAM_END;
}

/* Several streams one behind the other are one text, as Python has it. */
static bool unpack_bz2(struct buf *out, const char *bytes, size_t len, size_t limit)
{
    int rc = BZ_STREAM_END;
    bz_stream b = {.next_in = (char *)(uintptr_t)bytes, .avail_in = (unsigned)len};
    while (rc == BZ_STREAM_END && b.avail_in > 0) {
        bz_stream next = {.next_in = b.next_in, .avail_in = b.avail_in};
        if (BZ2_bzDecompressInit(&next, 0, 0) != BZ_OK) return false;
        do {
            if (!has_room(out, limit)) {
                rc = BZ_MEM_ERROR;
                break;
            }
            next.next_out = out->data + out->len;
            next.avail_out = STEP_BYTES;
            rc = BZ2_bzDecompress(&next);
            out->len += STEP_BYTES - next.avail_out;
            if (rc == BZ_OK && next.avail_in == 0 && next.avail_out > 0) rc = BZ_UNEXPECTED_EOF;
        } while (rc == BZ_OK);
        BZ2_bzDecompressEnd(&next);
        b.next_in = next.next_in;
        b.avail_in = next.avail_in;
    }
    return rc == BZ_STREAM_END && len > 0;
}

static bool unpack_lzma(struct buf *out, const char *bytes, size_t len, size_t limit, size_t memory)
{
    lzma_stream z = LZMA_STREAM_INIT;
    lzma_ret rc = lzma_auto_decoder(&z, memory, 0);
    z.next_in = (const uint8_t *)bytes;
    z.avail_in = len;
    while (rc == LZMA_OK && has_room(out, limit)) {
        z.next_out = (uint8_t *)out->data + out->len;
        z.avail_out = STEP_BYTES;
        rc = lzma_code(&z, LZMA_FINISH);
        out->len += STEP_BYTES - z.avail_out;
    }
    lzma_end(&z);
    if (rc == LZMA_MEM_ERROR) errno = ENOMEM;
    return rc == LZMA_STREAM_END;
}

static bool unpack_zstd(struct buf *out, const char *bytes, size_t len, size_t limit, size_t memory)
{
    ZSTD_DCtx *z = ZSTD_createDCtx();
    ZSTD_inBuffer in = {bytes, len, 0};
    size_t left = 1;
    int window = 10;
    if (!z) {
        errno = ENOMEM;
        return false;
    }
    while (window < 30 && ((size_t)2 << window) <= memory) window++;
    ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, window);
    while ((left > 0 || in.pos < in.size) && has_room(out, limit)) {
        ZSTD_outBuffer step = {out->data + out->len, STEP_BYTES, 0};
        size_t before = in.pos;
        left = ZSTD_decompressStream(z, &step, &in);
        if (ZSTD_isError(left)) break;
        out->len += step.pos;
        if (left > 0 && step.pos < STEP_BYTES && in.pos == before && in.pos == in.size) break; /* it is cut off */
    }
    ZSTD_freeDCtx(z);
    return left == 0 && in.pos == in.size;
}

char *unpack_text(enum packing packing, const char *bytes, size_t bytes_len, size_t limit, size_t memory, size_t *len)
{
    struct buf out = {0};
    bool is_fine = false;
    errno = 0;
    if (bytes_len > UINT32_MAX / 2) return NULL;
    switch (packing) {
    case PACKING_ZLIB: is_fine = unpack_zlib(&out, bytes, bytes_len, limit); break;
    case PACKING_BZ2: is_fine = unpack_bz2(&out, bytes, bytes_len, limit); break;
    case PACKING_LZMA: is_fine = unpack_lzma(&out, bytes, bytes_len, limit, memory); break;
    case PACKING_ZSTD: is_fine = unpack_zstd(&out, bytes, bytes_len, limit, memory); break;
    case PACKING_NONE:
    case PACKING_UNKNOWN: break;
    }
    if (out.failed) errno = ENOMEM;
    if (!is_fine || out.failed || out.len > limit || !buf_reserve(&out, 1)) {
        buf_free(&out);
        return NULL;
    }
    *len = out.len;
    out.data[out.len] = '\0';
    return buf_steal(&out);
}
