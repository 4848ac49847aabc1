/* The small rooms of conf: buffers, time, backoff, random identifiers, errors. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "conf/backoff.h"
#include "conf/text/buf.h"
#include "conf/text/copy.h"
#include "conf/clock.h"
#include "conf/err.h"
#include "conf/machine/random.h"
#include "conf/text/utf8.h"
#include "tests/support/test.h"

TEST(test_buffer_stops_at_its_limit_and_says_so)
{
    struct buf b;
    buf_init(&b, 8);
    assert_true(buf_str(&b, "12345678"));
    assert_false(buf_char(&b, '9'));
    assert_true(b.failed);
    assert_string_equal(b.data, "12345678");
    assert_null(buf_steal(&b));
    buf_reset(&b);
    assert_true(buf_printf(&b, "%d-%s", 12, "ab"));
    buf_consume(&b, 3);
    assert_string_equal(b.data, "ab");
    char *own = buf_steal(&b);
    assert_string_equal(own, "ab");
    free(own);
    buf_free(&b);
}

TEST(test_json_strings_are_valid_whatever_the_bytes)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *expected;
    } table[] = {
        {"a\"b\\c\n", 6, "\"a\\\"b\\\\c\\n\""},
        {"T\xc3\xbcr", 4, "\"T\xc3\xbcr\""},
        {"\xff", 1, "\"\xef\xbf\xbd\""},
        {"\xc0\xaf", 2, NULL},     /* overlong */
        {"\xed\xa0\x80", 3, NULL}, /* a surrogate */
        {"\xf0\x9f\x98\x80", 4, "\"\xf0\x9f\x98\x80\""},
        {"\xf0\x9f", 2, NULL}, /* cut */
        {"a\0b", 3, "\"a\\u0000b\""},
        {"\x1f", 1, "\"\\u001f\""},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct buf b = {0};
        assert_true(buf_json_string(&b, table[i].bytes, table[i].len));
        if (table[i].expected)
            assert_string_equal(b.data, table[i].expected);
        else
            assert_non_null(strstr(b.data, "\xef\xbf\xbd"));
        cJSON *parsed = cJSON_Parse(b.data);
        assert_non_null(parsed);
        cJSON_Delete(parsed);
        buf_free(&b);
    }
}

/* Texts by chance, of which each byte stands at each place of a word. */
TEST(test_texts_by_chance_pass_as_they_are)
{
    static const char *const pieces[] = {"a", "\"", "\\", "\n", "\x7f", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                                         " ", "xyz"};
    srand(5);
    for (int round = 0; round < 3000; round++) {
        char text[200] = "";
        for (int n = rand() % 30; n > 0; n--) strcat(text, pieces[(size_t)rand() % (sizeof pieces / sizeof *pieces)]);
        size_t len = strlen(text);
        struct buf b = {0};
        assert_true(utf8_is_valid(text, len));
        assert_true(buf_json_string(&b, text, len));
        cJSON *parsed = cJSON_Parse(b.data);
        assert_string_equal(cJSON_GetStringValue(parsed), text);
        cJSON_Delete(parsed);
        buf_free(&b);
        if (len == 0) continue;
        size_t at = (size_t)rand() % len;
        text[at] = (char)0xff;
        assert_false(utf8_is_valid(text, len));
    }
}

TEST(test_integers_are_written_as_they_are)
{
    static const int64_t numbers[] = {0, 1, -1, 9, 10, -10, 1234567890123, INT64_MAX, INT64_MIN, INT64_MIN + 1};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct buf b = {0};
        assert_true(buf_int(&b, numbers[i]));
        assert_int_equal(strtoll(b.data, NULL, 10), numbers[i]);
        buf_free(&b);
    }
}

