/* The queue's client side as the web role and the operator use it: `logikald queue`, and results that are awaited. */
#include <event2/event.h>
#include <signal.h>

#include "conf/clock.h"
#include "ipc/queue/queue.h"
#include "tests/support/rig.h"

static struct rig rig;
static struct process worker;

FIXTURE(set_up)
{
    rig_open(&rig, NULL);
    return 0;
}

FIXTURE(tear_down)
{
    rig_end(&worker);
    rig_close(&rig);
    return 0;
}

static cJSON *tool(const char *a, const char *b)
{
    char *output = NULL;
    int status = rig_tool(&rig, a, b, &output);
    cJSON *json = cJSON_Parse(output);
    if (status != 0 || !json) fail_msg("queue %s: %d: %s", a, status, output);
    free(output);
    return json;
}

/* The row with this id says so. */
static void assert_row(const cJSON *rows, const char *id, const char *says)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, rows) {
        if (strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(row, "id")), id) != 0) continue;
        char *text = cJSON_PrintUnformatted(row);
        if (!strstr(text, says)) fail_msg("%s does not say %s", text, says);
        free(text);
        return;
    }
    fail_msg("no row %s", id);
}

TEST(test_operator_looks_and_repairs)
{
    const char *const env[] = {"WORKER_QUEUES=sync", NULL};
    rig_send(&rig, "scheduler", "echo", "waits", "[]");
    rig_role(&rig, &worker, "worker", "worker", env);
    rig_send(&rig, "sync", "crash", "poison", "[9]");
    WAIT_UNTIL(rig_int(&rig, "LLEN logikald.dead") == 1, 20000);

    cJSON *json = tool("list", NULL);
    assert_int_equal(cJSON_GetObjectItem(json, "dead")->valueint, 1);
    assert_int_equal(cJSON_GetObjectItem(json, "workers")->valueint, 1);
    cJSON *queue = cJSON_GetArrayItem(cJSON_GetObjectItem(json, "queues"), 0);
    assert_string_equal(cJSON_GetObjectItem(queue, "name")->valuestring, "scheduler");
    assert_int_equal(cJSON_GetObjectItem(queue, "depth")->valueint, 1);
    assert_true(cJSON_GetObjectItem(queue, "oldest_age_ms")->valueint >= 0);
    cJSON_Delete(json);

    static const struct message_spec spec = {.task = "tasks.diagnostics.echo",
                                             .id = "expires",
                                             .queue = "scheduler",
                                             .eta_us = 4070908800000000,
                                             .expires_us = 4070908860000000,
                                             .retries = 2,
                                             .priority = 7};
    rig_send_spec(&rig, &spec);
    json = tool("peek", "scheduler");
    assert_row(json, "waits", "\"eta\":null,\"expires\":null,\"priority\":0");
    assert_row(json, "expires",
               "\"retries\":2,\"eta\":\"2099-01-01T00:00:00.000000+00:00\","
               "\"expires\":\"2099-01-01T00:01:00.000000+00:00\",\"priority\":7");
    cJSON_Delete(json);
    json = tool("dead", NULL);
    assert_string_equal(cJSON_GetObjectItem(json->child, "id")->valuestring, "poison");
    assert_non_null(strstr(cJSON_GetObjectItem(json->child, "reason")->valuestring, "delivered 5 times"));
    cJSON_Delete(json);

    process_stop(&worker);
    json = tool("retry", "poison");
    assert_int_equal(cJSON_GetObjectItem(json, "moved")->valueint, 1);
    cJSON_Delete(json);
    assert_int_equal(rig_int(&rig, "LLEN sync"), 1);
    json = tool("purge", "sync");
    assert_int_equal(cJSON_GetObjectItem(json, "removed")->valueint, 1);
    cJSON_Delete(json);
    assert_int_equal(rig_int(&rig, "LLEN sync"), 0);
}

TEST(test_a_dead_letter_of_any_bytes_tells_why_it_is_dead)
{
    const char *const env[] = {"WORKER_QUEUES=sync", NULL};
    rig_int(&rig, "LPUSH sync \xff\xfe_no_message");
    rig_role(&rig, &worker, "worker", "worker", env);
    WAIT_UNTIL(rig_int(&rig, "LLEN logikald.dead") == 1, 20000);
    process_stop(&worker);
    cJSON *json = tool("dead", NULL);
    assert_string_equal(cJSON_GetObjectItem(json->child, "message")->valuestring,
                        "\xef\xbf\xbd\xef\xbf\xbd_no_message");
    assert_null(strstr(cJSON_GetObjectItem(json->child, "reason")->valuestring, "malformed dead letter"));
    cJSON_Delete(json);
}

/* ---- awaiting ---- */
struct waiter {
    struct event_base *base;
    struct redis *redis;
    int progress, done, sent;
    enum result_state state;
    int value;
    char error[600];
};

static void on_progress(void *arg, const struct result *result, const struct err *err)
{
    struct waiter *w = arg;
    (void)err;
    if (result->state == RESULT_PROGRESS) w->progress++;
}

static void on_done(void *arg, const struct result *result, const struct err *err)
{
    struct waiter *w = arg;
    w->done++;
    if (err) snprintf(w->error, sizeof w->error, "%s", err->text);
    if (result) {
        w->state = result->state;
        w->value = cJSON_IsNumber(result->value) ? result->value->valueint : -1;
    }
}

static void on_sent(void *arg, const struct err *err)
{
    struct waiter *w = arg;
    w->sent++;
    if (err) snprintf(w->error, sizeof w->error, "%s", err->text);
}

