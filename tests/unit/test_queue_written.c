/* The whole text of what the queue writes: messages, wraps, results, Python's repr. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/clock.h"
#include "ipc/queue/queue_message.h"
#include "ipc/queue/result.h"
#include "ipc/task.h"
#include "tests/support/support.h"

static void expect_origin(const char *text, size_t len)
{
    char host[256] = "", wanted[300];
    gethostname(host, sizeof host - 1);
    snprintf(wanted, sizeof wanted, "%d@%s", (int)getpid(), host);
    assert_int_equal(len, strlen(wanted));
    assert_memory_equal(text, wanted, len);
}

/* What differs each time becomes letters: the sender, the time (which must be now), the tag. */
static void put_letters(struct buf *out, const char *text)
{
    static const struct {
        const char *before, *stop, *letter;
    } rows[] = {{"\"origin\": \"gen", "\"", "O"},
                {"\"sent_at_ms\": ", ",}", "N"},
                {"\"delivery_tag\": \"", "\"", "T"},
                {"\"date_done\": \"", "\"", "D"}};
    while (*text) {
        bool is_found = false;
        for (int i = 0; i < 4 && !is_found; i++) {
            size_t len = strlen(rows[i].before),
                   n = strcspn(text + (strncmp(text, rows[i].before, len) ? 0 : len), rows[i].stop);
            if (strncmp(text, rows[i].before, len) != 0) continue;
            buf_add(out, text, len);
            text += len;
            if (i == 1) assert_true(llabs(strtoll(text, NULL, 10) - wall_ms()) < 600000);
            if (i == 2) assert_int_equal(n, 36);
            if (i == 0) expect_origin(text, n);
            buf_str(out, rows[i].letter);
            text += n;
            is_found = true;
        }
        if (!is_found) buf_char(out, *text++);
    }
}

static void expect(const struct buf *written, const char *wanted)
{
    struct buf text = {0};
    assert_false(written->failed);
    put_letters(&text, written->data);
    assert_string_equal(text.data, wanted);
    buf_free(&text);
}

static void expect_message(const struct message_spec *spec, const char *wanted)
{
    struct buf out = {0};
    message_encode(&out, spec);
    expect(&out, wanted);
    buf_free(&out);
}

#define TAIL "\"reply_to\": \"\", \"delivery_mode\": 2, \"delivery_info\": {\"exchange\": \"\", \"routing_key\": "

TEST(test_messages_are_written)
{
    expect_message(
        &(struct message_spec){.task = "t", .id = "i", .queue = "q", .is_plain = true},
        "{\"body\": \"[[], {}, {\\\"callbacks\\\": null, \\\"errbacks\\\": null, \\\"chain\\\": null, \\\"chord\\\": "
        "null}]\", \"content-encoding\": \"utf-8\", \"content-type\": \"application/json\", \"headers\": {\"lang\": "
        "\"py\", \"task\": \"t\", \"id\": \"i\", \"shadow\": null, \"eta\": null, \"expires\": null, \"group\": null, "
        "\"group_index\": null, \"retries\": 0, \"timelimit\": [null, null], \"root_id\": \"i\", \"parent_id\": null, "
        "\"argsrepr\": \"()\", \"kwargsrepr\": \"{}\", \"origin\": \"genO\", \"ignore_result\": false, \"sent_at_ms\": "
        "N}, "
        "\"properties\": {\"correlation_id\": \"i\", " TAIL "\"q\"}, \"priority\": 0, \"body_encoding\": null, "
        "\"delivery_tag\": \"T\"}}");
    cJSON *args = cJSON_Parse("[1, \"x\"]"), *kwargs = cJSON_Parse("{\"k\": 2}"), *list = cJSON_Parse("[{\"a\": 1}]"),
          *more = cJSON_Parse(
              "{\"own\": [1], \"task\": \"mine\", \"id\": 1, \"stamps\": 5, \"last\": null, \"sk\": \"t\"}"),
          *index = cJSON_Parse("7"), *stamps = cJSON_Parse("{\"s\": [2]}"), *stamped = cJSON_Parse("[\"s\"]");
    struct message_spec all = {.task = "tasks.\"x\"",
                               .id = "i\\d",
                               .queue = "q\"",
                               .args = args,
                               .kwargs = kwargs,
                               .callbacks = list,
                               .errbacks = args,
                               .chain = list,
                               .chord = kwargs,
                               .root_id = "r",
                               .parent_id = "p",
                               .group = "g",
                               .shadow = "s",
                               .eta_us = 1795506957222443,
                               .expires_us = 1,
                               .expiration_ms = 1,
                               .soft_limit_ms = 1,
                               .hard_limit_ms = 2500,
                               .retries = 3,
                               .priority = 6,
                               .ignores_result = true,
                               .is_plain = true,
                               .group_index = index,
                               .headers = more,
                               .stamped_headers = stamped,
                               .stamps = stamps};
    expect_message(
        &all,
        "{\"body\": \"[[1,\\\"x\\\"], {\\\"k\\\":2}, {\\\"callbacks\\\": [{\\\"a\\\":1}], \\\"errbacks\\\": "
        "[1,\\\"x\\\"], \\\"chain\\\": [{\\\"a\\\":1}], \\\"chord\\\": {\\\"k\\\":2}}]\", \"content-encoding\": "
        "\"utf-8\", "
        "\"content-type\": \"application/json\", \"headers\": {\"lang\": \"py\", \"task\": \"tasks.\\\"x\\\"\", "
        "\"id\": "
        "\"i\\\\d\", \"shadow\": \"s\", \"eta\": \"2026-11-24T07:55:57.222443+00:00\", \"expires\": "
        "\"1970-01-01T00:00:00.000001+00:00\", \"group\": \"g\", \"group_index\": 7, \"retries\": 3, \"timelimit\": "
        "[2.5, "
        "0.001], \"root_id\": \"r\", \"parent_id\": \"p\", \"argsrepr\": \"(1, 'x')\", \"kwargsrepr\": \"{'k': 2}\", "
        "\"origin\": \"genO\", \"ignore_result\": true, \"sent_at_ms\": N, \"stamped_headers\": [\"s\"], \"stamps\": "
        "{\"s\":[2]}, \"own\": [1], \"last\": null, \"sk\": \"t\"}, \"properties\": {\"correlation_id\": "
        "\"i\\\\d\", " TAIL
        "\"q\\\"\"}, \"priority\": 6, \"body_encoding\": null, \"expiration\": \"1\", \"delivery_tag\": \"T\"}}");
    cJSON *all_json[] = {args, kwargs, list, more, index, stamps, stamped};
    for (int i = 0; i < 7; i++) cJSON_Delete(all_json[i]);
}

