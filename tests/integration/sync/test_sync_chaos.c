/* The sync while the world moves: an upstream that changes meanwhile, processes killed in every stage, random mutations
 * and faults. After one clean sync the database is what the upstream has. */
#include "tests/support/sync_truth.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FULL "tasks.sync_tasks.full_sync_task"

SYNC_WORLD("--directories 4 --depth 3 --projects 1 --phases 2 --total-elevations 60 --uneven")

/* Kills a full sync once the condition (a query that gives 1) is true; false when it ended before. */
static bool kill_when(const char *condition)
{
    struct process p;
    sync_task_start(&world, &p, FULL, NULL, NULL);
    int64_t deadline = support_deadline(60000);
    while (process_running(&p) && pg_int(&world.pg, condition) != 1 && !support_late(deadline)) continue;
    bool is_running = process_running(&p);
    process_signal(&p, SIGKILL);
    process_wait(&p, 10000);
    return is_running;
}

TEST(test_killed_in_every_stage_and_resumed)
{
    static const char *const stages[] = {
        "SELECT (count(*) > 0)::int FROM sync_runs WHERE state = 'running'",
        "SELECT (count(*) > 0)::int FROM sessions",
        "SELECT (count(*) > 0)::int FROM projects",
        "SELECT (count(*) > 10)::int FROM elevations",
        "SELECT (count(*) > 3)::int FROM elevation_thumbnails",
        "SELECT (count(*) > 3)::int FROM elevation_parts_lists",
        "SELECT (count(*) > 30)::int FROM elevation_parts_lists",
    };
    sim_post(&world.sim, "/delays", "{\"auth\":30,\"list\":5,\"thumbnail\":5,\"parts\":5,\"project\":5}");
    sync_world_clear(&world);

    int killed = 0;
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) killed += kill_when(stages[i]);

    assert_true(killed >= 5);
    int64_t parts = pg_int(&world.pg, "SELECT count(*) FROM elevation_parts_lists");
    assert_true(parts > 30);
    sim_post(&world.sim, "/delays", "{\"auth\":0,\"list\":0,\"thumbnail\":0,\"parts\":0,\"project\":0}");
    sim_post(&world.sim, "/stats/reset", "{}");
    sync_all(&world, false);
    assert_truth(&world, true);
    /* A login that was on its way in the moment of the kill is noted without a token; every other session was logged
     * out. */
    int64_t unknown =
        pg_int(&world.pg, "SELECT coalesce(sum(value), 0) FROM sync_counters WHERE object_type = 'session'");
    assert_true(sim_number(&world, "leaked_sessions") <= unknown);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM sessions"), 0);
    assert_true(sim_number(&world, "calls.parts") <= pg_int(&world.pg, "SELECT count(*) FROM elevations") - parts);
}

static void forget_sessions(void)
{
    sim_post(&world.sim, "/sessions/expire", "{}");
    sim_post(&world.sim, "/stats/reset", "{}");
}

/* Kills a sync while its logins are on their way, and one when they are through. */
TEST(test_killed_while_logging_in)
{
    static const char all_in[] = "SELECT (count(*) = 4)::int FROM sessions WHERE is_active";
    sync_world_clear(&world);
    sync_all(&world, false);
    forget_sessions();
    sim_post(&world.sim, "/delays", "{\"auth\":400,\"list\":50,\"project\":50}");
    assert_true(kill_when("SELECT (count(*) > 0)::int FROM sessions WHERE NOT is_active"));
    int64_t logins = pg_int(&world.pg, "SELECT count(*) FROM sessions");

    cJSON *result = sync_task(&world, FULL, NULL, "{\"force_sync\":true}", NULL);

    assert_in_range(logins, 1, 4);
    assert_int_equal(result_number(cJSON_GetObjectItem(result, "upstream"), "sessions_unknown"), logins);
    assert_true(sim_number(&world, "leaked_sessions") <= logins);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM sessions"), 0);
    cJSON_Delete(result);
    forget_sessions();

    assert_true(kill_when(all_in));
    result = sync_task(&world, FULL, NULL, "{\"force_sync\":true}", NULL);

    assert_int_equal(result_number(cJSON_GetObjectItem(result, "upstream"), "sessions_unknown"), 0);
    assert_nothing_leaked(&world);
    sim_post(&world.sim, "/delays", "{\"auth\":0,\"list\":0,\"project\":0}");
    cJSON_Delete(result);
}

