/* The fence: what another worker has taken is never acknowledged, stored, retried or followed up by the one that had
 * it, and what was done and not answered is not done again. Follow-ups are counted, not only results: they lie in a
 * queue that nobody serves. Workers are frozen (SIGSTOP, their runners go on), answers are lost by a proxy, Redis
 * forgets. */
#include <signal.h>

#include "conf/clock.h"
#include "tests/support/rig.h"
#include "tests/support/servers/proxy.h"

static struct rig rig;
static struct process first, second;
static struct proxy proxy;

static const char *const single[] = {"WORKER_LEASE_SECONDS=2", "WORKER_QUEUES=sync", "WORKER_CONCURRENCY=1", NULL};

FIXTURE(set_up)
{
    memset(&proxy, 0, sizeof proxy);
    rig_open(&rig, NULL);
    return 0;
}

FIXTURE(tear_down)
{
    rig_end(&first);
    rig_end(&second);
    proxy_stop(&proxy);
    rig_close(&rig);
    return 0;
}

static void start(struct process *p, const char *name)
{
    rig_worker(&rig, p, name, single);
}

static cJSON *follow_up(const char *id)
{
    char text[256];
    snprintf(text, sizeof text,
             "[{\"task\": \"tasks.diagnostics.noop\", \"args\": [], \"kwargs\": {}, \"immutable\": true, "
             "\"options\": {\"queue\": \"followups\", \"task_id\": \"%s\"}}]",
             id);
    return cJSON_Parse(text);
}

/* A task that ends with a follow-up, however it ends. */
static void send_linked(const char *task, const char *id, const char *args, bool ignores_result)
{
    char name[80];
    cJSON *list = cJSON_Parse(args), *after = follow_up("after");
    snprintf(name, sizeof name, "tasks.diagnostics.%s", task);
    struct message_spec spec = {.task = name,
                                .id = id,
                                .queue = "sync",
                                .args = list,
                                .callbacks = after,
                                .errbacks = after,
                                .ignores_result = ignores_result};
    rig_send_spec(&rig, &spec);
    cJSON_Delete(list);
    cJSON_Delete(after);
}

/* The first worker has begun the task and is frozen, the second has it, and the first one's runner is through. */
static void freeze_and_replace(int64_t began_ms, int64_t task_ms)
{
    kill(first.pid, SIGSTOP);
    rig_role(&rig, &second, "second", "worker", single);
    WAIT_UNTIL(process_logged(&second, "a worker is dead"), 20000);
    WAIT_UNTIL(rig_int(&rig, "HLEN unacked") == 1, 10000); /* the second runs it */
    WAIT_UNTIL(mono_ms() > began_ms + task_ms + 500, task_ms + 20000);
    kill(first.pid, SIGCONT);
    WAIT_UNTIL(process_logged(&first, "taken for dead"), 10000);
}

static bool has_begun(const char *id)
{
    return rig_has_state(&rig, id, "PROGRESS") || rig_has_state(&rig, id, "STARTED");
}

TEST(test_frozen_worker_sends_no_follow_up)
{
    static const int seconds[] = {5, 7};
    for (int i = 0; i < 2; i++) {
        char args[16];
        snprintf(args, sizeof args, "[%d]", seconds[i]);
        start(&first, "first");
        send_linked("sleep", "t1", args, false);
        WAIT_UNTIL(has_begun("t1"), 10000);
        freeze_and_replace(mono_ms(), seconds[i] * 1000);

        /* While the second one is at it, nothing of it is written. */
        int64_t deadline = support_deadline(1000);
        while (!support_late(deadline)) {
            if (rig_int(&rig, "HLEN unacked") == 0) break;
            assert_false(rig_has_state(&rig, "t1", "SUCCESS") && rig_int(&rig, "HLEN unacked") == 1);
            assert_true(rig_int(&rig, "LLEN followups") == 0 || rig_int(&rig, "HLEN unacked") == 0);
            support_pause();
        }
        WAIT_UNTIL(rig_has_state(&rig, "t1", "SUCCESS") && rig_int(&rig, "HLEN unacked") == 0, 20000);
        assert_int_equal(rig_int(&rig, "LLEN followups"), 1);
        process_stop(&first);
        process_stop(&second);
        assert_int_equal(rig_int(&rig, "LLEN followups"), 1);
        rig_text(&rig, "FLUSHALL");
    }
}

