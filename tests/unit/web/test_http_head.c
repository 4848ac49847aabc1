/* The bytes of header fields: which may stand in them, wherever they stand, and how those of an answer are gathered. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <event2/http.h>

#include "services/web/http/message/fields.h"
#include "services/web/http/message/head.h"
#include "tests/support/test.h"

/* Every byte at every place of values of every length up to 24: read eight at once or one by one, the verdict is the
 * same. */
TEST(test_control_characters_are_found_at_every_place)
{
    for (int len = 1; len <= 24; len++)
        for (int at = 0; at < len; at++)
            for (int byte = 0; byte < 256; byte++) {
                char line[64] = "Name: ";
                memset(line + 6, 'v', (size_t)len);
                line[6 + at] = (char)byte;
                bool is_good = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
                if (head_is_field(line, 6 + (size_t)len) != is_good)
                    fail_msg("byte %d at %d of %d: %d", byte, at, len, !is_good);
            }
}

/* Two wrong ones beside each other, and the bytes next to the bounds, whose arithmetic might hide one another. */
TEST(test_neighbours_do_not_hide_control_characters)
{
    static const unsigned char bytes[] = {0x00, 0x01, 0x09, 0x1f, 0x20, 0x21, 0x7e, 0x7f, 0x80, 0x81, 0x9f, 0xa0, 0xff};
    for (size_t a = 0; a < sizeof bytes; a++)
        for (size_t b = 0; b < sizeof bytes; b++)
            for (int at = 0; at < 15; at++) {
                char line[32] = "Name: vvvvvvvvvvvvvvvv";
                line[6 + at] = (char)bytes[a];
                line[7 + at] = (char)bytes[b];
                bool is_good = true;
                for (int i = 6; i < 22; i++) {
                    unsigned char c = (unsigned char)line[i];
                    is_good = is_good && (c == '\t' || (c >= 0x20 && c != 0x7f));
                }
                if (head_is_field(line, 22) != is_good) fail_msg("%02x %02x at %d", bytes[a], bytes[b], at);
            }
}

TEST(test_names_are_tokens)
{
    for (int byte = 0; byte < 256; byte++) {
        char text = (char)byte;
        bool is_good = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                       (byte && byte < 128 && strchr("!#$%&'*+-.^_`|~", byte));
        assert_int_equal(head_is_token(&text, 1), is_good);
    }
    assert_false(head_is_token("", 0));
}

static void expect(const struct buf *fields, const char *text)
{
    assert_string_equal(fields->len ? fields->data : "", text);
    assert_int_equal(fields->len, strlen(text));
}

TEST(test_fields_are_found_and_removed_by_their_whole_name)
{
    struct buf f = {0};
    fields_remove(&f, "ETag");
    assert_false(fields_have(&f, "ETag"));
    fields_add(&f, "X-ETag", "1");
    fields_add(&f, "ETag", "\"a\"");
    fields_add(&f, "Vary", "ETag: no");
    fields_add(&f, "etag", "\"b\"");
    assert_true(fields_have(&f, "ETAG"));
    assert_false(fields_have(&f, "ETa"));
    assert_false(fields_have(&f, "Tag"));
    fields_remove(&f, "ETag");
    expect(&f, "X-ETag: 1\r\nVary: ETag: no\r\n");
    fields_remove(&f, "Vary");
    fields_remove(&f, "X-ETag");
    expect(&f, "");
    fields_add(&f, "A", "");
    expect(&f, "A: \r\n");
    buf_free(&f);
}

TEST(test_a_value_with_a_line_end_adds_no_field)
{
    static const char *const values[] = {"a\r\nSet-Cookie: b", "a\nb", "a\rb", "\r\n", "a\r\n b", "a\n"};
    struct buf f = {0};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) fields_add(&f, "Location", values[i]);
    fields_add(&f, "X\r\nY", "a");
    expect(&f, "");
    buf_free(&f);
}

TEST(test_evhttp_gets_all_fields_as_one_that_begins_with_the_date)
{
    struct buf f = {0};
    struct evkeyvalq out;
    TAILQ_INIT(&out);
    assert_true(fields_hand_on(&f, "today", &out));
    assert_string_equal(evhttp_find_header(&out, "Date"), "today");
    evhttp_clear_headers(&out);

    fields_add(&f, "A", "1");
    fields_add(&f, "B", "2");
    assert_true(fields_hand_on(&f, "today", &out));
    assert_string_equal(evhttp_find_header(&out, "date"), "today\r\nA: 1\r\nB: 2");
    evhttp_clear_headers(&out);
    buf_free(&f);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_control_characters_are_found_at_every_place),
    cmocka_unit_test(test_neighbours_do_not_hide_control_characters),
    cmocka_unit_test(test_names_are_tokens),
    cmocka_unit_test(test_fields_are_found_and_removed_by_their_whole_name),
    cmocka_unit_test(test_a_value_with_a_line_end_adds_no_field),
    cmocka_unit_test(test_evhttp_gets_all_fields_as_one_that_begins_with_the_date),
};
TEST_MAIN(tests, NULL, NULL)
