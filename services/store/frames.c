/* How a file stands in parts_files: Zstandard frames, one behind the other. See frames.h. */
#include "services/store/frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>
#include <zstd.h>
#include <zstd_errors.h>

#define LEVEL 1 /* as small as level 3, in half its time */

struct framer {
    ZSTD_CCtx *ctx;
    EVP_MD_CTX *hash;
    struct buf content, starts;
    size_t raw_size, waiting;
    char frame[FRAME_BYTES];
};

void packed_free(struct packed *p)
{
    buf_free(&p->content);
    buf_free(&p->starts);
    *p = (struct packed){0};
}

int framer_restart(struct framer *f, struct err *err)
{
    buf_free(&f->content);
    buf_free(&f->starts);
    buf_char(&f->starts, '{');
    f->raw_size = f->waiting = 0;
    if (EVP_DigestInit_ex(f->hash, EVP_sha256(), NULL) == 1) return 0;
    return err_set(err, ERR_NOMEM, "no memory to store a file");
}

struct framer *framer_new(struct err *err)
{
    struct framer *f = malloc(sizeof *f);
    if (!f) return err_set(err, ERR_NOMEM, "no memory to store a file"), NULL;
    f->content = f->starts = (struct buf){0};
    f->ctx = ZSTD_createCCtx();
    f->hash = EVP_MD_CTX_new();
    if (f->ctx && f->hash && framer_restart(f, err) == 0) return f;
    framer_free(f);
    err_set(err, ERR_NOMEM, "no memory to store a file");
    return NULL;
}

void framer_free(struct framer *f)
{
    if (!f) return;
    ZSTD_freeCCtx(f->ctx);
    EVP_MD_CTX_free(f->hash);
    buf_free(&f->content);
    buf_free(&f->starts);
    free(f);
}

size_t framer_packed(const struct framer *f)
{
    return sizeof *f + f->content.len;
}

/* What waits becomes a frame. */
static int end_frame(struct framer *f, struct err *err)
{
    size_t most = ZSTD_compressBound(f->waiting);
    bool is_ready = buf_reserve(&f->content, most);
    size_t n =
        is_ready ? ZSTD_compressCCtx(f->ctx, f->content.data + f->content.len, most, f->frame, f->waiting, LEVEL) : 0;
    if (!is_ready || ZSTD_isError(n)) return err_set(err, ERR_NOMEM, "no memory to store a file");
    buf_printf(&f->starts, f->starts.len > 1 ? ",%zu" : "%zu", f->content.len);
    f->content.len += n;
    f->waiting = 0;
    return f->starts.failed ? err_set(err, ERR_NOMEM, "no memory to store a file") : 0;
}

int framer_add(struct framer *f, const void *bytes, size_t len, struct err *err)
{
    const char *from = bytes;
    if (EVP_DigestUpdate(f->hash, bytes, len) != 1) return err_set(err, ERR_NOMEM, "no memory to store a file");
    f->raw_size += len;
    while (len > 0) {
        size_t n = FRAME_BYTES - f->waiting < len ? FRAME_BYTES - f->waiting : len;
        memcpy(f->frame + f->waiting, from, n);
        f->waiting += n;
        from += n;
        len -= n;
        int rc = f->waiting == FRAME_BYTES ? end_frame(f, err) : 0;
        if (rc < 0) return rc;
    }
    return 0;
}

int framer_end(struct framer *f, struct packed *out, struct err *err)
{
    unsigned char digest[32];
    *out = (struct packed){0};
    int rc = f->waiting > 0 ? end_frame(f, err) : 0;
    if (rc < 0) return rc;
    buf_char(&f->starts, '}');
    if (f->starts.failed || EVP_DigestFinal_ex(f->hash, digest, NULL) != 1)
        return err_set(err, ERR_NOMEM, "no memory to store a file");
    *out = (struct packed){.content = f->content, .starts = f->starts, .raw_size = f->raw_size};
    f->content = f->starts = (struct buf){0};
    for (int i = 0; i < 32; i++) snprintf(out->sha256 + 2 * i, 3, "%02x", digest[i]);
    return framer_restart(f, err);
}

int frames_pack(const void *bytes, size_t len, struct packed *out, struct err *err)
{
    struct framer *f = framer_new(err);
    *out = (struct packed){0};
    if (!f) return -ERR_NOMEM;
    int rc = framer_add(f, bytes, len, err);
    if (rc == 0) rc = framer_end(f, out, err);
    framer_free(f);
    return rc;
}

int frames_unpack(const void *frames, size_t len, size_t raw_size, struct buf *out, struct err *err)
{
    if (!buf_reserve(out, raw_size)) return err_set(err, ERR_NOMEM, "no memory to unpack a file");
    size_t n = ZSTD_decompress(out->data + out->len, raw_size, frames, len);
    if (ZSTD_isError(n) && ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation)
        return err_set(err, ERR_NOMEM, "no memory to unpack a file");
    if (ZSTD_isError(n)) return err_set(err, ERR_INPUT, "the stored file is damaged: %s", ZSTD_getErrorName(n));
    if (n != raw_size)
        return err_set(err, ERR_INPUT, "the stored file is damaged: %zu bytes instead of %zu", n, raw_size);
    out->len += n;
    out->data[out->len] = '\0';
    return 0;
}