TEST(test_frozen_worker_sends_none_for_failures_and_ignored_results)
{
    start(&first, "first");
    send_linked("sleep", "t1", "[5]", true);
    WAIT_UNTIL(rig_int(&rig, "HLEN unacked") == 1, 10000);
    freeze_and_replace(mono_ms(), 5000);
    WAIT_UNTIL(rig_left(&rig) == 0, 20000);
    assert_int_equal(rig_int(&rig, "LLEN followups"), 1);
    process_stop(&first);
    process_stop(&second);
    assert_int_equal(rig_int(&rig, "LLEN followups"), 1);
}

static int copies_of_t1(void)
{
    return (int)rig_left(&rig);
}

TEST(test_frozen_worker_does_not_fork_a_retry)
{
    rig_text(&rig, "LPUSH wrongtype x"); /* the effect fails, and is tried again */
    start(&first, "first");
    rig_send(&rig, "sync", "effect", "t1", "[\"wrongtype\", 5000]");
    WAIT_UNTIL(has_begun("t1"), 10000);
    freeze_and_replace(mono_ms(), 5000);
    int64_t deadline = support_deadline(9000);
    while (!support_late(deadline)) {
        assert_true(copies_of_t1() <= 1);
        support_pause();
    }
    assert_int_equal(copies_of_t1(), 1);
}

/* A worker of a version without epochs takes a frozen one for dead: it moves what that one holds, and leaves its mark.
 */
static const char older_sweep[] =
    "local id = redis.call('ZRANGE', 'logikald.workers', 0, 0)[1] local held = 'logikald.held.' .. id "
    "for _, tag in ipairs(redis.call('HKEYS', held)) do redis.call('LPUSH', 'taken', redis.call('HGET', 'unacked', "
    "tag)) "
    "redis.call('ZREM', 'unacked_index', tag) redis.call('HDEL', 'unacked', tag) end redis.call('DEL', held) "
    "redis.call('ZREM', 'logikald.workers', id) redis.call('SET', 'logikald.swept.' .. id, '1') return 1";

TEST(test_worker_that_an_older_version_took_for_dead_writes_nothing)
{
    start(&first, "first");
    send_linked("sleep", "t1", "[2]", false);
    WAIT_UNTIL(has_begun("t1"), 10000);
    int64_t began = mono_ms();
    kill(first.pid, SIGSTOP);
    redisReply *reply = redisCommand(rig.redis, "EVAL %s 0", older_sweep);
    assert_true(reply && reply->type == REDIS_REPLY_INTEGER);
    freeReplyObject(reply);
    WAIT_UNTIL(mono_ms() > began + 2500, 20000); /* its runner is through */
    kill(first.pid, SIGCONT);
    WAIT_UNTIL(process_logged(&first, "taken for dead"), 10000);
    rig_send(&rig, "sync", "noop", "next", "[]");
    WAIT_UNTIL(rig_has_state(&rig, "next", "SUCCESS"), 20000);
    process_stop(&first);
    assert_int_equal(rig_int(&rig, "LLEN followups"), 0);
    assert_int_equal(rig_int(&rig, "LLEN taken"), 1);
    assert_false(rig_has_state(&rig, "t1", "SUCCESS"));
}

static void through_proxy(const char *needle, int cuts)
{
    proxy_start(&proxy, rig.server.port);
    snprintf(rig.url, sizeof rig.url, "redis://127.0.0.1:%d/0", proxy.port);
    snprintf(proxy.rules->needle, sizeof proxy.rules->needle, "%s", needle);
    atomic_store(&proxy.rules->cuts, cuts);
}

