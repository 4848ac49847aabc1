/* No crash loses a task: workers killed, frozen and stopped, Redis killed, emptied, read-only and full. Each test
 * starts its own redis-server and workers and looks at what Redis holds afterwards. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/rig.h"

RIG_WORLD

static const char *const quick[] = {"WORKER_LEASE_SECONDS=2", "WORKER_QUEUES=sync", NULL};

TEST(test_successor_takes_over_at_once)
{
    const char *const env[] = {"LOGIKALD_SUPERVISOR_ID=s1", "LOGIKALD_INSTANCE=worker.0", "WORKER_QUEUES=sync",
                               "WORKER_LEASE_SECONDS=60", NULL};
    rig_worker(&rig, &first, "first", env);
    rig_send(&rig, "sync", "effect", "t1", "[\"seen\", 3000]");
    WAIT_UNTIL(rig_has_state(&rig, "t1", "STARTED"), 10000);
    char previous[64];
    snprintf(previous, sizeof previous, "LOGIKALD_PREVIOUS_PID=%d", (int)first.pid);

    process_signal(&first, SIGKILL);
    process_wait(&first, 5000);
    assert_int_equal(rig_int(&rig, "HLEN unacked"), 1);
    const char *const next[] = {env[0], env[1], env[2], env[3], previous, NULL};
    rig_worker(&rig, &second, "second", next);

    WAIT_UNTIL(process_logged(&second, "took over 1 messages"), 1000);
    WAIT_UNTIL(rig_has_state(&rig, "t1", "SUCCESS"), 15000);
    assert_int_equal(rig_int(&rig, "GET seen"), 1);
    assert_int_equal(rig_int(&rig, "HLEN unacked"), 0);
}

TEST(test_other_worker_takes_over_after_the_lease)
{
    rig_worker(&rig, &first, "first", quick);
    rig_worker(&rig, &second, "second", quick);
    rig_send(&rig, "sync", "effect", "t1", "[\"seen\", 1500]");
    rig_send(&rig, "sync", "effect", "t2", "[\"seen\", 1500]");
    rig_send(&rig, "sync", "effect", "t3", "[\"seen\", 1500]");
    rig_send(&rig, "sync", "effect", "t4", "[\"seen\", 1500]");
    WAIT_UNTIL(rig_int(&rig, "HLEN unacked") == 4, 10000);
    rig_int(&rig, "HSET logikald.history of-another-message 1"); /* is no reason to look for more of the dead one's */

    process_signal(&first, SIGKILL);
    process_wait(&first, 5000);

    const char *const ids[] = {"t1", "t2", "t3", "t4"};
    for (int i = 0; i < 4; i++) WAIT_UNTIL(rig_has_state(&rig, ids[i], "SUCCESS"), 20000);
    assert_true(rig_int(&rig, "GET seen") >= 4);
    assert_int_equal(rig_int(&rig, "HLEN unacked"), 0);
    WAIT_UNTIL(rig_int(&rig, "ZCARD logikald.workers") == 1 && rig_int(&rig, "HLEN logikald.registered") == 1, 20000);
    assert_int_equal(rig_int(&rig, "HLEN logikald.history"), 1);
}

TEST(test_long_task_keeps_its_message)
{
    rig_worker(&rig, &first, "first", quick);
    rig_worker(&rig, &second, "second", quick);
    rig_send(&rig, "sync", "effect", "t1", "[\"seen\", 7000]");
    WAIT_UNTIL(rig_has_state(&rig, "t1", "SUCCESS"), 20000);
    assert_int_equal(rig_int(&rig, "GET seen"), 1);
    assert_false(process_logged(&first, "is dead") || process_logged(&second, "is dead"));
}

TEST(test_frozen_worker_writes_nothing_afterwards)
{
    rig_worker(&rig, &first, "first", quick);
    rig_send(&rig, "sync", "sleep", "t1", "[4]");
    WAIT_UNTIL(rig_has_state(&rig, "t1", "PROGRESS") || rig_has_state(&rig, "t1", "STARTED"), 10000);

    kill(first.pid, SIGSTOP); /* its runner works on */
    rig_worker(&rig, &second, "second", quick);
    WAIT_UNTIL(process_logged(&second, "a worker is dead"), 15000);
    WAIT_UNTIL(rig_has_state(&rig, "t1", "SUCCESS"), 15000);
    char *result = strdup(rig_text(&rig, "GET celery-task-meta-t1"));
    kill(first.pid, SIGCONT);

    WAIT_UNTIL(process_logged(&first, "taken for dead"), 10000);
    assert_string_equal(rig_text(&rig, "GET celery-task-meta-t1"), result);
    free(result);
    rig_send(&rig, "sync", "noop", "t2", "[]");
    WAIT_UNTIL(rig_has_state(&rig, "t2", "SUCCESS"), 10000);
}

