/* Times in JSON from PostgreSQL get the digits that strict readers want, and nothing else is touched. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/json_times.h"
#include "tests/support/test.h"

TEST(test_fractions_are_filled_up)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"", ""},
        {"T", "T"},
        {"{\"at\":\"2026-11-25T21:47:45.38+00:00\"}", "{\"at\":\"2026-11-25T21:47:45.380000+00:00\"}"},
        {"[\"2026-11-25T21:47:45.1\",\"2026-11-25T21:47:45.12345Z\"]",
         "[\"2026-11-25T21:47:45.100000\",\"2026-11-25T21:47:45.123450Z\"]"},
        {"\"2026-11-25T21:47:45.123456+00:00\"", "\"2026-11-25T21:47:45.123456+00:00\""},
        {"\"2026-11-25T21:47:45+00:00\"", "\"2026-11-25T21:47:45+00:00\""},
        {"\"2026-11-25T21:47:45.1-03:30\" ", "\"2026-11-25T21:47:45.100000-03:30\" "},
        {"\"since 2026-11-25T21:47:45.1\"", "\"since 2026-11-25T21:47:45.1\""}, /* text of somebody */
        {"\"2026-11-25T21:47:45.1 at last\"", "\"2026-11-25T21:47:45.1 at last\""},
        {"\"2026-11-25T21:47:45.\"", "\"2026-11-25T21:47:45.\""},
        {"\"2026-11-25T21:47:45.1", "\"2026-11-25T21:47:45.1"}, /* cut off */
        {"\"2026-11-25T21:47:45.1+00:0", "\"2026-11-25T21:47:45.1+00:0"},
        {"\"2026-11-25T", "\"2026-11-25T"},
        {"TTTT\"2026-11-2xT21:47:45.1\"", "TTTT\"2026-11-2xT21:47:45.1\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf out = {0};
        size_t len = strlen(rows[i].in);
        char *exact = malloc(len + !len); /* so that a read beyond the end is seen */
        memcpy(exact, rows[i].in, len);
        assert_true(json_times_add(&out, exact, len));
        assert_string_equal(out.data ? out.data : "", rows[i].out);
        buf_free(&out);
        free(exact);
    }
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(test_fractions_are_filled_up)};
TEST_MAIN(tests, NULL, NULL)