TEST(test_lost_answers_send_no_follow_up_twice)
{
    static const bool is_ignored[] = {false, true};
    for (int i = 0; i < 2; i++) {
        through_proxy("followups", 3); /* what finish.lua is told, three times */
        start(&first, "first");
        send_linked("noop", "ok", "[]", is_ignored[i]);
        WAIT_UNTIL(rig_int(&rig, "LLEN followups") >= 1, 20000);
        WAIT_UNTIL(rig_int(&rig, "HLEN unacked") == 0, 20000);
        send_linked("fail", "bad", "[\"x\"]", is_ignored[i]);
        WAIT_UNTIL(rig_int(&rig, "LLEN followups") >= 2, 20000);
        rig_send(&rig, "sync", "noop", "last", "[]");
        WAIT_UNTIL(rig_has_state(&rig, "last", "SUCCESS"), 20000);
        WAIT_UNTIL(atomic_load(&proxy.rules->cuts) == 0, 30000); /* the worker asks until it hears the answer */
        process_stop(&first);
        assert_int_equal(rig_int(&rig, "LLEN followups"), 2);
        assert_int_equal(rig_int(&rig, "HLEN unacked"), 0);
        rig_text(&rig, "FLUSHALL");
        proxy_stop(&proxy);
    }
}

/* Messages come with the wake-up of a connection that waits. When that connection breaks instead, what Redis holds for
 * the worker and never came to it goes back, and runs: all of it, once, without the worker's end. */
TEST(test_lost_wake_ups_lose_no_message)
{
    enum { TASKS = 60, TASKS_MAX = 600 };
    int sent = 0;
    through_proxy("BLMOVE", 0);
    start(&first, "first");
    atomic_store(&proxy.rules->cuts, 12);
    for (; sent < TASKS || (sent < TASKS_MAX && atomic_load(&proxy.rules->cuts_made) < 3); sent++) {
        char id[32];
        snprintf(id, sizeof id, "wake-%d", sent);
        send_linked("noop", id, "[]", true);
        WAIT_UNTIL(sent % 5 != 4 || rig_int(&rig, "LLEN followups") >= sent - 20, 20000); /* not all at once */
        usleep(15000);
    }
    WAIT_UNTIL(rig_int(&rig, "LLEN followups") >= sent, 30000);
    rig_send(&rig, "sync", "noop", "last", "[]");
    WAIT_UNTIL(rig_has_state(&rig, "last", "SUCCESS"), 20000);
    WAIT_UNTIL(rig_int(&rig, "HLEN unacked") == 0, 20000);
    assert_true(atomic_load(&proxy.rules->cuts_made) >= 3);
    WAIT_UNTIL(process_logged(&first, "that did not reach this worker go back"), 5000);
    assert_int_equal(rig_int(&rig, "LLEN followups"), sent);
    process_stop(&first);
}

/* A message whose time lies ahead is rescheduled with a lost answer: it runs once. */
TEST(test_lost_answer_schedules_once)
{
    through_proxy("later-1", 1);
    start(&first, "first");
    cJSON *args = cJSON_Parse("[\"seen\", 0]");
    struct message_spec spec = {.task = "tasks.diagnostics.effect",
                                .id = "later-1",
                                .queue = "sync",
                                .args = args,
                                .eta_us = wall_us() + 4000000};
    rig_send_spec(&rig, &spec);
    cJSON_Delete(args);
    WAIT_UNTIL(rig_has_state(&rig, "later-1", "SUCCESS"), 20000);
    rig_send(&rig, "sync", "sleep", "pause", "[3]");
    WAIT_UNTIL(rig_has_state(&rig, "pause", "SUCCESS"), 20000);
    assert_int_equal(atomic_load(&proxy.rules->cuts_made), 1);
    assert_int_equal(rig_int(&rig, "GET seen"), 1);
    assert_int_equal(copies_of_t1(), 0);
}