TEST(test_redis_killed_and_restarted)
{
    char id[16];
    rig_worker(&rig, &first, "first", quick);
    for (int i = 0; i < 30; i++) {
        snprintf(id, sizeof id, "t%d", i);
        rig_send(&rig, "sync", "effect", id, "[\"seen\", 100]");
    }
    WAIT_UNTIL(rig_int(&rig, "GET seen") >= 3, 15000);

    redis_server_kill(&rig.server);
    WAIT_UNTIL(process_logged(&first, "is not usable"), 10000);
    redis_server_restart(&rig.server);
    rig_reconnect(&rig);

    for (int i = 0; i < 30; i++) {
        snprintf(id, sizeof id, "t%d", i);
        WAIT_UNTIL(rig_has_state(&rig, id, "SUCCESS"), 30000);
    }
    assert_true(rig_int(&rig, "GET seen") >= 28); /* the last appends to its file may be lost with the kill */
    WAIT_UNTIL(rig_int(&rig, "HLEN unacked") == 0, 10000);
    assert_true(process_running(&first));
}

TEST(test_redis_that_forgot_gets_the_result)
{
    rig_worker(&rig, &first, "first", quick);
    rig_send(&rig, "sync", "sleep", "t1", "[3]");
    WAIT_UNTIL(rig_has_state(&rig, "t1", "STARTED") || rig_has_state(&rig, "t1", "PROGRESS"), 10000);

    rig_text(&rig, "FLUSHALL");

    WAIT_UNTIL(rig_has_state(&rig, "t1", "SUCCESS"), 15000);
    WAIT_UNTIL(rig_int(&rig, "ZCARD logikald.workers") == 1, 5000);
    WAIT_UNTIL(rig_int(&rig, "HLEN unacked") == 0, 10000);
    rig_send(&rig, "sync", "noop", "t2", "[]");
    WAIT_UNTIL(rig_has_state(&rig, "t2", "SUCCESS"), 10000);
}

/* What it kept in memory alone is gone, but for what the worker holds. */
TEST(test_redis_without_persistence_is_restarted)
{
    char files[300];
    rig_worker(&rig, &first, "first", quick);
    rig_send(&rig, "sync", "sleep", "t1", "[3]");
    WAIT_UNTIL(rig_has_state(&rig, "t1", "STARTED") || rig_has_state(&rig, "t1", "PROGRESS"), 10000);
    rig_send(&rig, "other", "noop", "t2", "[]"); /* nobody's */

    redis_server_kill(&rig.server);
    snprintf(files, sizeof files, "%s/appendonlydir", rig.server.dir);
    process_run((char *const[]){(char *)"rm", (char *)"-r", files, NULL}, NULL, NULL);
    redis_server_restart(&rig.server);
    rig_reconnect(&rig);

    WAIT_UNTIL(rig_has_state(&rig, "t1", "SUCCESS"), 30000);
    assert_int_equal(rig_int(&rig, "LLEN other"), 0);
    WAIT_UNTIL(process_logged(&first, "Redis went back in time") || process_logged(&first, "Redis has lost"), 15000);
    WAIT_UNTIL(rig_int(&rig, "HLEN unacked") == 0, 10000);
    rig_send(&rig, "sync", "noop", "t3", "[]");
    WAIT_UNTIL(rig_has_state(&rig, "t3", "SUCCESS"), 10000);
}

TEST(test_stop_hands_back_what_is_not_done)
{
    const char *const env[] = {"WORKER_QUEUES=sync", "WORKER_GRACE_SECONDS=3", NULL};
    rig_worker(&rig, &first, "first", env);
    rig_send(&rig, "sync", "sleep", "long", "[60]");
    rig_send(&rig, "sync", "sleep", "short", "[0.5]");
    WAIT_UNTIL(rig_has_state(&rig, "short", "PROGRESS"), 10000);
    rig_send(&rig, "sync", "sleep", "waits", "[60]");

    process_signal(&first, SIGTERM);
    assert_int_equal(process_wait(&first, 15000), 0);

    assert_true(rig_has_state(&rig, "short", "SUCCESS"));
    assert_int_equal(rig_int(&rig, "LLEN sync"), 2);
    assert_non_null(strstr(rig_text(&rig, "LINDEX sync -1"), "\"id\": \"long\""));
    assert_int_equal(rig_int(&rig, "HLEN unacked"), 0);
    assert_int_equal(rig_int(&rig, "ZCARD unacked_index"), 0);
    assert_int_equal(rig_int(&rig, "ZCARD logikald.workers"), 0);
}

