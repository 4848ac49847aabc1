/* What the queue reads of others, form by form: the bodies of messages, errors in results, base64. */
#include <stdlib.h>
#include <string.h>

#include "ipc/queue/queue_message.h"
#include "ipc/queue/result.h"
#include "ipc/task.h"
#include "tests/support/support.h"

TEST(test_bodies_in_each_form)
{
    static const struct {
        const char *text, *wrong; /* NULL = fine */
        bool args, kwargs, callbacks, errbacks, chain, chord;
    } rows[] = {
        {"[[], {}, {}]", NULL, true, true, false, false, false, false},
        {"[null, null, null]", NULL, false, false, false, false, false, false},
        {"[[1], {\"a\": 1}, {\"callbacks\": [1], \"errbacks\": [], \"chain\": null, \"chord\": null}]", NULL, true,
         true, true, false, false, false},
        {"[[], {}, {\"callbacks\": [], \"errbacks\": [1], \"chain\": [2], \"chord\": {}}]", NULL, true, true, false,
         true, true, true},
        {"{\"args\": [1], \"kwargs\": null, \"chord\": 1, \"errbacks\": [2]}", NULL, true, false, false, true, false,
         true},
        {"{}", NULL, false, false, false, false, false, false},
        {"x", "the body is not JSON", 0, 0, 0, 0, 0, 0},
        {"[[], {}]", "not a list of args, kwargs and options", 0, 0, 0, 0, 0, 0},
        {"[[], {}, {}, {}]", "not a list of args, kwargs and options", 0, 0, 0, 0, 0, 0},
        {"7", "not a list of args, kwargs and options", 0, 0, 0, 0, 0, 0},
        {"[{}, {}, {}]", "args is not a list", 0, 0, 0, 0, 0, 0},
        {"[[], [], {}]", "kwargs is not an object", 0, 0, 0, 0, 0, 0},
        {"[[], {}, 1]", "third element is not an object", 0, 0, 0, 0, 0, 0},
        {"[[], {}, {\"callbacks\": 5}]", "callbacks is not a list", 0, 0, 0, 0, 0, 0},
        {"[[], {}, {\"errbacks\": {}}]", "errbacks is not a list", 0, 0, 0, 0, 0, 0},
        {"[[], {}, {\"chain\": \"\"}]", "chain is not a list", 0, 0, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct message_body b;
        struct err err = {0};
        int rc = message_body_parse(rows[i].text, strlen(rows[i].text), &b, &err);
        assert_int_equal(rc, rows[i].wrong ? -ERR_INPUT : 0);
        if (rows[i].wrong) {
            if (!strstr(err.text, rows[i].wrong)) fail_msg("%s: %s", rows[i].text, err.text);
        } else if ((b.args != NULL) != rows[i].args || (b.kwargs != NULL) != rows[i].kwargs ||
                   (b.callbacks != NULL) != rows[i].callbacks || (b.errbacks != NULL) != rows[i].errbacks ||
                   (b.chain != NULL) != rows[i].chain || (b.chord != NULL) != rows[i].chord)
            fail_msg("%s", rows[i].text);
        message_body_free(&b);
    }
}

TEST(test_errors_of_results)
{
    static const struct {
        const char *json, *error; /* NULL: PENDING */
    } rows[] = {
        {"{\"status\": \"FAILURE\", \"result\": {\"exc_type\": \"A\", \"exc_message\": [\"m\", \"n\"]}}", "A: m"},
        {"{\"status\": \"FAILURE\", \"result\": {\"exc_type\": \"A\", \"exc_message\": \"m\"}}", "A: m"},
        {"{\"status\": \"FAILURE\", \"result\": {\"exc_type\": \"A\", \"exc_message\": [2.5]}}", "A: 2.5"},
        {"{\"status\": \"RETRY\", \"result\": {\"exc_type\": \"A\", \"exc_message\": []}}", "A"},
        {"{\"status\": \"REVOKED\", \"result\": {\"exc_message\": [null]}}", "Error"},
        {"{\"status\": \"FAILURE\", \"result\": \"text\"}", "Error"},
        {"{\"status\": \"FAILURE\"}", "Error"},
        {"{\"status\": 5}", NULL},
        {"{\"status\": \"\", \"result\": 3}", NULL},
        {"{\"status\": null}", NULL},
        {"{}", NULL},
        {"[\"status\"]", NULL},
        {NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct result r;
        cJSON *owner;
        struct buf error = {0};
        result_decode(rows[i].json, rows[i].json ? strlen(rows[i].json) : 0, "i", &r, &owner, &error);
        assert_string_equal(r.task_id, "i");
        if (rows[i].error) {
            assert_string_equal(r.error, rows[i].error);
            assert_ptr_equal(r.json, rows[i].json);
        } else {
            assert_int_equal(r.state, RESULT_PENDING);
            assert_string_equal(r.status, "PENDING");
            assert_null(r.error);
        }
        cJSON_Delete(owner);
        buf_free(&error);
    }
}

TEST(test_base64_of_each_length)
{
    static const char *const rows[][2] = {{"", ""},        {"a", "YQ=="},        {"ab", "YWI="},
                                          {"abc", "YWJj"}, {"abcd", "YWJjZA=="}, {"\xff\xfe\xfd", "//79"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf out = {0};
        size_t len = 99;
        char padded[20];
        buf_str(&out, "x");
        assert_true(base64_add(&out, rows[i][0], strlen(rows[i][0])));
        assert_string_equal(out.data + 1, rows[i][1]);
        assert_int_equal(out.len, 1 + strlen(rows[i][1]));
        snprintf(padded, sizeof padded, "%s\r\n ", rows[i][1]);
        char *back = base64_decode(padded, strlen(padded), &len);
        assert_string_equal(back, rows[i][0]);
        assert_int_equal(len, strlen(rows[i][0]));
        free(back);
        buf_free(&out);
    }
    static const char *const bad[] = {"=", "====", "Y===", "=YQ=", "Y=Q=", "YQ==YWJj", "YW J", " YWJ", "YWJj="};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t len;
        char *text = base64_decode(bad[i], strlen(bad[i]), &len);
        if (text) fail_msg("accepted: %s", bad[i]);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_bodies_in_each_form),
    cmocka_unit_test(test_errors_of_results),
    cmocka_unit_test(test_base64_of_each_length),
};
TEST_MAIN(tests, NULL, NULL)