TEST(test_failed_logouts_are_made_up_for)
{
    sync_world_clear(&world);
    sim_post(&world.sim, "/faults", "{\"rules\":[{\"endpoint\":\"logout\",\"kind\":\"status\",\"status\":503}]}");
    sync_all(&world, false);
    int64_t left = sim_number(&world, "leaked_sessions");
    assert_true(left > 0);

    sync_all(&world, true); /* in vain */

    assert_true(sim_number(&world, "leaked_sessions") > left);
    left = sim_number(&world, "leaked_sessions");
    assert_true(left > 3);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM sessions"), left);
    /* Two that cannot be logged out keep none of the others open. */
    sim_post(&world.sim, "/faults",
             "{\"rules\":[{\"endpoint\":\"logout\",\"kind\":\"status\",\"status\":409,\"count\":2}]}");
    sync_all(&world, false);
    left = sim_number(&world, "leaked_sessions");
    assert_in_range(left, 0, 2);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM sessions"), left);
    sim_post(&world.sim, "/faults/clear", "{}");
    sync_all(&world, true);
    assert_nothing_leaked(&world);
}

/* Whatever a logout is refused with, the session is open and noted, and the next sync ends it. */
TEST(test_refused_logouts_are_not_over)
{
    static const int statuses[] = {409, 400, 403, 405, 410, 423, 429, 500, 302};
    forget_sessions();
    sync_world_clear(&world);
    sync_all(&world, false);
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        char json[200];
        snprintf(json, sizeof json, "{\"rules\":[{\"endpoint\":\"logout\",\"kind\":\"status\",\"status\":%d}]}",
                 statuses[i]);
        sim_post(&world.sim, "/faults", json);
        sync_all(&world, false);
        int64_t left = sim_number(&world, "leaked_sessions");
        if (left == 0 || pg_int(&world.pg, "SELECT count(*) FROM sessions") != left)
            fail_msg("%d: %d sessions are open, and not all of them noted", statuses[i], (int)left);
        sim_post(&world.sim, "/faults/clear", "{}");
        sync_all(&world, false);
        assert_nothing_leaked(&world);
    }
}

/* 401 to one call of a session that lives on: it is logged out, not forgotten. */
TEST(test_sessions_refused_once_are_logged_out)
{
    static const char *const endpoints[] = {"directories_list",  "projects_select", "phases_list",
                                            "elevations_select", "thumbnail",       "parts"};
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        char json[200];
        snprintf(json, sizeof json,
                 "{\"rules\":[{\"endpoint\":\"%s\",\"kind\":\"status\",\"status\":401,\"after\":1,\"count\":2}]}",
                 endpoints[i]);
        sync_world_clear(&world);
        sim_post(&world.sim, "/faults", json);
        sync_all(&world, false);
        sim_post(&world.sim, "/faults/clear", "{}");
        assert_truth(&world, true);
        if (sim_number(&world, "leaked_sessions") > 0) fail_msg("%s: a session was left open", endpoints[i]);
        assert_nothing_leaked(&world);
    }
}

TEST(test_interrupted_sync_is_due_again_at_once)
{
    sync_world_clear(&world);
    sim_post(&world.sim, "/delays", "{\"list\":20}");
    assert_true(kill_when("SELECT (count(*) > 0)::int FROM projects"));
    sim_post(&world.sim, "/delays", "{\"list\":0}");

    cJSON *result = sync_task(&world, "tasks.scheduler_tasks.smart_sync_scheduler", NULL, NULL, NULL);

    assert_true(result_true(result, "success"));
    assert_truth(&world, true);
    cJSON_Delete(result);
    forget_sessions();
}

