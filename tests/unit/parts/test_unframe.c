/* Packed files that are read here and there: every piece is what the file has there, whatever was read before; frames
 * that are no such file are refused. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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
    for (int i = 0; i < 200; i++) {
        struct err err = {0};
        size_t at = packed.content.len / 3 + 100 + chance((unsigned)packed.content.len / 4);
        for (size_t k = 0; k < 60; k++) packed.content.data[at + k] ^= 0x55;
        int rc = unframer_open(u, packed.content.data, packed.content.len, len, &err);
        bool is_open = rc == 0; /* harm between two blocks of a frame is seen at once */
        if (is_open) rc = unframer_read(u, FRAME_BYTES + 5, piece, sizeof piece, &err);
        assert_true(rc == 0 || (rc == -ERR_INPUT && strstr(err.text, "damaged")));
        told += rc < 0;
        if (is_open) {
            assert_int_equal(unframer_read(u, 5, piece, sizeof piece, &err), 0);
            assert_memory_equal(piece, bytes + 5, sizeof piece);
        }
        for (size_t k = 0; k < 60; k++) packed.content.data[at + k] ^= 0x55;
    }
    assert_true(told > 0);

    free(bytes);
    packed_free(&packed);
    unframer_free(u);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_pieces_are_what_the_file_has),
    cmocka_unit_test(test_what_is_not_the_file_is_refused),
    cmocka_unit_test(test_a_damaged_frame_is_told_when_it_is_read),
};
TEST_MAIN(tests, NULL, NULL)