TEST(test_full_and_read_only_redis)
{
    rig_worker(&rig, &first, "first", quick);
    rig_send(&rig, "sync", "sleep", "t1", "[1]");
    WAIT_UNTIL(rig_int(&rig, "HLEN unacked") == 1, 10000);
    rig_text(&rig, "CONFIG SET maxmemory 1");
    WAIT_UNTIL(rig_has_state(&rig, "t1", "SUCCESS"), 15000); /* a full server takes results, as it loses messages */
    rig_text(&rig, "CONFIG SET maxmemory 0");

    rig_text(&rig, "REPLICAOF 127.0.0.1 1");
    WAIT_UNTIL(process_logged(&first, "read-only"), 10000);
    rig_text(&rig, "REPLICAOF NO ONE");
    rig_send(&rig, "sync", "noop", "t2", "[]");
    WAIT_UNTIL(rig_has_state(&rig, "t2", "SUCCESS"), 15000);
}

TEST(test_orphans_of_python_workers_come_back)
{
    char raw[65536];
    rig_send(&rig, "sync", "noop", "old", "[]");
    snprintf(raw, sizeof raw, "[%.60000s, \"\", \"sync\"]", rig_text(&rig, "RPOP sync"));
    freeReplyObject(redisCommand(rig.redis, "HSET unacked tag %s", raw));
    rig_text(&rig, "ZADD unacked_index 1000 tag");
    rig_text(&rig, "CONFIG SET maxmemory-policy allkeys-lru");

    rig_worker(&rig, &first, "first", quick);

    WAIT_UNTIL(rig_has_state(&rig, "old", "SUCCESS"), 10000);
    WAIT_UNTIL(rig_int(&rig, "HLEN unacked") == 0, 10000);
    WAIT_UNTIL(process_logged(&first, "eviction policy allkeys-lru"), 5000);
}

TEST(test_runners_are_recycled)
{
    char id[16];
    const char *const env[] = {"WORKER_QUEUES=sync", "WORKER_MAX_TASKS_PER_CHILD=3", "LOG_LEVEL=debug", NULL};
    rig_worker(&rig, &first, "first", env);
    for (int i = 0; i < 40; i++) {
        snprintf(id, sizeof id, "t%d", i);
        rig_send(&rig, "sync", "add", id, "[1, 2]");
    }
    for (int i = 0; i < 40; i++) {
        snprintf(id, sizeof id, "t%d", i);
        WAIT_UNTIL(rig_has_state(&rig, id, "SUCCESS"), 20000);
    }
    WAIT_UNTIL(process_logged(&first, "retires after 3 tasks"), 5000);
}

/* The only runner of a worker. */
static int runner_of(const struct process *worker)
{
    char path[64], pids[64] = "";
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)worker->pid, (int)worker->pid);
    FILE *f = fopen(path, "re");
    if (f && !fgets(pids, sizeof pids, f)) pids[0] = 0;
    if (f) fclose(f);
    return (int)strtol(pids, NULL, 10);
}

TEST(test_runners_are_replaced_under_load_that_does_not_end)
{
    const char *const env[] = {"WORKER_QUEUES=sync", "WORKER_CONCURRENCY=1", NULL};
    rig_worker(&rig, &first, "first", env);
    rig_send(&rig, "sync", "noop", "t1", "[]");
    WAIT_UNTIL(rig_has_state(&rig, "t1", "SUCCESS"), 10000);
    int former = runner_of(&first);
    assert_true(former > 0);

    for (int i = 0; i < 1000; i++) rig_send(&rig, "sync", "sleep", "more", "[0.0005]");
    process_signal(&first, SIGHUP); /* runners are replaced by such that see the new settings */

    for (int64_t end = support_deadline(30000); runner_of(&first) == former;) {
        if (support_late(end)) fail_msg("runner %d works on", former);
        for (int i = 0; i < 500 && rig_int(&rig, "LLEN sync") < 2000; i++)
            rig_send(&rig, "sync", "sleep", "more", "[0.0005]");
    }
    rig_int(&rig, "DEL sync");
    WAIT_UNTIL(runner_of(&first) > 0 && rig_int(&rig, "HLEN unacked") == 0, 20000);
    rig_send(&rig, "sync", "noop", "t2", "[]");
    WAIT_UNTIL(rig_has_state(&rig, "t2", "SUCCESS"), 10000);
}

TEST(test_without_redis)
{
    char *argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), "worker", NULL}, *env[] = {NULL},
         *output = NULL;
    int status = process_run(argv, env, &output);
    assert_int_equal(status, 78);
    assert_non_null(strstr(output, "set REDIS_URL"));
    free(output);

    redis_server_kill(&rig.server);
    rig_role(&rig, &first, "first", "worker", quick);
    WAIT_UNTIL(process_logged(&first, "is not usable"), 10000);
    redis_server_restart(&rig.server);
    rig_reconnect(&rig);
    rig_send(&rig, "sync", "noop", "t1", "[]");
    WAIT_UNTIL(rig_has_state(&rig, "t1", "SUCCESS"), 15000);
}

