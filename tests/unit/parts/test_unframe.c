/* Packed files that are read here and there: every piece is what the file has there, whatever was read before; frames
 * that are no such file are refused. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "services/parts/foresight.h"
#include "services/store/frames.h"
#include "services/store/unframe.h"
#include "tests/support/test.h"

static unsigned chance(unsigned below)
{
    static uint64_t state = 7;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % below;
}

static char *bytes_by_chance(size_t len)
{
    char *bytes = malloc(len + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++) bytes[i] = (char)(chance(9) ? 'a' + chance(4) * chance(6) : chance(256));
    return bytes;
}

TEST(test_pieces_are_what_the_file_has)
{
    static const size_t sizes[] = {
        0, 1, 100, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES, 11 * FRAME_BYTES + 17};
    struct unframer *u = unframer_new(NULL);
    char *out = malloc(12 * FRAME_BYTES);
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            size_t len = sizes[i];
            char *bytes = bytes_by_chance(len);
            struct packed packed;
            assert_int_equal(frames_pack(bytes, len, &packed, NULL), 0);

            assert_int_equal(unframer_open(u, packed.content.data, packed.content.len, len, NULL), 0);
            assert_int_equal(unframer_size(u), len);
            for (int n = 0; n < 20 && len > 0; n++) {
                size_t from = chance((unsigned)len);
                size_t count = chance(3) ? chance(100) : chance((unsigned)len) + 1;
                if (from + count > len) count = len - from;
                assert_int_equal(unframer_read(u, from, out, count, NULL), 0);
                assert_memory_equal(out, bytes + from, count);
            }

            unframer_close(u);
            packed_free(&packed);
            free(bytes);
        }
    unframer_free(u);
    free(out);
}

static void assert_refused(struct unframer *u, const char *frames, size_t len, size_t raw_size)
{
    struct err err = {0};
    assert_int_equal(unframer_open(u, frames, len, raw_size, &err), -ERR_INPUT);
    assert_non_null(strstr(err.text, "damaged"));
    assert_int_equal(unframer_size(u), 0);
}

TEST(test_what_is_not_the_file_is_refused)
{
    size_t len = 2 * FRAME_BYTES + 100;
    char *bytes = bytes_by_chance(len), *more;
    struct unframer *u = unframer_new(NULL);
    struct packed packed;
    assert_int_equal(frames_pack(bytes, len, &packed, NULL), 0);
    const char *frames = packed.content.data;
    size_t packed_len = packed.content.len;
    more = calloc(packed_len + 5, 1);
    memcpy(more, frames, packed_len);

    assert_refused(u, frames, packed_len, len + 1);
    assert_refused(u, frames, packed_len, len - 1);
    assert_refused(u, frames, packed_len, 2 * FRAME_BYTES);
    assert_refused(u, frames, packed_len - 1, len);
    assert_refused(u, frames, 0, len);
    assert_refused(u, more, packed_len + 5, len);
    assert_refused(u, "no frames at all", 16, len);
    assert_refused(u, bytes, len, len);

    free(more);
    free(bytes);
    packed_free(&packed);
    unframer_free(u);
}

/* A frame that is found to be damaged when it is unpacked: that is told, and the others can be read. */
TEST(test_a_damaged_frame_is_told_when_it_is_read)
{
    size_t len = 3 * FRAME_BYTES;
    char *bytes = bytes_by_chance(len), piece[10];
    struct unframer *u = unframer_new(NULL);
    struct packed packed;
    int told = 0;
    assert_int_equal(frames_pack(bytes, len, &packed, NULL), 0);
    char *end;
    size_t begins = strtoul(packed.starts.data + 3, &end, 10), ends = strtoul(end + 1, NULL, 10);
    for (int i = 0; i < 200; i++) {
        struct err err = {0};
        size_t at = begins + 12 + chance((unsigned)(ends - begins - 72)); /* of the second frame */
        for (size_t k = 0; k < 60; k++) packed.content.data[at + k] ^= (char)(k * 37 + 1);
        int rc = unframer_open(u, packed.content.data, packed.content.len, len, &err);
        bool is_open = rc == 0; /* harm between two blocks of a frame is seen at once */
        if (is_open) rc = unframer_read(u, FRAME_BYTES + 5, piece, sizeof piece, &err);
        assert_true(rc == 0 || (rc == -ERR_INPUT && strstr(err.text, "damaged")));
        told += rc < 0;
        if (is_open) {
            assert_int_equal(unframer_read(u, 5, piece, sizeof piece, &err), 0);
            assert_memory_equal(piece, bytes + 5, sizeof piece);
        }
        for (size_t k = 0; k < 60; k++) packed.content.data[at + k] ^= (char)(k * 37 + 1);
    }
    assert_true(told > 0);

    free(bytes);
    packed_free(&packed);
    unframer_free(u);
}

