/* Task messages on the wire: what is written is read back, Celery's own message is understood, and each kind of
 * malformed message is told from the others; also the texts around them (base64, Python's repr, frames between worker
 * and runner). */
#include <stdlib.h>
#include <string.h>

#include "ipc/queue/queue_message.h"
#include "ipc/queue/result.h"
#include "services/runner/wire.h"
#include "tests/support/support.h"

#define HEAD  "\"content-encoding\":\"utf-8\",\"content-type\":\"application/json\""
#define PROPS "\"properties\":{\"body_encoding\":\"base64\",\"delivery_tag\":\"t\"}"
#define BODY  "\"body\":\"W1tdLCB7fSwge31d\"" /* [[], {}, {}] */

TEST(test_encoded_message_is_read_back)
{
    cJSON *args = cJSON_Parse("[1, \"\u00fc\"]"), *kwargs = cJSON_Parse("{\"a\": {\"b\": [null, true]}}");
    struct message_spec spec = {.task = "tasks.x",
                                .id = "id-1",
                                .queue = "sync",
                                .args = args,
                                .kwargs = kwargs,
                                .root_id = "r",
                                .parent_id = "p",
                                .eta_us = 1795506957222443,
                                .expires_us = 1795507000000000,
                                .expiration_ms = 5000,
                                .hard_limit_ms = 2500,
                                .soft_limit_ms = 1000,
                                .retries = 3,
                                .priority = 6,
                                .ignores_result = true};
    struct buf out = {0};
    struct message m;
    struct message_body body;
    struct err err = {0};
    message_encode(&out, &spec);

    assert_int_equal(message_decode(out.data, out.len, &m, &err), 0);

    assert_string_equal(m.task, "tasks.x");
    assert_string_equal(m.id, "id-1");
    assert_string_equal(m.root_id, "r");
    assert_string_equal(m.parent_id, "p");
    assert_true(m.eta_us == 1795506957222443 && m.expires_us == 1795507000000000);
    assert_true(m.hard_limit_ms == 2500 && m.soft_limit_ms == 1000);
    assert_int_equal(m.retries, 3);
    assert_int_equal(m.priority, 6);
    assert_true(m.ignores_result);
    assert_string_equal(m.args_repr, "(1, '\u00fc')");
    assert_string_equal(m.kwargs_repr, "{'a': {'b': [None, True]}}");
    assert_int_equal(message_body_parse(m.body, m.body_len, &body, &err), 0);
    assert_true(cJSON_Compare(body.args, args, true) && cJSON_Compare(body.kwargs, kwargs, true));
    assert_null(body.chain);
    message_body_free(&body);
    message_free(&m);
    buf_free(&out);
    cJSON_Delete(args);
    cJSON_Delete(kwargs);
}

TEST(test_celerys_own_message)
{
    static const char text[] = "{\"body\": "
                               "\"W1sxLCAyXSwge30sIHsiY2FsbGJhY2tzIjogbnVsbCwgImVycmJhY2tzIjogbnVsbCwgImNoYWluIjogbnVsb"
                               "CwgImNob3JkIjogbnVsbH1d\","
                               "\"content-encoding\": \"utf-8\", \"content-type\": \"application/json\", \"headers\": "
                               "{\"lang\": \"py\", \"task\": "
                               "\"tasks.sync.add\", \"id\": \"c39845b9\", \"shadow\": null, \"eta\": null, "
                               "\"expires\": null, \"group\": null, \"retries\": 0, "
                               "\"timelimit\": [null, null], \"root_id\": \"c39845b9\", \"parent_id\": null, "
                               "\"argsrepr\": \"(1, 2)\", \"kwargsrepr\": \"{}\"}, "
                               "\"properties\": {\"delivery_info\": {\"exchange\": \"\", \"routing_key\": \"sync\"}, "
                               "\"priority\": 0, \"body_encoding\": "
                               "\"base64\", \"delivery_tag\": \"db2c00e7\"}}";
    struct message m;
    struct message_body body;
    struct err err = {0};
    assert_int_equal(message_decode(text, strlen(text), &m, &err), 0);
    assert_string_equal(m.delivery_tag, "db2c00e7");
    assert_false(m.has_exchange);
    assert_int_equal(message_body_parse(m.body, m.body_len, &body, &err), 0);
    assert_int_equal(cJSON_GetArrayItem(body.args, 1)->valueint, 2);
    message_body_free(&body);
    message_free(&m);
}

