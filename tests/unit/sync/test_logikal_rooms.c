/* The pure rooms of the Logikal client: places and steps, lists as streams, objects, what an answer means. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "services/logikal/client_internal.h"
#include "services/logikal/json_list.h"
#include "services/logikal/place.h"
#include "tests/support/test.h"

static const enum sideways refused[LEVEL_COUNT] = {SIDEWAYS_REFUSED, SIDEWAYS_REFUSED, SIDEWAYS_REFUSED,
                                                   SIDEWAYS_REFUSED, SIDEWAYS_REFUSED};
static const enum sideways unknown[LEVEL_COUNT] = {SIDEWAYS_UNKNOWN};

TEST(test_steps_by_table)
{
    static const struct {
        const char *at[4], *to[4];
        bool may_go_sideways;
        const char *expected;
    } rows[] = {
        {{"", "", "", ""}, {"A", "", "", ""}, false, "select 1 A"},
        {{"", "", "", ""},
         {"A\x1f"
          "A/B",
          "p", "", ""},
         false,
         "select 1 A"},
        {{"A", "", "", ""},
         {"A\x1f"
          "A/B",
          "p", "", ""},
         false,
         "select 1 A/B"},
        {{"A", "", "", ""}, {"A", "p", "", ""}, false, "select 2 p"},
        {{"A", "p", "", ""}, {"A", "p", "f", "e"}, false, "select 3 f"},
        {{"A", "p", "f", ""}, {"A", "p", "f", "e"}, false, "select 4 e"},
        {{"A", "p", "f", "e"}, {"A", "p", "f", "e"}, false, "here"},
        {{"A", "p", "f", "e"}, {"A", "p", "f", ""}, true, "new"},
        {{"A", "p", "f", "e"}, {"A", "p", "f", "x"}, false, "new"},
        {{"A", "p", "f", "e"}, {"A", "p", "f", "x"}, true, "sideways 4 x"},
        {{"A", "p", "f", "e"}, {"A", "p", "g", "x"}, true, "new"},
        {{"A", "p", "f", ""}, {"A", "p", "g", "x"}, true, "sideways 3 g"},
        {{"A", "p", "f", ""}, {"A", "p", "g", "x"}, false, "new"},
        {{"A", "p", "", ""}, {"A", "q", "g", "x"}, true, "sideways 2 q"},
        {{"A", "p", "", ""}, {"B", "q", "g", "x"}, true, "new"},
        {{"A", "", "", ""}, {"B", "q", "", ""}, true, "sideways 1 B"},
        {{"A", "", "", ""}, {"AB", "q", "", ""}, false, "new"},
        {{"A\x1f"
          "A/B",
          "", "", ""},
         {"A", "", "", ""},
         true,
         "new"},
        {{"A", "", "", ""}, {"", "", "", ""}, true, "new"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct place at = {0}, to = {0};
        char text[64];
        place_set(&at, rows[i].at[0], rows[i].at[1], rows[i].at[2], rows[i].at[3]);
        place_set(&to, rows[i].to[0], rows[i].to[1], rows[i].to[2], rows[i].to[3]);
        struct step step = place_next_step(&at, &to, rows[i].may_go_sideways ? unknown : refused);
        if (step.kind == STEP_SELECT)
            snprintf(text, sizeof text, "%s %d %.*s", step.is_sideways ? "sideways" : "select", (int)step.level,
                     (int)step.length, step.identifier);
        else
            snprintf(text, sizeof text, "%s", step.kind == STEP_HERE ? "here" : "new");
        if (strcmp(text, rows[i].expected) != 0) fail_msg("row %zu: %s instead of %s", i, text, rows[i].expected);
        place_clear(&at);
        place_clear(&to);
    }
}

TEST(test_taking_every_step_arrives)
{
    struct place at = {0}, to = {0};
    place_set(&to,
              "A\x1f"
              "A/B\x1f"
              "A/B/C",
              "p", "f", "e");
    int steps = 0;

    assert_int_equal(place_distance(&at, &to, refused), 6);
    for (struct step s; (s = place_next_step(&at, &to, refused)).kind == STEP_SELECT; steps++) place_take_step(&at, &s);

    assert_int_equal(steps, 6);
    assert_int_equal(place_next_step(&at, &to, refused).kind, STEP_HERE);
    place_clear(&at);
    place_clear(&to);
}

struct seen {
    int count;
    char text[256];
};

static bool on_element(void *arg, const char *text, size_t len)
{
    struct seen *seen = arg;
    size_t at = strlen(seen->text);
    assert_int_equal(text[len], '\0');
    snprintf(seen->text + at, sizeof seen->text - at, "[%.*s]", (int)len, text);
    seen->count++;
    return true;
}

/* Fed whole, and byte by byte. */
static bool read_list(const char *json, struct seen *seen, size_t piece)
{
    struct json_list l = {0};
    *seen = (struct seen){0};
    json_list_init(&l, on_element, seen);
    bool fed = true;
    for (size_t i = 0, len = strlen(json); i < len && fed; i += piece)
        fed = json_list_feed(&l, json + i, len - i < piece ? len - i : piece);
    bool whole = json_list_finish(&l);
    assert_false(whole && !fed);
    if (!fed) assert_false(json_list_feed(&l, " ", 1)); /* it stays so */
    json_list_free(&l);
    return whole;
}

