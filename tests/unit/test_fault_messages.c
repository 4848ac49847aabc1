/* Task messages, results and the status file without memory: what cannot be read for lack of memory is not called
 * malformed (a malformed message becomes a dead letter), and what cannot be written whole is not written. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/control.h"
#include "ipc/queue/queue_message.h"
#include "ipc/queue/result.h"
#include "ipc/snapshot.h"
#include "tests/fault/fault.h"
#include "tests/support/test.h"

static struct buf message, protocol_1, request;

FIXTURE(set_up)
{
    cJSON *args = cJSON_Parse("[1, {\"a\": [null, \"text\"]}]"), *chain = cJSON_Parse("[{\"task\": \"next\"}]");
    struct message_spec spec = {
        .task = "tasks.x", .id = "id-1", .queue = "sync", .args = args, .chain = chain, .eta_us = 1795506957222443};
    message_encode(&message, &spec);
    buf_str(&protocol_1, "{\"body\": \"");
    static const char old[] =
        "{\"task\": \"tasks.x\", \"id\": \"id-1\", \"args\": [1], \"kwargs\": {}, \"taskset\": \"g\"}";
    base64_add(&protocol_1, old, sizeof old - 1);
    buf_str(&protocol_1, "\", \"content-type\": \"application/json\", \"content-encoding\": \"utf-8\", \"headers\": {},"
                         " \"properties\": {\"body_encoding\": \"base64\"}}");
    message_wrap(&request, "{\"method\": \"ping\"}", 18, "{}", "celery.pidbox", "");
    cJSON_Delete(args);
    cJSON_Delete(chain);
    return message.failed || protocol_1.failed || request.failed;
}

FIXTURE(tear_down)
{
    buf_free(&message);
    buf_free(&protocol_1);
    buf_free(&request);
    return 0;
}

static int encode(void *arg, struct err *err)
{
    (void)err;
    struct buf out = {0};
    cJSON *args = arg;
    struct message_spec spec = {.task = "tasks.x", .id = "id-1", .queue = "sync", .args = args, .callbacks = args};
    message_encode(&out, &spec);
    int rc = out.failed ? -1 : 0;
    if (rc == 0) assert_non_null(strstr(out.data, "\"argsrepr\": \"([1, 'two'],)\""));
    buf_free(&out);
    return rc;
}

TEST(test_encoding_is_whole_or_failed)
{
    cJSON *args = cJSON_Parse("[[1, \"two\"]]");
    fault_each("message_encode", FAULT_ALLOC, FAULT_RESULT, encode, args);
    cJSON_Delete(args);
}

static int decode(void *arg, struct err *err)
{
    const struct buf *raw = arg;
    struct message m;
    struct message_body body = {0};
    int rc = message_decode(raw->data, raw->len, &m, err);
    if (rc == 0) {
        assert_string_equal(m.id, "id-1");
        if (raw == &protocol_1) assert_string_equal(m.group, "g");
        rc = message_body_parse(m.body, m.body_len, &body, err);
    }
    if (rc != 0) assert_int_equal(rc, -ERR_NOMEM);
    message_body_free(&body);
    message_free(&m);
    return rc;
}

static int unwrap(void *arg, struct err *err)
{
    const struct buf *raw = arg;
    cJSON *envelope, *body = message_unwrap(raw->data, raw->len, &envelope, err);
    if (!body) assert_int_equal(err->code, ERR_NOMEM);
    cJSON_Delete(body);
    cJSON_Delete(envelope);
    return body ? 0 : -1;
}

TEST(test_a_message_is_not_called_malformed_for_lack_of_memory)
{
    fault_each("message_decode", FAULT_ALLOC, FAULT_TEXT, decode, &message);
    fault_each("message_decode, protocol 1", FAULT_ALLOC, FAULT_TEXT, decode, &protocol_1);
    fault_each("message_unwrap", FAULT_ALLOC, FAULT_TEXT, unwrap, &request);
}

static int make_result(void *arg, struct err *err)
{
    (void)arg, (void)err;
    struct buf value = {0}, out = {0}, error = {0};
    struct result result;
    cJSON *owner = NULL;
    result_exception(&value, "ValueError", "what \"it\" was", "builtins");
    struct result_spec spec = {.task_id = "id-1", .status = "FAILURE", .value = value.data, .traceback = "none"};
    if (!value.failed) result_encode(&out, &spec);
    int rc = value.failed || out.failed ? -1 : 0;
    if (rc == 0) {
        result_decode(out.data, out.len, "id-1", &result, &owner, &error);
        rc = owner && !error.failed ? 0 : -1;
        if (rc == 0) assert_string_equal(result.error, "ValueError: what \"it\" was");
    }
    cJSON_Delete(owner);
    buf_free(&value);
    buf_free(&out);
    buf_free(&error);
    return rc;
}

TEST(test_results)
{
    fault_each("result", FAULT_ALLOC, FAULT_RESULT, make_result, NULL);
}

static int write_and_read(void *arg, struct err *err)
{
    static struct snapshot in = {.pid = 7, .state = "running", .count = 2}, out;
    snprintf(in.children[1].name, sizeof in.children[1].name, "worker.0");
    int rc = snapshot_write(arg, &in, err);
    if (rc == 0) rc = snapshot_read(arg, &out, err);
    if (rc == 0) {
        assert_int_equal(out.count, 2);
        assert_string_equal(out.children[1].name, "worker.0");
    }
    return rc;
}

/* A write that fails leaves the status of before, whole. */
static int spoil(void *arg, struct err *err)
{
    static struct snapshot in = {.pid = 8}, out;
    struct err why = {0};
    int rc = snapshot_write(arg, &in, err);
    fault_end();
    assert_int_equal(snapshot_read(arg, &out, &why), 0);
    assert_int_equal(out.pid, rc == 0 ? 8 : 7);
    return rc;
}