#define TURN_UNTIL(w, cond, ms)                                                                                        \
    do {                                                                                                               \
        int64_t end_ = support_deadline(ms);                                                                           \
        while (!(cond)) {                                                                                              \
            struct timeval tv_ = {.tv_usec = 10000};                                                                   \
            if (support_late(end_)) fail_msg("waited in vain for %s (%s)", #cond, (w)->error);                         \
            event_base_loopexit((w)->base, &tv_);                                                                      \
            event_base_dispatch((w)->base);                                                                            \
        }                                                                                                              \
    } while (0)

#define LIST(step) "other\x06\x16" step /* of a priority, as kombu names it */

TEST(test_results_are_awaited)
{
    struct waiter w = {.base = event_base_new()};
    struct redis_url url;
    struct err err = {0};
    struct conf_paths none = {0};
    char id[UUID_TEXT_SIZE];
    const char *const env[] = {"WORKER_QUEUES=sync", NULL};
    setenv("REDIS_URL", rig.server.url, 1);
    struct conf *conf = conf_load(&none, &err);
    if (!conf) fail_msg("%s", err.text);
    assert_int_equal(redis_url_from_conf(conf, &url, &err), 0);
    w.redis = redis_new(w.base, &url, "test", &err);
    struct queue *q = queue_new(w.base, w.redis, conf, &err);
    assert_int_equal(queue_send(q, "tasks.diagnostics.noop", NULL, NULL, NULL, NULL, NULL, NULL, &err), -ERR_REDIS);
    redis_start(w.redis);
    TURN_UNTIL(&w, redis_is_up(w.redis), 10000);
    rig_role(&rig, &worker, "worker", "worker", env);

    cJSON *args = cJSON_Parse("[2]");
    struct task_options options = {.queue = "sync"};
    assert_int_equal(queue_send(q, "tasks.diagnostics.sleep", args, NULL, &options, id, on_sent, &w, &err), 0);
    assert_non_null(result_wait(q, id, 20000, on_progress, on_done, &w, &err));
    TURN_UNTIL(&w, w.sent == 1 && w.progress >= 1, 15000);
    rig_int(&rig, "CLIENT KILL TYPE pubsub"); /* while it waits */
    TURN_UNTIL(&w, w.done == 1, 15000);
    assert_int_equal(w.state, RESULT_SUCCESS);
    assert_int_equal(w.value, 2);

    assert_non_null(result_wait(q, "nobody", 300, NULL, on_done, &w, &err)); /* in vain */
    TURN_UNTIL(&w, w.done == 2, 10000);
    assert_non_null(strstr(w.error, "task nobody is not ready in time"));

    rig_text(&rig, "SET celery-task-meta-stored %s",
             "{\"status\":\"SUCCESS\",\"result\":7}"); /* before it is asked for */
    assert_non_null(result_wait(q, "stored", 20000, NULL, on_done, &w, &err));
    TURN_UNTIL(&w, w.done == 3, 15000);
    assert_int_equal(w.state, RESULT_SUCCESS);
    assert_int_equal(w.value, 7);

    struct result_wait *cancelled = result_wait(q, "cancelled", 5000, NULL, on_done, &w, &err);
    result_wait_cancel(cancelled);

    int64_t clock = rig_int(&rig, "GET logikald.clock");
    assert_non_null(result_wait(q, "gone", 60000, NULL, on_done, &w, &err)); /* a Redis that forgets */
    TURN_UNTIL(&w, rig_int(&rig, "GET logikald.clock") > clock, 10000);
    rig_text(&rig, "FLUSHALL");
    rig_int(&rig, "CLIENT KILL TYPE pubsub");
    TURN_UNTIL(&w, w.done == 4, 15000);
    assert_non_null(strstr(w.error, "lost its data"));

    static const struct {
        int asked, sent;
        const char *list;
    } priorities[] = {{-1, 0, "other"}, {0, 0, "other"}, {3, 3, LIST("3")}, {9, 9, LIST("9")}, {10, 9, LIST("9")}};
    for (size_t i = 0; i < sizeof priorities / sizeof *priorities; i++) {
        struct task_options to = {.queue = "other", .priority = priorities[i].asked};
        int64_t before = rig_int(&rig, "LLEN %s", priorities[i].list);
        assert_int_equal(queue_send(q, "tasks.diagnostics.noop", NULL, NULL, &to, id, NULL, NULL, &err), 0);
        TURN_UNTIL(&w, rig_int(&rig, "LLEN %s", priorities[i].list) == before + 1, 10000);
        cJSON *message = cJSON_Parse(rig_text(&rig, "LINDEX %s 0", priorities[i].list));
        const cJSON *properties = cJSON_GetObjectItem(message, "properties");
        assert_int_equal(cJSON_GetObjectItem(properties, "priority")->valueint, priorities[i].sent);
        cJSON_Delete(message);
    }

    const char *ids[] = {"x"};
    assert_int_equal(queue_revoke(q, ids, 1, true, on_sent, &w, &err), 0);
    TURN_UNTIL(&w, w.sent == 2, 10000);
    queue_free(q);
    redis_free(w.redis);
    event_base_free(w.base);
    conf_free(conf);
    cJSON_Delete(args);
    unsetenv("REDIS_URL");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(test_operator_looks_and_repairs, set_up, tear_down),
    cmocka_unit_test_setup_teardown(test_a_dead_letter_of_any_bytes_tells_why_it_is_dead, set_up, tear_down),
    cmocka_unit_test_setup_teardown(test_results_are_awaited, set_up, tear_down),
};
TEST_MAIN(tests, NULL, NULL)
