/* Reading a packed file (frames.h) here and there: a frame is unpacked when something of it is asked for, and kept for
 * the rest of the file. See unframe.h. */
#include "services/store/unframe.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "conf/clock.h"
#include "services/store/frames.h"

#define MARGIN     256               /* behind a frame's bytes */
#define KEPT_BYTES (2 * 1024 * 1024) /* of unpacked frames, whose memory is kept for the next file */

struct frame {
    const char *packed; /* NULL: it is not at hand */
    size_t packed_len;
    char *bytes; /* or NULL */
    size_t room; /* of memory there */
    bool is_unpacked;
};

struct unframer {
    ZSTD_DCtx *ctx;
    struct frame *frames;
    size_t count, cap, raw_size;
    size_t frame_bytes; /* that each frame but the last holds of the file */
    struct frames_some some;
    int64_t waited_ms;
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
    size_t kept = 0;
    for (size_t i = 0; i < u->cap; i++) {
        struct frame *f = &u->frames[i];
        f->is_unpacked = false;
        kept += f->room;
        if (kept <= KEPT_BYTES) continue;
        free(f->bytes);
        f->bytes = NULL;
        f->room = 0;
    }
    u->count = u->raw_size = 0;
    u->some = (struct frames_some){0};
    u->waited_ms = 0;
}

int64_t unframer_waited_ms(const struct unframer *u)
{
    return u->waited_ms;
}

/* What is left out is the longest run of frames that nobody has read. */
void unframer_used(const struct unframer *u, size_t *head, size_t *tail)
{
    size_t longest = 0;
    *head = u->count;
    *tail = 0;
    for (size_t i = 0, run = 0; i < u->count; i++) {
        run = u->frames[i].is_unpacked ? 0 : run + 1;
        if (run <= longest) continue;
        longest = run;
        *head = i + 1 - run;
        *tail = u->count - 1 - i;
    }
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
    return index + 1 < u->count ? u->frame_bytes : u->raw_size - index * u->frame_bytes;
}

static int damaged(size_t index, const char *why, struct err *err)
{
    return err_set(err, ERR_INPUT, "the stored file is damaged: %s (frame %zu)", why, index);
}

/* Is it the frame with this number? Its length in *len. */
static int look_at(const struct unframer *u, size_t index, const char *at, size_t *len, struct err *err)
{
    size_t n = ZSTD_findFrameCompressedSize(at, *len);
    if (ZSTD_isError(n)) return damaged(index, ZSTD_getErrorName(n), err);
    if (ZSTD_getFrameContentSize(at, n) != raw_bytes(u, index)) return damaged(index, "it holds other bytes", err);
    *len = n;
    return 0;
}

/* Those from first on, one behind the other, before end: all that the bytes hold. How many in *count. */
static int find_frames(struct unframer *u, size_t first, size_t end, const char *at, size_t len, size_t *count,
                       struct err *err)
{
    for (*count = 0; len > 0; (*count)++) {
        size_t n = len, index = first + *count;
        if (index == end) return damaged(end, "there is more than the file has", err);
        if (look_at(u, index, at, &n, err) < 0) return -ERR_INPUT;
        u->frames[index].packed = at;
        u->frames[index].packed_len = n;
        at += n;
        len -= n;
    }
    return 0;
}

/* The first frame tells how large they are. */
static int begin(struct unframer *u, size_t raw_size, const char *first, size_t len, struct err *err)
{
    unsigned long long holds = raw_size > 0 ? ZSTD_getFrameContentSize(first, len) : 0;
    unframer_close(u);
    if (holds != raw_size && holds != FRAME_BYTES && holds != FRAME_BYTES_BEFORE)
        return damaged(0, "it holds other bytes", err);
    size_t frame_bytes = holds == raw_size ? FRAME_BYTES_BEFORE : (size_t)holds;
    size_t count = (raw_size + frame_bytes - 1) / frame_bytes;
    if (has_room(u, count, err) < 0) return -ERR_NOMEM;
    for (size_t i = 0; i < count; i++) u->frames[i].packed = NULL;
    u->count = count;
    u->raw_size = raw_size;
    u->frame_bytes = frame_bytes;
    return 0;
}