/* A run that does not know whether Redis did what it asked for asks again for the same: it counts once, and the message
 * is not tried again. */
TEST(test_lost_answers_count_an_effect_once)
{
    static const int cuts[] = {1, 4};
    for (int i = 0; i < 2; i++) {
        through_proxy("counted", cuts[i]);
        start(&first, "first");
        send_linked("effect", "t1", i == 0 ? "[\"counted\"]" : "[\"counted\", 300]", false);
        WAIT_UNTIL(rig_has_state(&rig, "t1", "SUCCESS"), 60000);
        process_stop(&first);
        assert_int_equal(atomic_load(&proxy.rules->cuts_made), cuts[i]);
        assert_int_equal(rig_int(&rig, "GET counted"), 1);
        assert_false(process_logged(&first, "failed, try"));
        rig_text(&rig, "FLUSHALL");
        proxy_stop(&proxy);
    }
}

TEST(test_redis_that_forgot_gets_one_follow_up)
{
    start(&first, "first");
    send_linked("sleep", "t1", "[4]", true);
    WAIT_UNTIL(rig_int(&rig, "HLEN unacked") == 1, 10000);
    rig_text(&rig, "FLUSHALL");
    WAIT_UNTIL(rig_int(&rig, "LLEN followups") == 1, 20000);
    WAIT_UNTIL(rig_int(&rig, "HLEN unacked") == 0, 10000);
    process_stop(&first);
    assert_int_equal(rig_int(&rig, "LLEN followups"), 1);
    assert_int_equal(rig_int(&rig, "HLEN unacked"), 0);
}

/* Another kombu process puts a message back while it runs here: whoever takes it then has it. */
TEST(test_message_that_kombu_took_is_left_alone)
{
    start(&first, "first");
    send_linked("sleep", "t1", "[5]", false);
    WAIT_UNTIL(has_begun("t1"), 10000);
    redisReply *entries = redisCommand(rig.redis, "HGETALL unacked");
    assert_int_equal(entries->elements, 2);
    char raw[8192];
    snprintf(raw, sizeof raw, "%.*s", (int)(entries->element[1]->len - strlen("[, \"\", \"sync\"]")),
             entries->element[1]->str + 1);
    freeReplyObject(redisCommand(rig.redis, "ZREM unacked_index %s", entries->element[0]->str));
    freeReplyObject(redisCommand(rig.redis, "HDEL unacked %s", entries->element[0]->str));
    freeReplyObject(entries);
    rig_push(&rig, "taken", raw, strlen(raw)); /* to where nobody runs it */
    WAIT_UNTIL(process_logged(&first, "put back into its queue by another"), 15000);
    rig_send(&rig, "sync", "noop", "after", "[]");
    WAIT_UNTIL(rig_has_state(&rig, "after", "SUCCESS"), 20000);
    assert_false(rig_has_state(&rig, "t1", "SUCCESS"));
    assert_int_equal(rig_int(&rig, "LLEN followups"), 0);
    assert_int_equal(rig_int(&rig, "LLEN taken"), 1);
}

int main(void)
{
    if (getenv("TEST_FILTER")) cmocka_set_test_filter(getenv("TEST_FILTER"));
#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ROW(test_frozen_worker_sends_no_follow_up),
        ROW(test_frozen_worker_sends_none_for_failures_and_ignored_results),
        ROW(test_frozen_worker_does_not_fork_a_retry),
        ROW(test_worker_that_an_older_version_took_for_dead_writes_nothing),
        ROW(test_lost_answers_send_no_follow_up_twice),
        ROW(test_lost_wake_ups_lose_no_message),
        ROW(test_lost_answer_schedules_once),
        ROW(test_lost_answers_count_an_effect_once),
        ROW(test_redis_that_forgot_gets_one_follow_up),
        ROW(test_message_that_kombu_took_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
