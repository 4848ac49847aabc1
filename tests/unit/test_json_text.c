/* JSON that is only carried comes out as it went in; what is read says when it does not fit. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "conf/text/fact.h"
#include "conf/text/json.h"
#include "conf/text/whole.h"
#include "conf/text/json_escape.h"
#include "ipc/queue/queue_message.h"
#include "tests/support/support.h"

static char *through(const char *text)
{
    cJSON *json = json_parse(text, strlen(text));
    if (!json) return NULL;
    json_exact(json);
    char *out = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return out;
}

TEST(test_what_is_carried_is_not_changed)
{
    static const char *const texts[] = {"1",
                                        "-1",
                                        "0",
                                        "-0",
                                        "1.0",
                                        "0.1",
                                        "0.30000000000000004",
                                        "1e400",
                                        "-1e-400",
                                        "1E5",
                                        "123456789012345",
                                        "1234567890123456",
                                        "1152921504606846977",
                                        "-9223372036854775808",
                                        "18446744073709551616123456789",
                                        "3.141592653589793",
                                        "NaN",
                                        "Infinity",
                                        "-Infinity",
                                        "[NaN,Infinity,-Infinity,1]",
                                        "{\"a\":[1.0,{\"b\":9007199254740993}],\"c\":null,\"d\":true,\"e\":false}",
                                        "\"a\\u0000b\"",
                                        "\"\\ud83d\"",
                                        "\"\\udc00x\\ud83d\"",
                                        "[\"\\ud83d\\ud83d\\ude00\"]",
                                        "\"\\u00e4\\u0000\"",
                                        "{\"k\":\"NaN\"}",
                                        "[[[[1.50]]],\"-Infinity\"]",
                                        "[]",
                                        "{}",
                                        "[{},[]]",
                                        "\"\"",
                                        "[\"\\\\u0000\"]",
                                        "[\"a\\\"NaN\",1.00]"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *out = through(texts[i]);
        /* texts that a C string holds may be escaped in another way */
        if (!out || strcmp(out, texts[i]) != 0) printf("%s became %s\n", texts[i], out ? out : "nothing");
        assert_non_null(out);
        assert_string_equal(out, texts[i]);
        free(out);
    }
}

