/* Beats: each tick fires once however many beats run, a killed leader is replaced, and the state outlives them all. No
 * worker runs: ticks stay in the queue, where they are counted. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "tests/support/rig.h"

static struct rig rig;
static struct process beats[2];

FIXTURE(set_up)
{
    rig_open(&rig, NULL);
    return 0;
}

FIXTURE(tear_down)
{
    for (int i = 0; i < 2; i++) rig_end(&beats[i]);
    rig_close(&rig);
    return 0;
}

static const char *const fast[] = {"SYNC_INTERVAL_SECONDS=1", "BEAT_LOCK_TTL_SECONDS=2",
                                   "BEAT_HEALTH_INTERVAL_SECONDS=0", "WEBHOOK_TICK_SECONDS=0", NULL};

TEST(test_two_beats_fire_once_and_survive_their_leader)
{
    int64_t began = mono_ms();
    rig_role(&rig, &beats[0], "beat0", "beat", fast);
    WAIT_UNTIL(process_logged(&beats[0], "leading the schedule"), 15000);
    rig_role(&rig, &beats[1], "beat1", "beat", fast);
    WAIT_UNTIL(process_logged(&beats[1], "connected to"), 15000);
    WAIT_UNTIL(rig_int(&rig, "LLEN scheduler") >= 4, 15000);

    process_signal(&beats[0], SIGKILL);
    process_wait(&beats[0], 5000);
    int64_t before = rig_int(&rig, "LLEN scheduler");
    WAIT_UNTIL(process_logged(&beats[1], "leading the schedule (token 2)"), 8000);
    WAIT_UNTIL(rig_int(&rig, "LLEN scheduler") >= before + 3, 15000);

    int64_t seconds = (mono_ms() - began) / 1000;
    assert_true(rig_int(&rig, "LLEN scheduler") <= seconds + 2);
    const char *tick = rig_text(&rig, "LINDEX scheduler 0");
    assert_non_null(strstr(tick, "tasks.scheduler_tasks.smart_sync_scheduler"));
    assert_null(strstr(tick, "\"expires\": null"));
    assert_non_null(strstr(tick, "\"expiration\": \"1000\""));
}

static int64_t last_run(void)
{
    return rig_int(&rig, "HGET logikald.beat smart-sync-scheduler");
}

TEST(test_runs_of_a_paused_entry_are_left_out_and_not_made_up)
{
    rig_role(&rig, &beats[0], "beat0", "beat", fast);
    WAIT_UNTIL(rig_int(&rig, "LLEN scheduler") >= 1, 15000);
    rig_text(&rig, "HSET logikald.beat.paused smart-sync-scheduler 1700000000000");
    int64_t sent = rig_int(&rig, "LLEN scheduler"), began = last_run();
    WAIT_UNTIL(last_run() >= began + 3000, 15000);
    assert_true(rig_int(&rig, "LLEN scheduler") <= sent); /* the pause and the count are no one step */
    assert_int_equal(rig_text(&rig, "HGET logikald.beat smart-sync-scheduler")[0], '0');
    rig_text(&rig, "DEL logikald.beat.paused");
    int64_t resumed = last_run();
    WAIT_UNTIL(rig_int(&rig, "LLEN scheduler") > sent, 15000);
    assert_true(rig_int(&rig, "LLEN scheduler") - sent <= (last_run() - resumed) / 1000 + 1);
    assert_int_not_equal(rig_text(&rig, "HGET logikald.beat smart-sync-scheduler")[0], '0');
}

TEST(test_leader_that_stops_hands_over_at_once)
{
    const char *const slow_lock[] = {"SYNC_INTERVAL_SECONDS=1", "BEAT_LOCK_TTL_SECONDS=10",
                                     "BEAT_HEALTH_INTERVAL_SECONDS=0", "WEBHOOK_TICK_SECONDS=0", NULL};
    rig_role(&rig, &beats[0], "beat0", "beat", slow_lock);
    WAIT_UNTIL(process_logged(&beats[0], "leading the schedule"), 15000);
    rig_role(&rig, &beats[1], "beat1", "beat", slow_lock);
    WAIT_UNTIL(process_logged(&beats[1], "connected to"), 15000);
    process_stop(&beats[0]);
    WAIT_UNTIL(process_logged(&beats[1], "leading the schedule"), 4000);
}

TEST(test_missed_ticks_are_made_up_once)
{
    rig_text(&rig, "HSET logikald.beat smart-sync-scheduler %lld", (long long)(wall_ms() - 50 * 60000));
    const char *const env[] = {"SYNC_INTERVAL_SECONDS=300", "WEBHOOK_TICK_SECONDS=0", NULL};
    rig_role(&rig, &beats[0], "beat0", "beat", env);
    WAIT_UNTIL(rig_int(&rig, "LLEN scheduler") == 2, 15000); /* it, and the health monitor's first */
    process_stop(&beats[0]);
    rig_role(&rig, &beats[1], "beat1", "beat", env);
    WAIT_UNTIL(process_logged(&beats[1], "leading the schedule"), 15000);
    WAIT_UNTIL(rig_int(&rig, "HEXISTS logikald.beat cleanup-old-tasks") == 1, 5000);
    assert_int_equal(rig_text(&rig, "HGET logikald.beat cleanup-old-tasks")[0], '0'); /* noted, not sent */
    assert_int_not_equal(rig_text(&rig, "HGET logikald.beat smart-sync-scheduler")[0], '0');
    assert_int_equal(rig_int(&rig, "LLEN scheduler"), 2);
}