TEST(test_finished_bodies_and_given_texts_are_written)
{
    cJSON *stamped = cJSON_Parse("[]"), *odd = cJSON_Parse("[5]");
    struct message_spec spec = {.task = "t",
                                .id = "i",
                                .queue = "q",
                                .body = "[1]",
                                .args_repr = "(given,)",
                                .kwargs_repr = "{given}",
                                .stamped_headers = stamped,
                                .headers = odd};
    expect_message(
        &spec,
        "{\"body\": \"WzFd\", \"content-encoding\": \"utf-8\", \"content-type\": \"application/json\", \"headers\": "
        "{\"lang\": \"py\", \"task\": \"t\", \"id\": \"i\", \"shadow\": null, \"eta\": null, \"expires\": null, "
        "\"group\": "
        "null, \"group_index\": null, \"retries\": 0, \"timelimit\": [null, null], \"root_id\": \"i\", \"parent_id\": "
        "null, "
        "\"argsrepr\": \"(given,)\", \"kwargsrepr\": \"{given}\", \"origin\": \"genO\", \"ignore_result\": false, "
        "\"sent_at_ms\": N, \"stamped_headers\": [], \"stamps\": {}}, \"properties\": {\"correlation_id\": \"i\", " TAIL
        "\"q\"}, \"priority\": 0, \"body_encoding\": \"base64\", \"delivery_tag\": \"T\"}}");
    cJSON_Delete(stamped);
    cJSON_Delete(odd);
}

/* The repr of arguments is cut, for monitors. */
TEST(test_long_arguments_are_cut_in_their_repr)
{
    for (int more = 0; more < 2; more++) {
        char value[1100], wanted[1200];
        struct buf out = {0};
        struct message m;
        struct err err = {0};
        memset(value, 'v', sizeof value);
        value[1019 + more] = '\0'; /* with ('',) around it: 1024, and one more */
        cJSON *args = cJSON_CreateArray();
        cJSON_AddItemToArray(args, cJSON_CreateString(value));
        message_encode(&out, &(struct message_spec){.task = "t", .id = "i", .queue = "q", .args = args});
        snprintf(wanted, sizeof wanted, "('%s'%s", value, more ? ",..." : ",)");
        assert_int_equal(message_decode(out.data, out.len, &m, &err), 0);
        assert_string_equal(m.args_repr, wanted);
        message_free(&m);
        cJSON_Delete(args);
        buf_free(&out);
    }
}