TEST(test_lists_by_table)
{
    static const struct {
        const char *json, *elements;
        bool is_whole;
    } rows[] = {
        {"{\"data\":[]}", "", true},
        {"{\"data\":null,\"hints\":[]}", "", false},
        {"{\"data\" : null}", "", false},
        {"{\"data\":nul}", "", false},
        {"{\"data\":true}", "", false},
        {"{\"data\":null,\"data\":[1]}", "", false},
        {" { \"data\" : [ 1 , {\"a\":[2,{}]} , \"x,]\" ] , \"hints\":[\"data\"] } ", "[1][{\"a\":[2,{}]}][\"x,]\"]",
         true},
        {"{\"hints\":{\"data\":[9]},\"data\":[{\"b\":\"\\\"}\"}]}", "[{\"b\":\"\\\"}\"}]", true},
        {"{\"data\":[1,2]", "[1][2]", false},
        {"{\"data\":[1,]}", "[1]", false},
        {"{\"data\":[1,2],\"data\":[]}", "[1][2]", true},
        {"{\"data\":,\"data\":[1]}", "", false},
        {"{\"datb\":[9],\"data\":[1]}", "[1]", true},
        {"{\"dat\":[9],\"data\":[1]}", "[1]", true},
        {"{\"data2\":[9],\"data\":[1]}", "[1]", true},
        {"{\"a\":\"data\",\"b\":[9],\"data\":[ [ 1 ] ]}", "[[ 1 ]]", true},
        {"{\"data\":[1]}{", "[1]", false},
        {"{\"data\":[1]}}", "[1]", false},
        {"{\"data\":[,1]}", "", false},
        {"{\"data\":[1}", "", false},
        {"{\"data\":{}}", "", false},
        {"{\"data\":\"x\"}", "", false},
        {"{\"data\":12}", "", false},
        {"{\"other\":[1]}", "", false},
        {"[1,2]", "", false},
        {"", "", false},
        {"<html>", "", false},
        {"{\"data\":[1]} x", "[1]", false},
        {"{\"data\":[\"a\nb\"]}", "[\"a\nb\"]", true}, /* a raw control character */
        {"{\"data\":[{\"a\":\"\tb\"},2]}", "[{\"a\":\"\tb\"}][2]", true},
        {"\xef\xbb\xbf{\"data\":[1]}", "[1]", true},
        {"\xef\xbb\xbf \r\n{\"data\":[1]}", "[1]", true},
        {"\xef\xbb\xbf\xef\xbb\xbf{\"data\":[1]}", "", false},
        {"\xbf{\"data\":[1]}", "", false},
        {"\xff\xfe{\"data\":[1]}", "", false},
        {"{\xef\xbb\xbf\"data\":[1]}", "[1]", true},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t piece = 1; piece < 200; piece = piece == 1 ? 3 : 200) {
            struct seen seen;
            bool is_whole = read_list(rows[i].json, &seen, piece);
            if (is_whole != rows[i].is_whole || strcmp(seen.text, rows[i].elements) != 0)
                fail_msg("row %zu: %d %s", i, is_whole, seen.text);
        }
    }
}

/* Who has read enough says so, and is handed no more. */
static bool stop_at_two(void *arg, const char *text, size_t len)
{
    on_element(arg, text, len);
    return ((struct seen *)arg)->count < 2;
}