TEST(test_malformed_messages)
{
    static const struct {
        const char *text, *reason, *id;
    } rows[] = {
        {"", "not JSON", NULL},
        {"nonsense", "not JSON", NULL},
        {"{} {}", "not JSON", NULL},
        {"[]", "not a JSON object", NULL},
        {"{}", "content type", NULL},
        {"\xff\xfe", "not JSON", NULL},
        {"{" HEAD "," BODY "," PROPS "}", "name a task", NULL},
        {"{" HEAD "," PROPS ",\"headers\":{\"id\":\"i\",\"task\":\"t\"}}", "no body", "i"},
        {"{" HEAD ",\"body\":\"@@@\"," PROPS ",\"headers\":{\"id\":\"i\",\"task\":\"t\"}}", "base64", "i"},
        {"{" HEAD "," BODY "," PROPS ",\"headers\":{\"task\":\"t\"}}", "no task id", NULL},
        {"{" HEAD "," BODY "," PROPS ",\"headers\":{\"id\":7,\"task\":\"t\"}}", "no task id", NULL},
        {"{" HEAD "," BODY "," PROPS ",\"headers\":{\"id\":\"i\",\"task\":\"t\",\"eta\":\"soon\"}}", "eta", "i"},
        {"{" HEAD "," BODY "," PROPS ",\"headers\":{\"id\":\"i\",\"task\":\"t\",\"expires\":[1]}}", "expires", "i"},
        {"{\"content-type\":\"application/x-python-serialize\"," BODY "," PROPS
         ",\"headers\":{\"id\":\"i\",\"task\":\"t\"}}",
         "application/x-python-serialize", "i"},
        {"{" HEAD "," BODY "," PROPS ",\"headers\":{\"id\":\"i\",\"task\":\"t\",\"compression\":\"brotli\"}}",
         "compression", "i"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct message m;
        struct err err = {0};
        int rc = message_decode(rows[i].text, strlen(rows[i].text), &m, &err);
        if (rc != -ERR_INPUT || !strstr(err.text, rows[i].reason)) fail_msg("row %zu: %d \"%s\"", i, rc, err.text);
        if (rows[i].id)
            assert_string_equal(m.id, rows[i].id);
        else
            assert_null(m.id);
        message_free(&m);
    }
}

TEST(test_malformed_bodies)
{
    static const char *const rows[] = {"",
                                       "x",
                                       "[]",
                                       "[[], {}]",
                                       "[[], {}, {}, 1]",
                                       "[{}, {}, {}]",
                                       "[[], [], {}]",
                                       "[[], {}, 1]",
                                       "[[], {}, {\"chain\": 5}]",
                                       "7"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct message_body body;
        struct err err = {0};
        if (message_body_parse(rows[i], strlen(rows[i]), &body, &err) != -ERR_INPUT) fail_msg("accepted: %s", rows[i]);
        message_body_free(&body);
    }
}

TEST(test_json_from_outside)
{
    static const char text[] = "[NaN, Infinity, -Infinity, \"NaN\", 1]";
    cJSON *json = json_parse(text, strlen(text));
    assert_non_null(json);
    assert_true(cJSON_IsRaw(cJSON_GetArrayItem(json, 0)) && cJSON_IsRaw(cJSON_GetArrayItem(json, 2)));
    assert_string_equal(cJSON_GetArrayItem(json, 3)->valuestring, "NaN");
    cJSON_Delete(json);
    char deep[8001];
    memset(deep, '[', 4000);
    memset(deep + 4000, ']', 4000);
    assert_null(json_parse(deep, 8000));
    assert_null(json_parse("[1]\0", 4));
    json = json_parse("\"\xc0\xaf\"", 4);
    assert_string_equal(json->valuestring, "??");
    cJSON_Delete(json);
}

TEST(test_base64)
{
    static const char *const bad[] = {"a", "ab=c", "@@@@", "YQ=", "YQ==YQ=="};
    size_t len;
    char *text = base64_decode("w7xY\n", 5, &len);
    assert_non_null(text);
    assert_true(len == 3 && memcmp(text, "\xc3\xbcX", 3) == 0);
    free(text);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        text = base64_decode(bad[i], strlen(bad[i]), &len);
        if (text) fail_msg("accepted: %s", bad[i]);
    }
}

