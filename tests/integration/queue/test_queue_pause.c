/* A paused queue: nothing is taken from it, whatever happens to workers and server, until it is resumed. */
#include <signal.h>

#include "conf/clock.h"
#include "tests/support/rig.h"

static struct rig rig;
static struct process worker;
static const char *const env[] = {"WORKER_QUEUES=sync,scheduler", "WORKER_LEASE_SECONDS=3", NULL};

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

/* `logikald queue` with these words; its output, and its status. */
static char *tool(int expected, const char *verb, const char *word)
{
    char *output = NULL;
    int status = rig_tool(&rig, verb, word, &output);
    if (status != expected) fail_msg("queue %s: %d: %s", verb, status, output);
    return output;
}

static void change(const char *verb, bool is_news)
{
    char *output = tool(0, verb, "sync");
    assert_string_equal(output, is_news ? "{\"changed\": true}\n" : "{\"changed\": false}\n");
    free(output);
}

/* The other queue goes on: what was sent before to the paused one has been passed over when this is done. */
static void other_queue_runs(const char *id)
{
    rig_send(&rig, "scheduler", "echo", id, "[1]");
    WAIT_UNTIL(rig_has_state(&rig, id, "SUCCESS"), 20000);
}

TEST(test_paused_tasks_stay_and_run_when_resumed)
{
    change("pause", true);
    change("pause", false);
    rig_send(&rig, "sync", "echo", "one", "[1]");
    rig_send(&rig,
             "sync\x06\x16"
             "9",
             "echo", "late", "[1]");
    rig_role(&rig, &worker, "worker", "worker", env);
    other_queue_runs("other-1");
    assert_int_equal(rig_int(&rig, "LLEN sync"), 1);
    assert_int_equal(rig_int(&rig, "LLEN sync\x06\x16"
                                   "9"),
                     1);

    process_signal(&worker, SIGKILL);
    WAIT_UNTIL(!process_running(&worker), 5000);
    process_stop(&worker);
    rig_role(&rig, &worker, "worker-2", "worker", env);
    other_queue_runs("other-2");
    assert_int_equal(rig_int(&rig, "LLEN sync"), 1);

    change("resume", true);
    change("resume", false);
    WAIT_UNTIL(rig_has_state(&rig, "one", "SUCCESS") && rig_has_state(&rig, "late", "SUCCESS"), 20000);
}

TEST(test_expiry_passes_while_paused)
{
    struct buf message = {0};
    struct message_spec spec = {
        .task = "tasks.diagnostics.echo", .id = "old", .queue = "sync", .expires_us = wall_us() + 300000};
    change("pause", true);
    message_encode(&message, &spec);
    redisReply *reply = redisCommand(rig.redis, "LPUSH sync %b", message.data, message.len);
    freeReplyObject(reply);
    buf_free(&message);
    rig_role(&rig, &worker, "worker", "worker", env);
    other_queue_runs("other");
    WAIT_UNTIL(wall_us() > spec.expires_us, 2000);
    assert_int_equal(rig_int(&rig, "LLEN sync"), 1);

    change("resume", true);
    WAIT_UNTIL(rig_has_state(&rig, "old", "REVOKED"), 20000);
}

static int64_t commands(void)
{
    const char *at = strstr(rig_text(&rig, "INFO stats"), "total_commands_processed:");
    return at ? strtoll(at + 25, NULL, 10) : -1;
}

/* A worker that waited for a list that is not empty would ask without end. */
TEST(test_pausing_makes_no_worker_spin)
{
    rig_role(&rig, &worker, "worker", "worker", env);
    other_queue_runs("other");
    change("pause", true);
    for (int i = 0; i < 50; i++) rig_send(&rig, "sync", "echo", "held", "[1]");
    other_queue_runs("other-2");
    int64_t before = commands(), began = mono_ms();
    WAIT_UNTIL(mono_ms() > began + 1000, 3000);
    int64_t calls = commands() - before;
    /* Five polls a second, each a script of some commands. */
    if (before < 0 || calls > 400) fail_msg("%lld commands in a second", (long long)calls);
    assert_int_equal(rig_int(&rig, "LLEN sync"), 50);
}

TEST(test_what_is_paused_is_listed_and_unknown_names_are_refused)
{
    change("pause", true);
    char *output = tool(0, "list", NULL);
    cJSON *json = cJSON_Parse(output), *queue, *sync = NULL;
    free(output);
    cJSON_ArrayForEach(queue, cJSON_GetObjectItem(json, "queues")) {
        bool is_sync = strcmp(cJSON_GetObjectItem(queue, "name")->valuestring, "sync") == 0;
        if (is_sync) sync = queue;
        assert_int_equal(cJSON_IsTrue(cJSON_GetObjectItem(queue, "paused")), is_sync);
    }
    assert_non_null(strstr(cJSON_GetObjectItem(sync, "paused_by")->valuestring, " on "));
    assert_non_null(strstr(cJSON_GetObjectItem(sync, "paused_since")->valuestring, "Z"));
    cJSON_Delete(json);
    change("resume", true);
    static const char *const verbs[] = {"pause", "resume", "peek", "purge"};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        output = tool(69, verbs[i], "nonsense");
        if (!strstr(output, "no queue \"nonsense\": there are scheduler, sync")) fail_msg("%s: %s", verbs[i], output);
        free(output);
    }
    output = tool(69, "retry", "nonsense");
    assert_non_null(strstr(output, "no dead letter of a task nonsense"));
    free(output);
    /* One that others serve is looked into, and what is misspelt is said of ours that are empty by nobody. */
    assert_int_equal(rig_int(&rig, "LPUSH elsewhere {}"), 1);
    free(tool(0, "peek", "elsewhere"));
    free(tool(0, "purge", "elsewhere"));
    assert_int_equal(rig_int(&rig, "LLEN elsewhere"), 0);
    free(tool(0, "peek", "scheduler"));
    free(tool(0, "purge", "scheduler"));
    free(tool(0, "retry", "--all"));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(test_paused_tasks_stay_and_run_when_resumed, set_up, tear_down),
    cmocka_unit_test_setup_teardown(test_expiry_passes_while_paused, set_up, tear_down),
    cmocka_unit_test_setup_teardown(test_pausing_makes_no_worker_spin, set_up, tear_down),
    cmocka_unit_test_setup_teardown(test_what_is_paused_is_listed_and_unknown_names_are_refused, set_up, tear_down),
};
TEST_MAIN(tests, NULL, NULL)