TEST(test_lists_that_are_stopped)
{
    for (size_t piece = 1; piece < 40; piece += 38) {
        static const char json[] = "{\"data\":[1,2,3,4]}", last[] = "{\"data\":[1,2]}";
        struct json_list l = {0};
        struct seen seen = {0};
        json_list_init(&l, stop_at_two, &seen);
        bool fed = true;
        for (size_t i = 0; i < strlen(json) && fed; i += piece)
            fed = json_list_feed(&l, json + i, strlen(json) - i < piece ? strlen(json) - i : piece);
        assert_false(fed);
        assert_string_equal(seen.text, "[1][2]");
        assert_false(json_list_feed(&l, " ", 1));
        assert_false(json_list_finish(&l));
        seen = (struct seen){0};
        json_list_init(&l, stop_at_two, &seen); /* at the end of it, too */
        assert_false(json_list_feed(&l, last, strlen(last)));
        assert_false(json_list_finish(&l));
        json_list_free(&l);
    }
}

TEST(test_brackets_that_are_too_many)
{
    for (int depth = JSON_LIST_DEPTH - 1; depth <= JSON_LIST_DEPTH + 1; depth++) {
        struct buf json = {0};
        struct json_list l = {0};
        struct seen seen = {0};
        buf_str(&json, "{\"data\":[");
        for (int i = 2; i < depth; i++) buf_char(&json, '[');
        json_list_init(&l, on_element, &seen);
        assert_int_equal(json_list_feed(&l, json.data, json.len), depth <= JSON_LIST_DEPTH);
        json_list_free(&l);
        buf_free(&json);
    }
}

/* One that is too large costs nothing but itself: so much of it is handed on that it can be told. */
static size_t lengths[4], length_count;

static bool note_length(void *arg, const char *text, size_t len)
{
    (void)arg, (void)text;
    lengths[length_count++] = len;
    return true;
}

TEST(test_elements_that_are_too_large)
{
    static const size_t sizes[] = {JSON_LIST_ELEMENT_LIMIT - 1, JSON_LIST_ELEMENT_LIMIT,
                                   JSON_LIST_ELEMENT_LIMIT + 5000};
    struct buf json = {0};
    struct json_list l = {0};
    buf_str(&json, "{\"data\":[");
    for (size_t i = 0; i < 3; i++) {
        buf_char(&json, '"');
        for (size_t k = 2; k < sizes[i]; k++) buf_char(&json, 'x');
        buf_str(&json, "\",");
    }
    buf_str(&json, "7]}");
    json_list_init(&l, note_length, NULL);
    assert_true(json_list_feed(&l, json.data, json.len));
    assert_true(json_list_finish(&l));
    json_list_free(&l);
    buf_free(&json);
    assert_int_equal(lengths[0], JSON_LIST_ELEMENT_LIMIT - 1);
    assert_int_equal(lengths[1], JSON_LIST_ELEMENT_LIMIT);
    assert_int_equal(lengths[2], JSON_LIST_ELEMENT_LIMIT);
    assert_int_equal(lengths[3], 1);
}

TEST(test_places_inside_others)
{
    static const struct {
        const char *outer[4], *inner[4];
        bool expected;
    } rows[] = {
        {{"", "", "", ""}, {"A", "p", "", ""}, true},
        {{"A", "", "", ""}, {"A", "", "", ""}, true},
        {{"A", "", "", ""},
         {"A\x1f"
          "A/B",
          "p", "f", "e"},
         true},
        {{"A", "", "", ""}, {"AB", "p", "", ""}, false},
        {{"A\x1f"
          "A/B",
          "", "", ""},
         {"A", "", "", ""},
         false},
        {{"A", "p", "", ""}, {"A", "p", "f", "e"}, true},
        {{"A", "p", "", ""}, {"A", "q", "f", "e"}, false},
        {{"A", "p", "", ""},
         {"A\x1f"
          "A/B",
          "p", "", ""},
         false},
        {{"A", "p", "f", ""}, {"A", "p", "", ""}, false},
        {{"A", "p", "f", ""}, {"A", "p", "g", "e"}, false},
        {{"A", "p", "f", "e"}, {"A", "p", "f", "e"}, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct place outer = {0}, inner = {0};
        place_set(&outer, rows[i].outer[0], rows[i].outer[1], rows[i].outer[2], rows[i].outer[3]);
        place_set(&inner, rows[i].inner[0], rows[i].inner[1], rows[i].inner[2], rows[i].inner[3]);
        if (place_contains(&outer, &inner) != rows[i].expected) fail_msg("row %zu", i);
        place_clear(&outer);
        place_clear(&inner);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_steps_by_table),
    cmocka_unit_test(test_taking_every_step_arrives),
    cmocka_unit_test(test_lists_by_table),
    cmocka_unit_test(test_lists_that_are_stopped),
    cmocka_unit_test(test_brackets_that_are_too_many),
    cmocka_unit_test(test_elements_that_are_too_large),
    cmocka_unit_test(test_places_inside_others),
};
TEST_MAIN(tests, NULL, NULL)