TEST(test_options_of_a_task)
{
    char id[MESSAGE_ID_LIMIT + 1];
    cJSON *args = cJSON_CreateArray();
    int64_t before = wall_us();
    struct message_spec s = message_spec_of("t", args, NULL, NULL, id);
    assert_string_equal(s.task, "t");
    assert_ptr_equal(s.args, args);
    assert_int_equal(strlen(id), 36);
    assert_ptr_equal(s.id, id);
    assert_true(!s.queue && !s.root_id && !s.parent_id && !s.eta_us && !s.expires_us && !s.expiration_ms && !s.retries);
    struct task_options o = {.queue = "q",
                             .task_id = "given",
                             .root_id = "r",
                             .parent_id = "p",
                             .countdown_ms = 1,
                             .expires_ms = 2000,
                             .retries = 4};
    s = message_spec_of("t", NULL, args, &o, id);
    int64_t after = wall_us();
    assert_string_equal(id, "given");
    assert_string_equal(s.queue, "q");
    assert_string_equal(s.root_id, "r");
    assert_string_equal(s.parent_id, "p");
    assert_ptr_equal(s.kwargs, args);
    assert_int_equal(s.retries, 4);
    assert_int_equal(s.expiration_ms, 2000);
    assert_true(s.eta_us >= before + 1000 && s.eta_us <= after + 1000);
    assert_true(s.expires_us >= before + 2000000 && s.expires_us <= after + 2000000);
    static const int priorities[][2] = {{-1, 0}, {0, 0}, {1, 1}, {8, 8}, {9, 9}, {10, 9}};
    for (int i = 0; i < 6; i++) {
        o.priority = priorities[i][0];
        assert_int_equal(message_spec_of("t", NULL, NULL, &o, id).priority, priorities[i][1]);
    }
    cJSON_Delete(args);
}

TEST(test_wraps)
{
    struct buf out = {0};
    struct err err = {0};
    cJSON *envelope;
    message_wrap(&out, "[1]", 3, "{\"h\": 1}", "ex", "key\"");
    expect(&out,
           "{\"body\": \"WzFd\", \"content-encoding\": \"utf-8\", \"content-type\": \"application/json\", \"headers\": "
           "{\"h\": 1}, \"properties\": {\"delivery_mode\": 1, \"delivery_info\": {\"exchange\": \"ex\", "
           "\"routing_key\": \"key\\\"\"}, \"priority\": 0, \"body_encoding\": \"base64\", \"delivery_tag\": \"T\"}}");
    cJSON *body = message_unwrap(out.data, out.len, &envelope, &err);
    assert_int_equal(body->child->valueint, 1);
    assert_int_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(envelope, "headers"), "h")->valueint, 1);
    cJSON_Delete(body);
    cJSON_Delete(envelope);
    buf_free(&out);
    static const char *const bad[] = {"",
                                      "x",
                                      "{}",
                                      "{\"body\": 1}",
                                      "{\"body\": \"x\"}",
                                      "{\"body\": \"@\", \"properties\": {\"body_encoding\": \"base64\"}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        memset(&err, 0, sizeof err);
        assert_null(message_unwrap(bad[i], strlen(bad[i]), &envelope, &err));
        assert_null(envelope);
        assert_true(err.text[0] != '\0');
    }
    assert_null(message_unwrap("{}", MESSAGE_LIMIT_BYTES + 1, &envelope, &err));
}