static void end_sync_by(int signal)
{
    struct process p;
    sync_world_clear(&world);
    sim_post(&world.sim, "/delays", "{\"auth\":50,\"list\":20,\"parts\":30}");
    sync_task_start(&world, &p, FULL, NULL, NULL);
    WAIT_UNTIL(pg_int(&world.pg, "SELECT count(*) FROM elevations") > 0, 20000);

    process_signal(&p, signal);

    process_wait(&p, 15000);
    sim_post(&world.sim, "/delays", "{\"auth\":0,\"list\":0,\"parts\":0}");
    assert_nothing_leaked(&world);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM sync_runs WHERE state = 'cancelled'"), 1);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM leases WHERE expires_at > now()"), 0);
}

TEST(test_terminated_sync_logs_out)
{
    end_sync_by(SIGHUP); /* the terminal is closed */
    end_sync_by(SIGTERM);
    sync_all(&world, false);
    assert_truth(&world, true);
}

TEST(test_upstream_changes_during_sync)
{
    struct process p;
    char json[100];
    sync_world_clear(&world);
    sim_post(&world.sim, "/delays", "{\"list\":10,\"parts\":3}");
    sync_task_start(&world, &p, FULL, NULL, NULL);
    for (int i = 0; i < 20 && process_running(&p); i++) {
        snprintf(json, sizeof json, "{\"seed\":%d,\"count\":3}", 100 + i);
        sim_post(&world.sim, "/mutate", json);
        usleep(50000);
    }
    process_wait(&p, 60000);
    sim_post(&world.sim, "/delays", "{\"list\":0,\"parts\":0}");

    sync_all(&world, false);

    assert_truth(&world, true);
    assert_nothing_leaked(&world);
}

/* Mutations and faults at random, syncs in between that may fail, then a clean one. */
TEST(test_random_mutations_and_faults_converge)
{
    const char *rounds = getenv("SYNC_PROPERTY_ROUNDS");
    int count = rounds ? (int)strtol(rounds, NULL, 10) : 6;
    static const char *const kinds[] = {"status", "cut", "garbage", "truncate", "expire", "locked", "wrong_type"};
    char json[300];
    sync_world_clear(&world);
    world.extra_env[0] = "LOGIKAL_RETRY_BUDGET_SECONDS=1";
    world.extra_env[1] = "SYNC_VANISH_MAX_PERCENT=100"; /* what vanishes here is much, and true */
    for (int i = 0; i < count; i++) {
        snprintf(json, sizeof json, "{\"seed\":%d,\"count\":15}", 1000 + i);
        sim_post(&world.sim, "/mutate", json);
        snprintf(json, sizeof json,
                 "{\"rules\":[{\"endpoint\":\"*\",\"kind\":\"%s\",\"probability\":0.03}],\"seed\":%d}", kinds[i % 7],
                 i + 1);
        sim_post(&world.sim, "/faults", json);
        cJSON_Delete(sync_task(&world, FULL, NULL, NULL, NULL));
        sim_post(&world.sim, "/faults/clear", "{}");
        if (i % 3 != 2) continue;
        sync_all(&world, false);
        assert_truth(&world, true);
    }
    world.extra_env[0] = NULL;

    sync_all(&world, false);

    world.extra_env[1] = NULL;
    assert_truth(&world, true);
    assert_nothing_leaked(&world);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_killed_in_every_stage_and_resumed),
    cmocka_unit_test(test_killed_while_logging_in),
    cmocka_unit_test(test_failed_logouts_are_made_up_for),
    cmocka_unit_test(test_refused_logouts_are_not_over),
    cmocka_unit_test(test_sessions_refused_once_are_logged_out),
    cmocka_unit_test(test_interrupted_sync_is_due_again_at_once),
    cmocka_unit_test(test_terminated_sync_logs_out),
    cmocka_unit_test(test_upstream_changes_during_sync),
    cmocka_unit_test(test_random_mutations_and_faults_converge),
};
TEST_MAIN(tests, start, stop)