TEST(test_redis_away_and_back)
{
    redis_server_kill(&rig.server);
    rig_role(&rig, &beats[0], "beat0", "beat", fast);
    WAIT_UNTIL(process_logged(&beats[0], "is not usable"), 15000);
    redis_server_restart(&rig.server);
    rig_reconnect(&rig);
    WAIT_UNTIL(rig_int(&rig, "LLEN scheduler") >= 1, 15000);
    rig_text(&rig, "FLUSHALL");
    WAIT_UNTIL(rig_int(&rig, "LLEN scheduler") >= 2, 15000);
    assert_true(process_running(&beats[0]));
}

static int ticks_logged(struct process *p)
{
    return process_log_count(p, "tick smart-sync-scheduler");
}

static int64_t commands(void)
{
    redisReply *reply = redisCommand(rig.redis, "INFO stats");
    const char *at = strstr(reply->str, "total_commands_processed:");
    int64_t count = at ? strtoll(at + strlen("total_commands_processed:"), NULL, 10) : -1;
    freeReplyObject(reply);
    return count;
}

/* Whatever stands in the hash, the entry fires at once and then in its rhythm, and the log tells what was sent. */
TEST(test_whatever_stands_as_the_last_run)
{
    static const char *const texts[] = {"0",
                                        "-5",
                                        "now",
                                        "1e99",
                                        "99999999999999999999999",
                                        "12:30",
                                        "0x10",
                                        "17 ms",
                                        "9999999999999999",
                                        "a-text-that-is-much-longer-than-any-number-of-milliseconds-could-ever-be",
                                        ""};
    const char *const env[] = {"SYNC_INTERVAL_SECONDS=3600", "BEAT_HEALTH_INTERVAL_SECONDS=0", "WEBHOOK_TICK_SECONDS=0",
                               "BEAT_LOCK_TTL_SECONDS=2", NULL};
    rig_role(&rig, &beats[0], "beat0", "beat", env);
    WAIT_UNTIL(rig_int(&rig, "LLEN scheduler") == 1, 15000);
    int expected = 1;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        freeReplyObject(redisCommand(rig.redis, "HSET logikald.beat smart-sync-scheduler %s", texts[i]));
        expected++;
        WAIT_UNTIL(rig_int(&rig, "LLEN scheduler") == expected, 10000);
    }
    WAIT_UNTIL(ticks_logged(&beats[0]) == expected, 5000);
    int64_t before = commands();
    int64_t deadline = support_deadline(2000);
    while (!support_late(deadline)) support_pause();
    int64_t made = commands() - before;
    assert_true(made < 40);
    assert_int_equal(rig_int(&rig, "LLEN scheduler"), expected);
    assert_int_equal(ticks_logged(&beats[0]), expected);
}

/* Refused for a while: no tick is told that was not sent, none is lost, and nothing spins. */
TEST(test_ticks_that_are_refused)
{
    const char *const env[] = {"SYNC_INTERVAL_SECONDS=3600", "BEAT_HEALTH_INTERVAL_SECONDS=0", "WEBHOOK_TICK_SECONDS=0",
                               "BEAT_LOCK_TTL_SECONDS=2", NULL};
    rig_text(&rig, "ACL SETUSER app on >secret ~* &* +@all");
    snprintf(rig.url, sizeof rig.url, "redis://app:secret@127.0.0.1:%d/0", rig.server.port);
    rig_role(&rig, &beats[0], "beat0", "beat", env);
    WAIT_UNTIL(ticks_logged(&beats[0]) == 1, 15000);
    rig_text(&rig, "ACL SETUSER app -lpush");
    rig_text(&rig, "HSET logikald.beat smart-sync-scheduler 0");
    WAIT_UNTIL(process_logged(&beats[0], "the schedule cannot be kept"), 10000);
    assert_int_equal(ticks_logged(&beats[0]), 1);
    int64_t before = commands();
    int64_t deadline = support_deadline(2000);
    while (!support_late(deadline)) support_pause();
    assert_true(commands() - before < 40);
    rig_text(&rig, "ACL SETUSER app +lpush");
    WAIT_UNTIL(rig_int(&rig, "LLEN scheduler") == 2, 10000);
    WAIT_UNTIL(ticks_logged(&beats[0]) == 2, 5000);
}

TEST(test_full_redis_keeps_the_lead_and_ticks)
{
    rig_text(&rig, "CONFIG SET maxmemory 1");
    rig_role(&rig, &beats[0], "beat0", "beat", fast);
    WAIT_UNTIL(process_logged(&beats[0], "leading the schedule"), 15000);
    WAIT_UNTIL(rig_int(&rig, "LLEN scheduler") >= 4, 15000);
    assert_false(process_logged(&beats[0], "another beat"));
}

TEST(test_faulty_settings)
{
    char url[160], *output = NULL;
    char *argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), "beat", NULL}, *none[] = {NULL};
    snprintf(url, sizeof url, "REDIS_URL=%s", rig.server.url);
    char *bad[] = {url, "BEAT_CLEANUP_CRONTAB=0 25 * * *", NULL};
    assert_int_equal(process_run(argv, none, &output), 78);
    assert_non_null(strstr(output, "set REDIS_URL"));
    free(output);
    assert_int_equal(process_run(argv, bad, &output), 78);
    assert_non_null(strstr(output, "the hour is malformed"));
    free(output);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
static const struct CMUnitTest tests[] = {
    ROW(test_two_beats_fire_once_and_survive_their_leader),
    ROW(test_runs_of_a_paused_entry_are_left_out_and_not_made_up),
    ROW(test_leader_that_stops_hands_over_at_once),
    ROW(test_missed_ticks_are_made_up_once),
    ROW(test_redis_away_and_back),
    ROW(test_whatever_stands_as_the_last_run),
    ROW(test_ticks_that_are_refused),
    ROW(test_full_redis_keeps_the_lead_and_ticks),
    ROW(test_faulty_settings),
};
TEST_MAIN(tests, NULL, NULL)