TEST(test_python_repr)
{
    static const struct {
        const char *json, *repr;
        bool as_tuple;
    } rows[] = {{"[]", "()", true},
                {"[1]", "(1,)", true},
                {"[1, 2]", "[1, 2]", false},
                {"null", "None", false},
                {"\"it's\"", "\"it's\"", false},
                {"\"a\\n\"", "'a\\n'", false},
                {"1.5", "1.5", false},
                {"-3", "-3", false},
                {"{\"k\": false}", "{'k': False}", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cJSON *value = cJSON_Parse(rows[i].json);
        struct buf out = {0};
        python_repr(&out, value, rows[i].as_tuple, 100);
        assert_string_equal(out.data, rows[i].repr);
        buf_free(&out);
        cJSON_Delete(value);
    }
}

TEST(test_result_is_read_back)
{
    struct buf out = {0}, error = {0};
    struct result result;
    cJSON *owner;
    result_exception(&error, "ValueError", "boom \"x\"", "builtins");
    struct result_spec spec = {.task_id = "i", .status = "FAILURE", .value = error.data, .traceback = "line\n"};
    result_encode(&out, &spec);
    result_decode(out.data, out.len, "i", &result, &owner, &error);
    assert_int_equal(result.state, RESULT_FAILURE);
    assert_string_equal(result.error, "ValueError: boom \"x\"");
    assert_non_null(result.date_done);
    cJSON_Delete(owner);
    result_decode("[1", 2, "i", &result, &owner, &error);
    assert_int_equal(result.state, RESULT_PENDING);
    cJSON_Delete(owner);
    buf_free(&out);
    buf_free(&error);
}

TEST(test_frames)
{
    struct wire in = {.type = WIRE_DONE, .seq = 9, .status = RAN_FAILED, .run_us = -5, .text = {"a", NULL, ""}}, out;
    struct buf bytes = {0};
    assert_true(wire_put(&bytes, &in));
    assert_int_equal(wire_take(bytes.data, bytes.len, &out), bytes.len);
    assert_true(out.seq == 9 && out.run_us == -5 && out.text[1] == NULL);
    assert_string_equal(out.text[0], "a");
    assert_string_equal(out.text[2], "");
    for (size_t n = 0; n < bytes.len; n++) assert_int_equal(wire_take(bytes.data, n, &out), 0);
    bytes.data[bytes.len - 1] = 'x'; /* no NUL behind the last text */
    assert_int_equal(wire_take(bytes.data, bytes.len, &out), -1);
    memset(bytes.data, 0xff, 4);
    assert_int_equal(wire_take(bytes.data, bytes.len, &out), -1);
    buf_free(&bytes);
}

TEST(test_ring_wraps_and_refuses_what_does_not_fit)
{
    struct runner_shared *shared = aligned_alloc(4096, sizeof *shared);
    struct buf frame = {0}, out = {0};
    static char text[5000];
    memset(shared, 0, sizeof *shared);
    memset(text, 'x', sizeof text - 1);
    struct wire w = {.type = WIRE_DONE, .text = {text}};
    wire_put(&frame, &w);
    for (int round = 0; round < 20; round++) {
        int count = 0;
        while (ring_put(shared, frame.data, frame.len)) count++;
        assert_int_equal(count, (int)(RING_BYTES / frame.len));
        while (ring_take(shared, &out)) {
            assert_true(out.len == frame.len && memcmp(out.data, frame.data, out.len) == 0);
            count--;
        }
        assert_int_equal(count, 0);
    }
    atomic_store(&shared->ring_written, atomic_load(&shared->ring_read) + RING_BYTES * 3); /* scribbled over */
    assert_false(ring_take(shared, &out));
    assert_true(ring_put(shared, frame.data, frame.len));
    buf_free(&frame);
    buf_free(&out);
    free(shared);
}

/* Frames of odd sizes, each with bytes of its own, so that all of them lie across the ring's end at some time. */
TEST(test_ring_keeps_every_byte)
{
    struct runner_shared *shared = aligned_alloc(4096, sizeof *shared);
    struct buf frame = {0}, out = {0};
    static char text[30000];
    memset(shared, 0, sizeof *shared);
    buf_str(&out, "what was there before");
    for (int round = 0; round < 400; round++) {
        size_t len = (size_t)(1 + round * 7919 % 29000);
        for (size_t i = 0; i < len; i++) text[i] = (char)('a' + (i * 31 + (size_t)round) % 23);
        text[len] = '\0';
        buf_reset(&frame);
        assert_true(wire_put(&frame, &(struct wire){.type = WIRE_DONE, .seq = (uint32_t)round, .text = {text}}));
        assert_true(ring_put(shared, frame.data, frame.len));
        assert_true(ring_take(shared, &out));
        assert_int_equal(out.len, frame.len);
        assert_memory_equal(out.data, frame.data, frame.len);
        assert_false(ring_take(shared, &out));
    }
    /* Full to the last byte, and one that is one byte too long. */
    size_t head = 0;
    buf_reset(&frame);
    wire_put(&frame, &(struct wire){.type = WIRE_DONE, .text = {""}});
    head = frame.len;
    char *large = malloc(RING_BYTES + 1);
    memset(large, 'l', RING_BYTES + 1);
    for (int more = 1; more >= 0; more--) {
        large[RING_BYTES - head + (size_t)more] = '\0';
        buf_reset(&frame);
        wire_put(&frame, &(struct wire){.type = WIRE_DONE, .text = {large}});
        assert_int_equal(frame.len, RING_BYTES + more);
        assert_int_equal(ring_put(shared, frame.data, frame.len), !more);
        large[RING_BYTES - head + (size_t)more] = 'l';
    }
    assert_false(ring_put(shared, "x", 1));
    assert_true(ring_take(shared, &out));
    assert_int_equal(out.len, RING_BYTES);
    assert_memory_equal(out.data, frame.data, RING_BYTES);
    buf_free(&frame);
    buf_free(&out);
    free(large);
    free(shared);
}

/* The size stands first; what it says is bounded. */
TEST(test_sizes_of_frames)
{
    struct buf frame = {0};
    uint32_t size;
    wire_put(&frame, &(struct wire){.type = WIRE_DONE, .text = {NULL}});
    for (size_t n = 0; n < 4; n++) assert_int_equal(wire_size(frame.data, n), 0);
    assert_int_equal(wire_size(frame.data, 4), frame.len);
    size = (uint32_t)frame.len - 1; /* less than a frame without texts */
    assert_int_equal(wire_size((char *)&size, 4), -1);
    size = WIRE_LIMIT;
    assert_int_equal(wire_size((char *)&size, 4), WIRE_LIMIT);
    size++;
    assert_int_equal(wire_size((char *)&size, 4), -1);
    buf_free(&frame);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_encoded_message_is_read_back),
    cmocka_unit_test(test_celerys_own_message),
    cmocka_unit_test(test_malformed_messages),
    cmocka_unit_test(test_malformed_bodies),
    cmocka_unit_test(test_json_from_outside),
    cmocka_unit_test(test_base64),
    cmocka_unit_test(test_python_repr),
    cmocka_unit_test(test_result_is_read_back),
    cmocka_unit_test(test_frames),
    cmocka_unit_test(test_ring_wraps_and_refuses_what_does_not_fit),
    cmocka_unit_test(test_ring_keeps_every_byte),
    cmocka_unit_test(test_sizes_of_frames),
};
TEST_MAIN(tests, NULL, NULL)