/* ---- frames that are not at hand ---- */

/* A packed file, and where its frames are; what is to go wrong with the next one that is fetched. */
struct store {
    struct packed packed;
    size_t starts[64], count;
    int fetched;
    size_t along; /* frames that come with the one that is asked for */
    enum { WELL, AWAY, ANOTHER, SHORT, NOTHING } next;
};

/* With the larger frames of before. */
static void pack_before(const char *bytes, size_t len, struct packed *out)
{
    *out = (struct packed){.raw_size = len};
    buf_char(&out->starts, '{');
    for (size_t at = 0; at < len; at += FRAME_BYTES_BEFORE) {
        size_t n = len - at < FRAME_BYTES_BEFORE ? len - at : FRAME_BYTES_BEFORE, most = ZSTD_compressBound(n);
        buf_printf(&out->starts, at ? ",%zu" : "%zu", out->content.len);
        assert_true(buf_reserve(&out->content, most));
        size_t packed = ZSTD_compress(out->content.data + out->content.len, most, bytes + at, n, 1);
        assert_false(ZSTD_isError(packed));
        out->content.len += packed;
    }
    buf_char(&out->starts, '}');
}

static void store_pack(struct store *s, const char *bytes, size_t len, bool is_before)
{
    *s = (struct store){0};
    if (is_before)
        pack_before(bytes, len, &s->packed);
    else
        assert_int_equal(frames_pack(bytes, len, &s->packed, NULL), 0);
    for (char *at = s->packed.starts.data + 1; *at && *at != '}'; at += *at == ',')
        s->starts[s->count++] = strtoul(at, &at, 10);
    s->starts[s->count] = s->packed.content.len;
}

static int store_fetch(void *arg, size_t index, const void **frame, size_t *len, struct err *err)
{
    struct store *s = arg;
    s->fetched++;
    assert_true(index < s->count);
    if (s->next == AWAY) return err_set(err, ERR_DB, "nobody is there");
    if (s->next == ANOTHER) index = index + 1 < s->count ? index + 1 : 0;
    *frame = s->packed.content.data + s->starts[index];
    size_t end = index + 1 + s->along < s->count ? index + 1 + s->along : s->count;
    *len = s->starts[end] - s->starts[index];
    if (s->next == SHORT) *len -= 1;
    if (s->next == NOTHING) *len = 0;
    return 0;
}

static int store_open(struct unframer *u, struct store *s, size_t head, size_t tail, size_t raw_size)
{
    const struct frames_some some = {.head = s->packed.content.data,
                                     .head_len = s->starts[head],
                                     .tail = s->packed.content.data + s->starts[s->count - tail],
                                     .tail_len = s->packed.content.len - s->starts[s->count - tail],
                                     .tail_count = tail,
                                     .fetch = store_fetch,
                                     .arg = s};
    return unframer_open_some(u, &some, raw_size, NULL);
}

TEST(test_what_is_not_at_hand_is_fetched_when_it_is_read)
{
    static char out[12 * FRAME_BYTES];
    struct unframer *u = unframer_new(NULL);
    for (int round = 0; round < 40; round++) {
        size_t len = (1 + chance(10)) * FRAME_BYTES + chance(3) * 100, head, tail;
        char *bytes = bytes_by_chance(len);
        struct store s;
        store_pack(&s, bytes, len, round % 3 == 0);
        head = 1 + chance((unsigned)s.count);
        s.along = chance(4);
        tail = chance((unsigned)(s.count - head) + 1);
        size_t from[6], count[6];
        for (int n = 0; n < 6; n++) {
            from[n] = chance((unsigned)len);
            count[n] = chance(4) ? chance(5000) : chance((unsigned)(2 * FRAME_BYTES));
            if (from[n] + count[n] > len) count[n] = len - from[n];
        }
        for (int again = 0; again < 2; again++) {
            assert_int_equal(store_open(u, &s, head, tail, len), 0);
            for (int n = 0; n < 6; n++) {
                assert_int_equal(unframer_read(u, from[n], out, count[n], NULL), 0);
                assert_memory_equal(out, bytes + from[n], count[n]);
            }
            unframer_used(u, &head, &tail);
            assert_true(head + tail <= s.count);
            if (again) assert_int_equal(s.fetched, 0); /* what was used is enough */
            if (head == 0) head = 1;                   /* which tells how large they are */
            s.fetched = 0;
            unframer_close(u);
        }
        packed_free(&s.packed);
        free(bytes);
    }
    unframer_free(u);
}