/* ---- results ---- */
TEST(test_results_are_written)
{
    static const struct {
        const char *status;
        enum result_state state;
        bool is_ready;
    } states[] = {{"PENDING", RESULT_PENDING, false},   {"STARTED", RESULT_STARTED, false},
                  {"PROGRESS", RESULT_PROGRESS, false}, {"RETRY", RESULT_RETRY, false},
                  {"SUCCESS", RESULT_SUCCESS, true},    {"FAILURE", RESULT_FAILURE, true},
                  {"REVOKED", RESULT_REVOKED, true},    {"MINE", RESULT_OTHER, false}};
    for (int i = 0; i < 8; i++) {
        struct buf out = {0}, error = {0};
        struct result r;
        cJSON *owner;
        char wanted[300];
        result_encode(&out, &(struct result_spec){.task_id = "i", .status = states[i].status});
        snprintf(wanted, sizeof wanted,
                 "{\"status\": \"%s\", \"result\": null, \"traceback\": null, \"children\": [], \"date_done\": %s, "
                 "\"task_id\": \"i\"}",
                 states[i].status, states[i].is_ready ? "\"D\"" : "null");
        expect(&out, wanted);
        result_decode(out.data, out.len, "i", &r, &owner, &error);
        assert_int_equal(r.state, states[i].state);
        assert_string_equal(r.status, states[i].status);
        assert_int_equal(result_is_ready(r.state), states[i].is_ready);
        assert_int_equal(r.date_done != NULL, states[i].is_ready);
        assert_int_equal(r.error != NULL,
                         states[i].state == RESULT_RETRY || (states[i].is_ready && states[i].state != RESULT_SUCCESS));
        cJSON_Delete(owner);
        buf_free(&out);
        buf_free(&error);
    }
    struct buf out = {0};
    result_encode(&out, &(struct result_spec){.task_id = "i\"",
                                              .group = "g",
                                              .parent_id = "p",
                                              .status = "STARTED",
                                              .value = "[1]",
                                              .traceback = "t\n",
                                              .children = "[2]"});
    expect(
        &out,
        "{\"status\": \"STARTED\", \"result\": [1], \"traceback\": \"t\\n\", \"children\": [2], \"date_done\": null, "
        "\"group_id\": \"g\", \"parent_id\": \"p\", \"task_id\": \"i\\\"\"}");
    buf_reset(&out);
    result_exception(&out, "A", "m\"", "mod");
    expect(&out, "{\"exc_type\": \"A\", \"exc_message\": [\"m\\\"\"], \"exc_module\": \"mod\"}");
    buf_reset(&out);
    result_exception(&out, "A", NULL, "mod");
    expect(&out, "{\"exc_type\": \"A\", \"exc_message\": [], \"exc_module\": \"mod\"}");
    buf_free(&out);
}

/* ---- texts ---- */
TEST(test_repr_of_each_kind)
{
    static const struct {
        const char *json, *repr;
        bool as_tuple;
        int limit;
    } rows[] = {
        {"\"a\\\\b\\r\\t\\u0001\\u007f\\u001f\"", "'a\\\\b\\r\\t\\x01\\x7f\\x1f'", false, 100},
        {"\"it's \\\"x\\\"\"", "'it\\'s \"x\"'", false, 100},
        {"\"\\\"\"", "'\"'", false, 100},
        {"\" ~\"", "' ~'", false, 100},
        {"0.30000000000000004", "0.30000000000000004", false, 100},
        {"1.0", "1.0", false, 100},
        {"12345678901234567890", "12345678901234567890", false, 100},
        {"[NaN, Infinity, -Infinity]", "[nan, inf, -inf]", false, 100},
        {"[[1], {\"a'\": [true, null]}]", "([1], {\"a'\": [True, None]})", true, 100},
        {"[[1]]", "([1],)", true, 100},
        {"{}", "{}", false, 100},
        {"{\"a\": 1, \"b\": 2}", "{'a': 1, 'b': 2}", false, 100},
        {"\"12345678\"", "'12345678'", false, 10},
        {"\"123456789\"", "'123456789...", false, 10},
        {"\"12345678\xc3\xbc\"", "'12345678...", false, 10},
        {"\"1234567\xc3\xbc\"", "'1234567\xc3\xbc...", false, 10},
        {"[1, [2, 3, 4], 5]", "[1, [2...", false, 6},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf out = {0};
        cJSON *value = json_parse(rows[i].json, strlen(rows[i].json));
        buf_str(&out, "x");
        python_repr(&out, value, rows[i].as_tuple, (size_t)rows[i].limit);
        assert_string_equal(out.data + 1, rows[i].repr);
        cJSON_Delete(value);
        buf_free(&out);
    }
    static const struct {
        double value;
        const char *repr;
    } numbers[] = {{0.1, "0.1"},
                   {0.1 + 0.2, "0.30000000000000004"},
                   {8999999999999999.0, "8999999999999999"},
                   {9.0e15, "9e+15"},
                   {-9.0e15, "-9e+15"},
                   {-7, "-7"},
                   {1e300, "1e+300"},
                   {1.0 / 3, "0.3333333333333333"}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct buf out = {0};
        cJSON *value = cJSON_CreateNumber(numbers[i].value);
        python_repr(&out, value, false, 100);
        assert_string_equal(out.data, numbers[i].repr);
        cJSON_Delete(value);
        buf_free(&out);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_messages_are_written),
    cmocka_unit_test(test_finished_bodies_and_given_texts_are_written),
    cmocka_unit_test(test_long_arguments_are_cut_in_their_repr),
    cmocka_unit_test(test_options_of_a_task),
    cmocka_unit_test(test_wraps),
    cmocka_unit_test(test_results_are_written),
    cmocka_unit_test(test_repr_of_each_kind),
};
TEST_MAIN(tests, NULL, NULL)
