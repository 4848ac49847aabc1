/* Reading a packed file (frames.h) here and there: a frame is unpacked when something of it is asked for, and kept for
 * the rest of the file. See unframe.h. */
#include "services/store/unframe.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "services/store/frames.h"

#define KEPT_FRAMES 8 /* whose memory is kept for the next file */

struct frame {
    const char *packed;
    size_t packed_len;
    char *bytes; /* FRAME_BYTES of memory, or NULL */
    bool is_unpacked;
};

struct unframer {
    ZSTD_DCtx *ctx;
    struct frame *frames;
    size_t count, cap, raw_size;
};

struct unframer *unframer_new(struct err *err)
{
    struct unframer *u = calloc(1, sizeof *u);
    if (u && (u->ctx = ZSTD_createDCtx())) return u;
    free(u);
    err_set(err, ERR_NOMEM, "no memory to unpack a file");
    return NULL;
}

void unframer_free(struct unframer *u)
{
    if (!u) return;
    for (size_t i = 0; i < u->cap; i++) free(u->frames[i].bytes);
    free(u->frames);
    ZSTD_freeDCtx(u->ctx);
    free(u);
}

size_t unframer_size(const struct unframer *u)
{
    return u->raw_size;
}

void unframer_close(struct unframer *u)
{
    for (size_t i = 0; i < u->cap; i++) {
        u->frames[i].is_unpacked = false;
        if (i < KEPT_FRAMES) continue;
        free(u->frames[i].bytes);
        u->frames[i].bytes = NULL;
    }
    u->count = u->raw_size = 0;
}

static int has_room(struct unframer *u, size_t count, struct err *err)
{
    if (count <= u->cap) return 0;
    struct frame *frames = realloc(u->frames, count * sizeof *frames);
    if (!frames) return err_set(err, ERR_NOMEM, "no memory to unpack a file");
    memset(frames + u->cap, 0, (count - u->cap) * sizeof *frames);
    u->frames = frames;
    u->cap = count;
    return 0;
}

static size_t raw_bytes(const struct unframer *u, size_t index)
{
    return index + 1 < u->count ? FRAME_BYTES : u->raw_size - index * FRAME_BYTES;
}

static int damaged(struct unframer *u, size_t index, const char *why, struct err *err)
{
    unframer_close(u);
    return err_set(err, ERR_INPUT, "the stored file is damaged: %s (frame %zu)", why, index);
}

int unframer_open(struct unframer *u, const void *frames, size_t len, size_t raw_size, struct err *err)
{
    const char *at = frames;
    size_t count = (raw_size + FRAME_BYTES - 1) / FRAME_BYTES;
    unframer_close(u);
    if (has_room(u, count, err) < 0) return -ERR_NOMEM;
    u->count = count;
    u->raw_size = raw_size;
    for (size_t i = 0; i < count; i++) {
        size_t n = ZSTD_findFrameCompressedSize(at, len);
        if (ZSTD_isError(n)) return damaged(u, i, ZSTD_getErrorName(n), err);
        if (ZSTD_getFrameContentSize(at, n) != raw_bytes(u, i)) return damaged(u, i, "it holds other bytes", err);
        u->frames[i].packed = at;
        u->frames[i].packed_len = n;
        at += n;
        len -= n;
    }
    return len == 0 ? 0 : damaged(u, count, "there is more than the file has", err);
}

static int unpack(struct unframer *u, size_t index, struct err *err)
{
    struct frame *f = &u->frames[index];
    if (!f->bytes && !(f->bytes = malloc(FRAME_BYTES))) return err_set(err, ERR_NOMEM, "no memory to unpack a file");
    size_t n = ZSTD_decompressDCtx(u->ctx, f->bytes, FRAME_BYTES, f->packed, f->packed_len);
    if (ZSTD_isError(n) && ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation)
        return err_set(err, ERR_NOMEM, "no memory to unpack a file");
    if (ZSTD_isError(n) || n != raw_bytes(u, index))
        return err_set(err, ERR_INPUT, "the stored file is damaged: %s (frame %zu)",
                       ZSTD_isError(n) ? ZSTD_getErrorName(n) : "it holds other bytes", index);
    f->is_unpacked = true;
    return 0;
}

int unframer_read(struct unframer *u, size_t offset, void *out, size_t n, struct err *err)
{
    char *to = out;
    while (n > 0) {
        size_t index = offset / FRAME_BYTES, from = offset % FRAME_BYTES;
        size_t some = FRAME_BYTES - from < n ? FRAME_BYTES - from : n;
        int rc = u->frames[index].is_unpacked ? 0 : unpack(u, index, err);
        if (rc < 0) return rc;
        memcpy(to, u->frames[index].bytes + from, some);
        to += some;
        offset += some;
        n -= some;
    }
    return 0;
}