/* ---- keys that are something else for a while ---- */
static const char *const one_queue[] = {"WORKER_QUEUES=sync", NULL};

static int64_t refusals(void)
{
    const char *stats = rig_text(&rig, "INFO errorstats"), *at = strstr(stats, "errorstat_WRONGTYPE:count=");
    return at ? strtoll(strchr(at, '=') + 1, NULL, 10) : 0;
}

static void spoil(const char *key)
{
    if (rig_int(&rig, "EXISTS %s", key)) rig_text(&rig, "RENAME %s spoiled", key);
    rig_text(&rig, "SET %s x", key);
}

static void heal(const char *key)
{
    rig_int(&rig, "DEL %s", key);
    if (rig_int(&rig, "EXISTS spoiled")) rig_text(&rig, "RENAME spoiled %s", key);
}

static void ask_redis(char *out, size_t size, const char *script)
{
    redisReply *reply = redisCommand(rig.redis, "EVAL %s 0", script);
    assert_int_equal(reply->type, REDIS_REPLY_STRING);
    snprintf(out, size, "%s", reply->str);
    freeReplyObject(reply);
}

/* What was taken out of its list before it shows goes back in its order; once the key is itself again, all runs. */
TEST(test_keys_of_a_wrong_type_keep_messages)
{
    static const char *const keys[] = {"unacked", "unacked_index", "logikald.history"};
    static const char all[] = "return table.concat(redis.call('LRANGE', 'sync', 0, -1))";
    char sent[8192], left[8192], id[32];
    rig_worker(&rig, &first, "first", one_queue);
    for (int i = 0; i < 3; i++) {
        spoil(keys[i]);
        int64_t before = refusals();
        for (int k = 0; k < 3; k++) {
            snprintf(id, sizeof id, "w%d%d", i, k);
            rig_send(&rig, "aside", "noop", id, "[]");
        }
        ask_redis(sent, sizeof sent, "return table.concat(redis.call('LRANGE', 'aside', 0, -1))");
        rig_text(&rig, "RENAME aside sync"); /* they are taken together */
        WAIT_UNTIL(refusals() >= before + 2, 20000);
        ask_redis(left, sizeof left, all);
        assert_string_equal(left, sent);
        heal(keys[i]);
        WAIT_UNTIL(rig_has_state(&rig, id, "SUCCESS"), 20000);
        WAIT_UNTIL(rig_left(&rig) == 0, 20000);
    }
}

/* The same when an outcome is written. */
TEST(test_keys_of_a_wrong_type_keep_outcomes)
{
    char done[200];
    rig_worker(&rig, &first, "first", one_queue);
    rig_send(&rig, "sync", "noop", "first", "[]");
    WAIT_UNTIL(rig_has_state(&rig, "first", "SUCCESS"), 20000);
    ask_redis(done, sizeof done, "return redis.call('KEYS', 'logikald.done.*')[1]");
    const struct {
        const char *key, *id;
        int least; /* refusals: states on the way are among those of the index */
    } rows[] = {{"unacked_index", "s1", 4}, {done, "s2", 2}};
    for (int i = 0; i < 2; i++) {
        rig_send(&rig, "sync", "sleep", rows[i].id, "[0.4]");
        WAIT_UNTIL(rig_has_state(&rig, rows[i].id, "STARTED"), 20000);
        int64_t before = refusals();
        spoil(rows[i].key);
        WAIT_UNTIL(refusals() >= before + rows[i].least, 20000);
        assert_false(rig_has_state(&rig, rows[i].id, "SUCCESS"));
        heal(rows[i].key);
        WAIT_UNTIL(rig_has_state(&rig, rows[i].id, "SUCCESS"), 30000);
        WAIT_UNTIL(rig_int(&rig, "HLEN unacked") == 0, 20000);
    }
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
static const struct CMUnitTest tests[] = {
    ROW(test_successor_takes_over_at_once),
    ROW(test_other_worker_takes_over_after_the_lease),
    ROW(test_long_task_keeps_its_message),
    ROW(test_frozen_worker_writes_nothing_afterwards),
    ROW(test_redis_killed_and_restarted),
    ROW(test_redis_that_forgot_gets_the_result),
    ROW(test_redis_without_persistence_is_restarted),
    ROW(test_stop_hands_back_what_is_not_done),
    ROW(test_full_and_read_only_redis),
    ROW(test_orphans_of_python_workers_come_back),
    ROW(test_runners_are_recycled),
    ROW(test_runners_are_replaced_under_load_that_does_not_end),
    ROW(test_without_redis),
    ROW(test_keys_of_a_wrong_type_keep_messages),
    ROW(test_keys_of_a_wrong_type_keep_outcomes),
};
TEST_MAIN(tests, NULL, NULL)