/* The parser takes any control byte for a blank; the texts beside the tree do, too. */
TEST(test_odd_blanks_mix_nothing_up)
{
    static const struct {
        const char *text, *out;
    } rows[] = {
        {"[\x01"
         "1.0,\x1f"
         "0.30000000000000004]",
         "[1.0,0.30000000000000004]"},
        {"{\x02\"a\"\x03:\x04"
         "1.50\x05,\x06\"b\": [\x07NaN\x08]}",
         "{\"a\":1.50,\"b\":[NaN]}"},
        {"\t[\v\"\\u0000\"\f, 18446744073709551616\x0e]\x0f", "[\"\\u0000\",18446744073709551616]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *out = through(rows[i].text);
        assert_non_null(out);
        assert_string_equal(out, rows[i].out);
        free(out);
    }
}

TEST(test_blanks_between_do_not_matter)
{
    char *out = through(" { \"a\" : [ 1.0 ,\t2 , NaN ] ,\n\"b\": 1e400 } ");

    assert_string_equal(out, "{\"a\":[1.0,2,NaN],\"b\":1e400}");
    free(out);
}

TEST(test_pairs_and_plain_texts_stay_texts)
{
    static const char text[] = "[\"\\ud83d\\ude00\",\"\\u00e4\",\"x\"]";
    cJSON *json = json_parse(text, strlen(text));

    assert_string_equal(cJSON_GetArrayItem(json, 0)->valuestring, "\xf0\x9f\x98\x80");
    assert_string_equal(cJSON_GetArrayItem(json, 1)->valuestring, "\xc3\xa4");
    assert_true(cJSON_IsString(cJSON_GetArrayItem(json, 2)));
    cJSON_Delete(json);
}

TEST(test_numbers_can_be_read_and_say_when_they_do_not_fit)
{
    static const struct {
        const char *text;
        bool fits;
    } rows[] = {{"1", true},
                {"1.0", true},
                {"0.1", true},
                {"9007199254740992", true},
                {"9007199254740993", false},
                {"-9007199254740993", false},
                {"NaN", false},
                {"\"1\"", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cJSON *json = json_parse(rows[i].text, strlen(rows[i].text));
        if (json_number_fits(json) != rows[i].fits) printf("%s\n", rows[i].text);
        assert_int_equal(json_number_fits(json), rows[i].fits);
        cJSON_Delete(json);
    }
}

TEST(test_bytes_that_are_not_utf8_become_question_marks)
{
    char *out = through("{\"a\":\"Gr\xfc\xdf\x65\",\"n\":2.50}");

    assert_string_equal(out, "{\"a\":\"Gr??e\",\"n\":2.50}");
    free(out);
}

TEST(test_malformed_json_is_nothing)
{
    static const char *const bad[] = {"",        "{",  "[1,]", "NaNa", "\"\\u12\"",        "1 2",
                                      "{\"a\"}", "[1", "nul",  "+1",   "{\"a\\u0000b\":1}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cJSON *json = json_parse(bad[i], strlen(bad[i]));
        if (json) printf("%s\n", bad[i]);
        assert_null(json);
    }
    assert_null(json_parse("1\0", 2));
}

TEST(test_escapes_are_told_apart)
{
    static const struct {
        const char *text;
        enum json_escape what;
        size_t len;
    } rows[] = {
        {"\\n", ESCAPE_PLAIN, 2},
        {"\\\\", ESCAPE_PLAIN, 2},
        {"\\", ESCAPE_PLAIN, 1},
        {"\\u0041", ESCAPE_PLAIN, 6},
        {"\\uFFFFx", ESCAPE_PLAIN, 6},
        {"\\u004", ESCAPE_PLAIN, 2},
        {"\\u00g1", ESCAPE_PLAIN, 2},
        {"\\U0041", ESCAPE_PLAIN, 2},
        {"\\u0000", ESCAPE_NUL, 6},
        {"\\ud83d\\uDE00", ESCAPE_PAIR, 12},
        {"\\uD83D\\ude0", ESCAPE_HALF, 6},
        {"\\uD83Dude00", ESCAPE_HALF, 6},
        {"\\uD83D\\u0041", ESCAPE_HALF, 6},
        {"\\uD83D\\uD83D", ESCAPE_HALF, 6},
        {"\\udbff\\udfff", ESCAPE_PAIR, 12},
        {"\\udc00\\ud800", ESCAPE_HALF, 6},
        {"\\udfff", ESCAPE_HALF, 6},
        {"\\ue000", ESCAPE_PLAIN, 6},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len = 0;
        char *text = strdup(rows[i].text); /* whose end the sanitizer knows */
        assert_int_equal(json_escape(text, strlen(text), &len), rows[i].what);
        assert_int_equal(len, rows[i].len);
        free(text);
    }
}

/* ---- plain texts, read where they lie ---- */
static bool is_same(const cJSON *a, const cJSON *b)
{
    const cJSON *x = a->child, *y = b->child;
    if (a->type != b->type || a->valuedouble != b->valuedouble || a->valueint != b->valueint) return false;
    if (cJSON_IsString(a) && strcmp(a->valuestring, b->valuestring) != 0) return false;
    if (cJSON_IsNumber(a) && (a->valuestring || b->valuestring)) return false;
    for (; x && y; x = x->next, y = y->next) {
        if ((x->string != NULL) != (y->string != NULL) || (x->string && strcmp(x->string, y->string) != 0))
            return false;
        if ((x == a->child) != (y == b->child) || (x->prev->next != NULL) != (y->prev->next != NULL)) return false;
        if (!is_same(x, y)) return false;
    }
    return !x && !y;
}

/* Whatever is read where it lies gives the same tree, and is malformed for neither; whether it was. */
static bool is_plain(const char *text, size_t len)
{
    cJSON nodes[64];
    char *own = malloc(len + 1);
    assert_non_null(own);
    memcpy(own, text, len);
    own[len] = '\0';
    cJSON *plain = json_read_plain(own, len, nodes, 64), *tree = plain ? json_parse(text, len) : NULL;
    cJSON *copy = plain ? cJSON_Duplicate(plain, true) : NULL;
    if (plain && (!tree || !is_same(plain, tree))) printf("differs: %.*s\n", (int)len, text);
    if (plain) assert_true(tree && is_same(plain, tree) && is_same(copy, tree));
    cJSON_Delete(copy);
    cJSON_Delete(tree);
    free(own);
    return plain != NULL;
}

TEST(test_what_is_plain)
{
    static const char *const plain[] = {"1",
                                        "0",
                                        "-7",
                                        "123456789012345",
                                        "-12345678901234",
                                        "2147483648",
                                        "-2147483649",
                                        "null",
                                        "[true, false]",
                                        "{}",
                                        "[ ]",
                                        "\"\"",
                                        " {\"a\" : [1,{\"b\":null}]\n, \"a\":\"x\"}\r\n",
                                        "[[[[[[[[]]]]]]]]",
                                        "{\"\": {\"\": \"\"}}"};
    static const char *const others[] = {"",
                                         " ",
                                         "-",
                                         "-0",
                                         "01",
                                         "1.0",
                                         "1e5",
                                         "1234567890123456",
                                         "-123456789012345",
                                         "NaN",
                                         "nul",
                                         "nullx",
                                         "[1,]",
                                         "{\"a\":1,}",
                                         "{\"a\" 1}",
                                         "{a:1}",
                                         "[1 2]",
                                         "1 2",
                                         "\"a",
                                         "\"\\n\"",
                                         "\"\xc3\xa4\"",
                                         "\"a\tb\"",
                                         "\"\x7f\"",
                                         "\x01[]",
                                         "[[[[[[[[[]]]]]]]]]"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (!is_plain(plain[i], strlen(plain[i]))) printf("not plain: %s\n", plain[i]);
        assert_true(is_plain(plain[i], strlen(plain[i])));
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (is_plain(others[i], strlen(others[i]))) printf("plain: %s\n", others[i]);
        assert_false(is_plain(others[i], strlen(others[i])));
    }
    assert_false(is_plain("1\0", 2));
}

TEST(test_plain_texts_and_trees_are_the_same)
{
    static const char envelope[] =
        "{\"body\": \"W1tdLCB7fV0=\", \"content-encoding\": \"utf-8\", \"headers\": {\"lang\": \"py\", \"id\": "
        "\"a-1\", \"eta\": "
        "null, \"retries\": 0, \"timelimit\": [null, 30], \"ignore_result\": false, \"stamps\": {\"k\": [1, \"x\"]}}, "
        "\"properties\": {\"delivery_info\": {\"exchange\": \"\", \"routing_key\": \"sync\"}, \"priority\": 3}}";
    static const char odd[] = "\"\\{}[],:0123456789.-+eENnulltruefalse \n\x01\x7f\xc3\xa4\0";
    char text[sizeof envelope];
    int plain = 0;
    srand(7);
    for (int round = 0; round < 5000; round++) {
        size_t len = sizeof envelope - 1;
        memcpy(text, envelope, sizeof envelope);
        for (int change = rand() % 4; change > 0; change--) {
            size_t at = (size_t)rand() % len;
            if (rand() % 3 == 0)
                memmove(text + at, text + at + 1, --len - at);
            else
                text[at] = odd[(size_t)rand() % (sizeof odd - 1)];
        }
        plain += is_plain(text, len);
    }
    assert_in_range(plain, 1000, 5000);
}

TEST(test_nodes_have_an_end)
{
    char text[400];
    for (int items = 60; items < 70; items++) {
        size_t len = (size_t)snprintf(text, sizeof text, "[0");
        for (int i = 1; i < items; i++) len += (size_t)snprintf(text + len, sizeof text - len, ",%d", i);
        len += (size_t)snprintf(text + len, sizeof text - len, "]");
        assert_int_equal(is_plain(text, len), items < 64);
    }
}

/* A number is looked at as far as it goes: a long list takes no longer for each, and nothing behind the text is read.
 */
TEST(test_numbers_are_read_no_further_than_they_go)
{
    enum { MANY = 200000 };
    size_t len = 2 * (size_t)MANY + 1;
    char *text = malloc(len); /* without an end, where an address sanitizer looks */
    assert_non_null(text);
    for (size_t i = 0; i < len; i++) text[i] = i % 2 ? '1' : ',';
    text[0] = '[', text[len - 1] = ']';
    clock_t since = clock();
    cJSON *json = json_parse(text, len);
    assert_int_equal(cJSON_GetArraySize(json), MANY);
    assert_true(clock() - since < 5 * CLOCKS_PER_SEC);
    cJSON_Delete(json);
    memcpy(text, "7", 1);
    char *alone = memcpy(malloc(1), text, 1);
    json = json_parse(alone, 1);
    assert_int_equal(json ? json->valueint : 0, 7);
    cJSON_Delete(json);
    free(alone);
    free(text);
}

TEST(test_whole_numbers_of_strangers_are_bounded)
{
    static const struct {
        const char *text;
        int64_t whole;
        int small;
    } rows[] = {{"{\"n\":1.9}", 1, 1},
                {"{\"n\":-1.9}", -1, -1},
                {"{\"n\":6e100}", 9007199254740992, INT_MAX},
                {"{\"n\":-1e308}", -9007199254740992, INT_MIN},
                {"{\"n\":2147483648}", 2147483648, INT_MAX},
                {"{\"n\":-2147483649}", -2147483649, INT_MIN},
                {"{\"n\":1e999}", 9007199254740992, INT_MAX},
                {"{\"n\":\"7\"}", 0, 0},
                {"{}", 0, 0},
                {"[]", 0, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cJSON *json = cJSON_Parse(rows[i].text);
        assert_int_equal(json_whole(json, "n", 0), rows[i].whole);
        assert_int_equal(fact_whole(json, "n"), rows[i].whole);
        assert_int_equal(fact_int(json, "n"), rows[i].small);
        cJSON_Delete(json);
    }
}

TEST(test_numbers_of_strangers_can_be_reckoned_with)
{
    static const struct {
        const char *text;
        int64_t whole, of_double;
    } rows[] = {{"1780000000 admin", 1780000000, 1780000000},
                {"-3", -3, -3},
                {"99999999999999999999", WHOLE_MAX, WHOLE_MAX},
                {"-99999999999999999999", -WHOLE_MAX, -WHOLE_MAX},
                {"9007199254740993", WHOLE_MAX, WHOLE_MAX},
                {"1e300", 1, WHOLE_MAX},
                {"-inf", 0, -WHOLE_MAX},
                {"nan", 0, 0},
                {"", 0, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *end = NULL;
        assert_int_equal(whole_read(rows[i].text, &end), rows[i].whole);
        assert_true(end >= rows[i].text && end <= rows[i].text + strlen(rows[i].text));
        assert_int_equal(whole_of(strtod(rows[i].text, NULL)), rows[i].of_double);
        assert_true(whole_read(rows[i].text, NULL) * 1000 / 1000 == rows[i].whole);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_numbers_of_strangers_can_be_reckoned_with),
    cmocka_unit_test(test_whole_numbers_of_strangers_are_bounded),
    cmocka_unit_test(test_escapes_are_told_apart),
    cmocka_unit_test(test_what_is_carried_is_not_changed),
    cmocka_unit_test(test_blanks_between_do_not_matter),
    cmocka_unit_test(test_odd_blanks_mix_nothing_up),
    cmocka_unit_test(test_pairs_and_plain_texts_stay_texts),
    cmocka_unit_test(test_numbers_can_be_read_and_say_when_they_do_not_fit),
    cmocka_unit_test(test_bytes_that_are_not_utf8_become_question_marks),
    cmocka_unit_test(test_malformed_json_is_nothing),
    cmocka_unit_test(test_what_is_plain),
    cmocka_unit_test(test_plain_texts_and_trees_are_the_same),
    cmocka_unit_test(test_nodes_have_an_end),
    cmocka_unit_test(test_numbers_are_read_no_further_than_they_go),
};
TEST_MAIN(tests, NULL, NULL)