TEST(test_the_status_file_is_replaced_whole_or_not_at_all)
{
    char dir[] = "/tmp/test-fault-XXXXXX", path[64];
    static const int kinds[] = {FAULT_ALLOC, FAULT_OPEN, FAULT_WRITE, FAULT_MOVE};
    struct err err = {0};
    assert_non_null(mkdtemp(dir));
    fault_each("snapshot", FAULT_ALLOC | FAULT_OPEN | FAULT_WRITE | FAULT_MOVE | FAULT_READ, FAULT_TEXT, write_and_read,
               dir);
    fault_each("snapshot in pieces", FAULT_SHORT, FAULT_SILENT, write_and_read, dir);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (int n = 1;; n++) {
            assert_int_equal(write_and_read(dir, &err), 0);
            fault_begin(kinds[i], n, true);
            if (spoil(dir, &err) == 0) break;
        }
    snprintf(path, sizeof path, "%s/" SNAPSHOT_FILE, dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/" SNAPSHOT_FILE ".new", dir);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
}

static int speak(void *arg, struct err *err)
{
    int ends[2];
    char *words[] = {(char *)(uintptr_t) "web", (char *)(uintptr_t) "a \"b\""};
    (void)arg;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return err_errno(err, "socketpair");
    struct control_client c = {.fd = ends[0]};
    buf_init(&c.in, CONTROL_ANSWER_BYTES);
    int rc = control_send(&c, "restart", 2, words, err);
    if (rc == 0) {
        assert_int_equal(send(ends[1], "{\"ok\":true}\n", 12, 0), 12);
        cJSON *answer = control_read(&c, 10000, err);
        rc = cJSON_IsTrue(cJSON_GetObjectItem(answer, "ok")) ? 0 : -1;
        cJSON_Delete(answer);
    }
    control_close(&c);
    close(ends[1]);
    return rc;
}

TEST(test_the_control_client)
{
    fault_each("control", FAULT_ALLOC | FAULT_PIPE, FAULT_TEXT, speak, NULL);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_encoding_is_whole_or_failed),
    cmocka_unit_test(test_a_message_is_not_called_malformed_for_lack_of_memory),
    cmocka_unit_test(test_results),
    cmocka_unit_test(test_the_status_file_is_replaced_whole_or_not_at_all),
    cmocka_unit_test(test_the_control_client),
};
TEST_MAIN(tests, set_up, tear_down)
