/* Packed files as they lie in parts_files, damaged in any way, and packed bodies of messages. The first byte chooses,
 * the second says how: what was packed is read again, whole and in pieces; what is damaged is refused or reads as many
 * bytes as asked for. short run: 2000 */
#include "ipc/queue/unpack.h"
#include "services/store/frames.h"
#include "services/store/unframe.h"
#include "tests/fuzz/fuzz.h"

#define RAW_MOST  600000 /* of what damaged frames are said to hold: more than two frames */
#define BODY_MOST 65536

static struct unframer *unframer(void)
{
    static struct unframer *u;
    if (!u && !(u = unframer_new(NULL))) abort();
    return u;
}

/* In pieces, from the end to the begin as well. */
static void read_pieces(const uint8_t *raw, size_t size, size_t piece)
{
    struct err err = {0};
    uint8_t *got = malloc(piece);
    if (!got) abort();
    for (size_t at = 0; at < size; at += piece) {
        size_t n = size - at < piece ? size - at : piece, back = size - at - n;
        int rc = unframer_read(unframer(), at, got, n, &err);
        PROMISE(rc <= 0 && (rc == 0 || err.text[0]));
        if (raw) PROMISE(rc == 0 && memcmp(got, raw + at, n) == 0);
        rc = unframer_read(unframer(), back, got, n, &err);
        if (raw) PROMISE(rc == 0 && memcmp(got, raw + back, n) == 0);
    }
    free(got);
}

static void pack_and_read(const uint8_t *data, size_t size, size_t piece)
{
    struct packed packed;
    struct buf whole = {0};
    struct err err = {0};
    PROMISE(frames_pack(data, size, &packed, &err) == 0 && packed.raw_size == size && strlen(packed.sha256) == 64);
    PROMISE(unframer_open(unframer(), packed.content.data, packed.content.len, size, &err) == 0);
    PROMISE(unframer_size(unframer()) == size);
    read_pieces(data, size, piece);
    if (size > 0) PROMISE(frames_unpack(packed.content.data, packed.content.len, size, &whole, &err) == 0);
    PROMISE(whole.len == size && (size == 0 || memcmp(whole.data, data, size) == 0));
    unframer_close(unframer());
    buf_free(&whole);
    packed_free(&packed);
}

static void read_damaged(const uint8_t *data, size_t size, size_t raw_size)
{
    struct err err = {0};
    struct buf whole = {0};
    int rc = frames_unpack(data, size, raw_size, &whole, &err);
    PROMISE(rc <= 0 && (rc == 0 ? whole.len == raw_size : err.text[0] != 0));
    err.text[0] = 0;
    int opened = unframer_open(unframer(), data, size, raw_size, &err);
    PROMISE(opened <= 0 && (opened == 0 || err.text[0]));
    if (opened == 0) read_pieces(rc == 0 ? (const uint8_t *)whole.data : NULL, raw_size, 70000);
    unframer_close(unframer());
    buf_free(&whole);
}

static void read_body(const uint8_t *data, size_t size, enum packing packing)
{
    size_t len = 0;
    char *text = unpack_text(packing, (const char *)data, size, BODY_MOST, 8 << 20, &len);
    PROMISE(!text || (len <= BODY_MOST && text[len] == 0));
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4) return 0;
    size_t number = (size_t)data[1] | (size_t)data[2] << 8 | (size_t)data[3] << 16;
    uint8_t kind = data[0] % 8;
    data += 4;
    size -= 4;
    if (kind == 0)
        pack_and_read(data, size, 1 + number % 5000);
    else if (kind < 4)
        read_damaged(data, size, number % RAW_MOST);
    else
        read_body(data, size, (enum packing)(PACKING_ZLIB + kind - 4));
    return 0;
}