TEST(test_a_frame_that_cannot_be_had_or_is_another_one_is_told_and_had_later)
{
    static const struct {
        int next, code;
    } rows[] = {{AWAY, ERR_DB}, {ANOTHER, ERR_INPUT}, {SHORT, ERR_INPUT}, {NOTHING, ERR_INPUT}};
    size_t len = 5 * FRAME_BYTES + 77; /* the last frame, which is another by its size, stands for the fourth */
    char *bytes = bytes_by_chance(len), piece[10];
    struct unframer *u = unframer_new(NULL);
    struct store s;
    store_pack(&s, bytes, len, false);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err = {0};
        assert_int_equal(store_open(u, &s, 1, 0, len), 0);
        s.next = rows[i].next;
        assert_int_equal(unframer_read(u, 4 * FRAME_BYTES + 3, piece, sizeof piece, &err), -rows[i].code);
        assert_int_equal(unframer_read(u, 9, piece, sizeof piece, &err), 0); /* what is at hand */
        s.next = WELL;
        assert_int_equal(unframer_read(u, 4 * FRAME_BYTES + 3, piece, sizeof piece, &err), 0);
        assert_memory_equal(piece, bytes + 4 * FRAME_BYTES + 3, sizeof piece);
        unframer_close(u);
    }
    assert_int_equal(store_open(u, &s, 1, 0, len + 1), 0); /* the last frame tells its size when it is fetched */
    assert_int_equal(unframer_read(u, len - 5, piece, 5, NULL), -ERR_INPUT);
    assert_int_equal(store_open(u, &s, 1, 1, len + 1), -ERR_INPUT);
    assert_int_equal(store_open(u, &s, 1, 1, 2 * FRAME_BYTES), -ERR_INPUT);
    assert_int_equal(store_open(u, &s, 6, 0, 5 * FRAME_BYTES), -ERR_INPUT);
    packed_free(&s.packed);
    free(bytes);
    unframer_free(u);
}

/* ---- how many are taken ---- */

TEST(test_as_many_frames_are_taken_as_are_worth_it)
{
    static const struct {
        size_t of_8[8], head; /* what eight files need from the beginning, each one from the end */
    } rows[] = {
        {{7, 7, 7, 7, 7, 7, 7, 7}, 7},          {{7, 7, 7, 7, 7, 7, 7, 11}, 7}, /* one asks for more */
        {{7, 7, 7, 7, 11, 11, 11, 11}, 11},     {{1, 2, 1, 2, 1, 2, 1, 2}, 2},
        {{5, 5, 5, 5, 5, 31, 31, 31}, 31 - 26}, {{90, 90, 90, 90, 90, 90, 90, 90}, FORESIGHT_ALL},
    };
    foresight_forget();
    assert_int_equal(foresee().head, FORESIGHT_ALL); /* nothing is known */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int n = 0; n < 800; n++) foresight_note(rows[i].of_8[n % 8], 1); /* whatever was before is forgotten */
        struct foresight f = foresee();
        if (f.head != rows[i].head) fail_msg("row %zu: %zu frames are taken, not %zu", i, f.head, rows[i].head);
        assert_int_equal(f.tail, rows[i].head == FORESIGHT_ALL ? 0 : 1);
    }
    foresight_forget();
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_as_many_frames_are_taken_as_are_worth_it),
    cmocka_unit_test(test_what_is_not_at_hand_is_fetched_when_it_is_read),
    cmocka_unit_test(test_a_frame_that_cannot_be_had_or_is_another_one_is_told_and_had_later),
    cmocka_unit_test(test_pieces_are_what_the_file_has),
    cmocka_unit_test(test_what_is_not_the_file_is_refused),
    cmocka_unit_test(test_a_damaged_frame_is_told_when_it_is_read),
};
TEST_MAIN(tests, NULL, NULL)