int unframer_open_some(struct unframer *u, const struct frames_some *some, size_t raw_size, struct err *err)
{
    size_t found = 0, tail = 0;
    int rc = begin(u, raw_size, some->head, some->head_len, err);
    if (rc == 0 && some->tail_count > u->count) rc = damaged(u->count, "there is more than the file has", err);
    if (rc == 0) tail = u->count - some->tail_count;
    if (rc == 0) rc = find_frames(u, tail, u->count, some->tail, some->tail_len, &found, err);
    if (rc == 0 && found != some->tail_count) rc = damaged(tail + found, "it is not there", err);
    if (rc == 0) rc = find_frames(u, 0, tail, some->head, some->head_len, &found, err);
    if (rc == 0 && found < tail && !some->fetch) rc = damaged(found, "it is not there", err);
    if (rc < 0)
        unframer_close(u);
    else
        u->some = *some;
    return rc;
}

int unframer_open(struct unframer *u, const void *frames, size_t len, size_t raw_size, struct err *err)
{
    const struct frames_some all = {.head = frames, .head_len = len};
    return unframer_open_some(u, &all, raw_size, err);
}

/* Has a frame that is not at hand fetched, with those that come along: what is wrong with them is their matter. */
static int fetch(struct unframer *u, size_t index, struct err *err)
{
    const void *frames;
    size_t len, count;
    struct err why = {0};
    int64_t began_ms = mono_ms();
    int rc = u->some.fetch(u->some.arg, index, &frames, &len, err);
    u->waited_ms += mono_ms() - began_ms;
    if (rc < 0) return rc;
    rc = find_frames(u, index, u->count, frames, len, &count, &why);
    if (u->frames[index].packed) return 0;
    return rc < 0 ? err_set(err, why.code, "%s", why.text) : damaged(index, "it is not there", err);
}

static int unpack(struct unframer *u, size_t index, struct err *err)
{
    struct frame *f = &u->frames[index];
    int rc = f->packed ? 0 : fetch(u, index, err);
    if (rc < 0) return rc;
    if (f->room < u->frame_bytes) {
        free(f->bytes);
        f->bytes = calloc(1, u->frame_bytes + MARGIN);
        f->room = f->bytes ? u->frame_bytes : 0;
        if (!f->bytes) return err_set(err, ERR_NOMEM, "no memory to unpack a file");
    }
    size_t n = ZSTD_decompressDCtx(u->ctx, f->bytes, u->frame_bytes, f->packed, f->packed_len);
    if (ZSTD_isError(n) && ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation)
        return err_set(err, ERR_NOMEM, "no memory to unpack a file");
    if (ZSTD_isError(n) || n != raw_bytes(u, index))
        return damaged(index, ZSTD_isError(n) ? ZSTD_getErrorName(n) : "it holds other bytes", err);
    f->is_unpacked = true;
    return 0;
}

const void *unframer_borrow(struct unframer *u, size_t offset, size_t n)
{
    size_t index = offset / u->frame_bytes, from = offset % u->frame_bytes;
    if (offset + n > u->raw_size || from + n > u->frame_bytes) return NULL;
    return u->frames[index].is_unpacked || unpack(u, index, NULL) == 0 ? u->frames[index].bytes + from : NULL;
}

int unframer_read(struct unframer *u, size_t offset, void *out, size_t n, struct err *err)
{
    char *to = out;
    while (n > 0) {
        size_t index = offset / u->frame_bytes, from = offset % u->frame_bytes;
        size_t some = u->frame_bytes - from < n ? u->frame_bytes - from : n;
        int rc = u->frames[index].is_unpacked ? 0 : unpack(u, index, err);
        if (rc < 0) return rc;
        memcpy(to, u->frames[index].bytes + from, some);
        to += some;
        offset += some;
        n -= some;
    }
    return 0;
}
