/* What fuzzing found, one test for each: inputs that once broke a promise. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/text/buf.h"
#include "conf/text/fact.h"
#include "ipc/redis/redis_internal.h"
#include "services/logikal/client_internal.h"
#include "services/logikal/request.h"
#include "services/web/watch/alarms/told_alone.h"
#include "tests/support/support.h"

TEST(test_token_that_is_no_header_text_is_refused)
{
    static const struct {
        const char *body;
        int rc;
    } table[] = {
        {"{\"data\":{\"token\":\"0b1c-2d3e\"}}", 0},
        {"{\"data\":{\"token\":\"abc\\r\\nX-Evil: 1\"}}", -1},
        {"{\"data\":{\"token\":\"abc\\nX\"}}", -1},
        {"{\"data\":{\"token\":\"a b\"}}", -1},
        {"{\"data\":{\"token\":\"\\u00e4\"}}", -1},
        {"{\"data\":{\"token\":\"\"}}", -1},
        {"{\"data\":{\"token\":5}}", -1},
        {"{\"data\":7}", -1},
        {"", -1},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char token[TOKEN_SIZE] = "";
        struct buf body = {0};
        buf_str(&body, table[i].body);
        if ((request_read_token(&body, token, sizeof token) ? -1 : 0) != table[i].rc) fail_msg("%s", table[i].body);
        if (table[i].rc == 0) assert_string_equal(token, "0b1c-2d3e");
        buf_free(&body);
    }
}

static int problems;

static void count_problems(void *arg, const cJSON *list)
{
    const cJSON *p;
    (void)arg;
    cJSON_ArrayForEach(p, list) {
        if (!*fact_text(p, "key")) fail_msg("a problem without a key was taken over");
        problems++;
    }
}

TEST(test_what_a_dead_process_left_of_alarms_is_taken_as_far_as_it_is_any)
{
    static const struct {
        const char *text;
        int count;
    } rows[] = {{"[{\"key\":\"redis\"},{\"key\":\"sync\"}]", 2},
                {"[{\"key\":\"redis\"}]}]and what was longer before", 1},
                {"[7,null,\"x\",[],{},{\"key\":\"\"},{\"key\":3},{\"cause\":\"x\"},{\"key\":\"a\"}]", 1},
                {"[{\"key\":\"redis\",\"cause\":\"\xff\"}]", 0},
                {"[{\"key\":\"redis\"", 0},
                {"{\"key\":\"redis\"}", 0},
                {"", 0}};
    char path[300];
    snprintf(path, sizeof path, "%s/alarms.1", support_dir());
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct told_alone *t = told_alone_new(support_dir());
        FILE *file = fopen(path, "we");
        assert_true(t && file && fputs(rows[i].text, file) >= 0 && fclose(file) == 0);
        problems = 0;
        told_alone_take(t, count_problems, NULL);
        if (problems != rows[i].count) fail_msg("%s: %d", rows[i].text, problems);
        assert_int_equal(access(path, F_OK), -1);
        told_alone_free(t);
    }
}

/* Room for all of them would be made at once. */
static void test_redis_announces_more_elements_than_ever_come(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        bool is_taken;
    } rows[] = {
        {"*4194304\r\n:1\r\n", true},
        {"*4194305\r\n:1\r\n", false},
        {"*1777777777\r\n", false},
        {"*2147483647\r\n", false},
        {"*2\r\n:1\r\n*1777777777\r\n", false},
        {"*1\r\n*1\r\n*4194305\r\n:1\r\n", false},
        {"*99999999999999999999\r\n", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        redisReader *reader = redis_reader_new();
        void *reply = NULL;
        redisReaderFeed(reader, rows[i].bytes, strlen(rows[i].bytes));
        bool is_taken = redisReaderGetReply(reader, &reply) == REDIS_OK;
        if (is_taken != rows[i].is_taken) fail_msg("%s", rows[i].bytes);
        redisReaderFree(reader);
    }
}

static void test_redis_refuses_without_a_word(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *words;
    } rows[] = {
        {"-\r\n", 3, "an error without a word"},
        {"-   \r\n", 6, "an error without a word"},
        {"-\0\0\0\r\n", 6, "an error without a word"},
        {"-\t\x01\r\n", 5, "an error without a word"},
        {"-ERR a\0b\r\n", 10, "ERR a b"},
        {"-ERR no\r\n", 9, "ERR no"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        redisReader *reader = redis_reader_new();
        void *reply = NULL;
        redisReaderFeed(reader, rows[i].bytes, rows[i].len);
        assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
        assert_non_null(reply);
        reply_tidy(reply);
        assert_string_equal(reply_error(reply), rows[i].words);
        freeReplyObject(reply);
        redisReaderFree(reader);
    }
}

static void test_redis_answers_a_list_of_anything(void **state)
{
    (void)state;
    static const char bytes[] = "*6\r\n$-1\r\n:7\r\n*2\r\n$-1\r\n*0\r\n$1\r\nx\r\n*-1\r\n-ERR\r\n";
    redisReader *reader = redis_reader_new();
    void *got = NULL;
    redisReaderFeed(reader, bytes, sizeof bytes - 1);
    assert_int_equal(redisReaderGetReply(reader, &got), REDIS_OK);
    redisReply *list = got;
    reply_tidy(list);
    assert_int_equal(list->elements, 6);
    static const char *const texts[] = {"", "", "", "x", "", "ERR"};
    for (size_t i = 0; i < 6; i++) assert_string_equal(list->element[i]->str, texts[i]);
    assert_int_equal(list->element[1]->integer, 7);
    for (size_t i = 0; i < 2; i++) assert_string_equal(list->element[2]->element[i]->str, "");
    freeReplyObject(list);
    redisReaderFree(reader);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_what_a_dead_process_left_of_alarms_is_taken_as_far_as_it_is_any),
    cmocka_unit_test(test_redis_announces_more_elements_than_ever_come),
    cmocka_unit_test(test_redis_refuses_without_a_word),
    cmocka_unit_test(test_redis_answers_a_list_of_anything),
    cmocka_unit_test(test_token_that_is_no_header_text_is_refused),
};
TEST_MAIN(tests, NULL, NULL)