TEST(test_texts_that_are_put_together_are_cut_where_their_room_ends)
{
    static const char *const rows[][3] = {{"", "", ""},
                                          {"abc", "", "abc"},
                                          {"abc", "def", "abcdef"},
                                          {"abcdefg", "", "abcdefg"},
                                          {"abcd", "efgh", "abcdefg"},
                                          {"abcdefgh", "x", "abcdefg"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[9] = "????????", *last = out + 7; /* the one behind is none of its */
        char *at = text_append(text_append(out, last, rows[i][0]), last, rows[i][1]);
        assert_string_equal(out, rows[i][2]);
        assert_ptr_equal(at, out + strlen(rows[i][2]));
        if (strlen(rows[i][2]) < 7) assert_int_equal(out[7], '?');
    }
}

TEST(test_text_that_is_not_utf8_is_found_cut_and_repaired)
{
    static const struct {
        const char *bytes, *repaired;
    } table[] = {
        {"T\xc3\xbcr", "T\xc3\xbcr"},
        {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
        {"a\xff"
         "b",
         "a?b"},
        {"\xc0\xaf", "??"}, /* overlong */
        {"\xed\xa0\x80", "???"},
        {"\xf4\x90\x80\x80", "????"}, /* a surrogate; above U+10FFFF */
        {"\xe2\x82", "??"},
        {"\xe2\x82\xac\xe2", "\xe2\x82\xac?"}, /* cut */
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char text[16];
        snprintf(text, sizeof text, "%s", table[i].bytes);
        assert_int_equal(utf8_is_valid(text, strlen(text)), strcmp(table[i].bytes, table[i].repaired) == 0);
        utf8_repair(text, strlen(text));
        assert_string_equal(text, table[i].repaired);
    }
    assert_int_equal(utf8_cut("ab\xc3\xbc", 3), 2);
    assert_int_equal(utf8_cut("ab\xc3\xbc", 4), 4);
    assert_int_equal(utf8_cut("ab", 4), 2);
    assert_int_equal(utf8_length("ab\xc3\xbc"), 3);
}

TEST(test_times_are_read_and_written)
{
    static const struct {
        const char *text;
        int64_t unix_us; /* -1 = refused */
    } table[] = {
        {"2026-11-24T07:55:57.222443", 1795506957222443},
        {"2026-11-24T07:55:57Z", 1795506957000000},
        {"2026-11-24 09:55:57+02:00", 1795506957000000},
        {"2026-11-24T02:25:57.5-0530", 1795506957500000},
        {"2026-11-24T07:55:57.123456789", 1795506957123456},
        {"1970-01-01T00:00:00", 0},
        {"2024-02-29T00:00:00Z", 1709164800000000},
        {"2023-02-29T00:00:00Z", -1},
        {"2026-13-01T00:00:00", -1},
        {"2026-11-24T24:00:01", -1},
        {"2026-11-24", -1},
        {"2026-11-24T07:55:57Zx", -1},
        {"2026-11-24T07:55:57.", -1},
        {"2026-11-24T07:55:57+2", -1},
        {"", -1},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        int64_t us = -1;
        int rc = clock_parse_iso(table[i].text, &us);
        if ((table[i].unix_us < 0) != (rc != 0) || (rc == 0 && us != table[i].unix_us))
            fail_msg("%s: %d, %lld", table[i].text, rc, (long long)us);
    }
    char out[CLOCK_TEXT_SIZE];
    assert_string_equal(clock_iso_ms(1795506957222, out), "2026-11-24T07:55:57.222Z");
    assert_string_equal(clock_iso_us(1795506957222443, out), "2026-11-24T07:55:57.222443");
}

TEST(test_times_are_printed_on_either_side_of_a_second)
{
    static const struct {
        int64_t unix_us;
        const char *ms, *us;
    } table[] = {
        {1795506957000000, "2026-11-24T07:55:57.000Z", "2026-11-24T07:55:57.000000"},
        {1795506956999999, "2026-11-24T07:55:56.999Z", "2026-11-24T07:55:56.999999"},
        {1795506957001001, "2026-11-24T07:55:57.001Z", "2026-11-24T07:55:57.001001"},
        {0, "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.000000"},
        {-1000, "1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999000"},
        {-1000000, "1969-12-31T23:59:59.000Z", "1969-12-31T23:59:59.000000"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char out[CLOCK_TEXT_SIZE];
        assert_string_equal(clock_iso_ms(table[i].unix_us / 1000, out), table[i].ms);
        assert_string_equal(clock_iso_us(table[i].unix_us, out), table[i].us);
    }
}

/* The values are Python's (datetime.fromisoformat), which refuses the others, too. */
TEST(test_loose_times_are_those_of_python)
{
    static const struct {
        const char *text;
        int64_t unix_us;
    } table[] = {
        {"2020-01-01", 1577836800000000LL},
        {"2020-01-01T00:00", 1577836800000000LL},
        {"20200101T000000Z", 1577836800000000LL},
        {"2020-W01-1", 1577664000000000LL},
        {"2020-W53-7", 1609632000000000LL},
        {"2020W537", 1609632000000000LL},
        {"2020-W01", 1577664000000000LL},
        {"2020W01", 1577664000000000LL},
        {"2019-W01-1T05", 1546232400000000LL},
        {"2020-01-01T07", 1577862000000000LL},
        {"2020-01-01T0708", 1577862480000000LL},
        {"2020-01-01T070809.5", 1577862489500000LL},
        {"2020-01-01T07:08:09.123456789", 1577862489123456LL},
        {"2020-01-01 07:08:09,5+05:45:30", 1577841759500000LL},
        {"20200101T010203+0545", 1577819823000000LL},
        {"2020-01-01T01:02:03-05", 1577858523000000LL},
        {"1969-12-31T23:59:59", -1000000LL},
        {"0001-01-02T00:00:00", -62135510400000000LL},
        {"20200101T01:02:03Z", 1577840523000000LL},
    };
    static const char *const refused[] = {"2019-W53-1",
                                          "2020-W00-1",
                                          "2020-W54",
                                          "2020-W01-8",
                                          "2020-W1",
                                          "2020-13-01",
                                          "2020-02-30",
                                          "2020-01-01T",
                                          "2020-01-01T7",
                                          "2020-01-01T25",
                                          "2020-01-01T07:",
                                          "2020-01-01T070",
                                          "2020-01-01T07:08Zx",
                                          "2020-01-01T07:08+",
                                          "2020-01-01T07:08+05:45:",
                                          "0000-01-01",
                                          "",
                                          "tomorrow",
                                          "2020"};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        int64_t us = 0;
        if (clock_parse_iso_loose(table[i].text, &us) != 0 || us != table[i].unix_us)
            fail_msg("%s: %lld", table[i].text, (long long)us);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        int64_t us = 0;
        if (clock_parse_iso_loose(refused[i], &us) == 0) fail_msg("%s: %lld", refused[i], (long long)us);
    }
}

TEST(test_backoff_grows_to_its_cap_with_jitter)
{
    struct backoff b;
    backoff_init(&b, 100, 1000);
    int64_t nominal = 100;
    for (int i = 0; i < 200; i++) {
        int64_t wait = backoff_next_ms(&b);
        assert_in_range(wait, nominal / 2, nominal);
        nominal = nominal * 2 > 1000 ? 1000 : nominal * 2;
    }
    backoff_reset(&b);
    assert_in_range(backoff_next_ms(&b), 50, 100);
    backoff_init(&b, INT64_MAX / 2, INT64_MAX);
    for (int i = 0; i < 70; i++) assert_true(backoff_next_ms(&b) > 0);
}

TEST(test_identifiers_have_their_form_and_differ)
{
    char a[UUID_TEXT_SIZE], b[UUID_TEXT_SIZE], token[33];
    random_uuid4(a);
    random_uuid4(b);
    assert_int_equal(strlen(a), 36);
    assert_int_equal(a[14], '4');
    assert_non_null(strchr("89ab", a[19]));
    assert_string_not_equal(a, b);
    random_token_hex(token, 16);
    assert_int_equal(strspn(token, "0123456789abcdef"), 32);
}

TEST(test_errors_keep_their_first_reason_and_errno)
{
    struct err err = {0};
    errno = ENOENT;
    assert_int_equal(err_errno(&err, "open %s", "x"), -ERR_SYSTEM);
    err_prefix(&err, "load");
    assert_string_equal(err.text, "load: open x: No such file or directory");
    assert_int_equal(errno, ENOENT);
    assert_int_equal(err_set(NULL, ERR_LIMIT, "ignored"), -ERR_LIMIT);
    err_set(&err, ERR_DB, "gone");
    assert_int_equal(err_result(&err), -ERR_DB);
    assert_string_equal(err.text, "gone");
    struct err silent = {0}; /* a failure that says nothing is one */
    assert_int_equal(err_result(&silent), -ERR_SYSTEM);
    assert_non_null(strstr(silent.text, "nothing says why"));
    assert_int_equal(err_result(NULL), -ERR_SYSTEM);
    assert_string_equal(err_code_name(ERR_UPSTREAM), "upstream");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buffer_stops_at_its_limit_and_says_so),
        cmocka_unit_test(test_json_strings_are_valid_whatever_the_bytes),
        cmocka_unit_test(test_texts_by_chance_pass_as_they_are),
        cmocka_unit_test(test_integers_are_written_as_they_are),
        cmocka_unit_test(test_texts_that_are_put_together_are_cut_where_their_room_ends),
        cmocka_unit_test(test_text_that_is_not_utf8_is_found_cut_and_repaired),
        cmocka_unit_test(test_times_are_read_and_written),
        cmocka_unit_test(test_times_are_printed_on_either_side_of_a_second),
        cmocka_unit_test(test_loose_times_are_those_of_python),
        cmocka_unit_test(test_backoff_grows_to_its_cap_with_jitter),
        cmocka_unit_test(test_identifiers_have_their_form_and_differ),
        cmocka_unit_test(test_errors_keep_their_first_reason_and_errno),
    };
    return cmocka_run_group_tests_name("conf basics", tests, NULL, NULL);
}
