/* The whole flow on real parts: a tree of two thousand elevations is synced, then what changed, and nothing else. */
#include "tests/support/sync_truth.h"

#include <stdlib.h>

#define SCHEDULER "tasks.scheduler_tasks.smart_sync_scheduler"

SYNC_WORLD("--directories 5 --depth 3 --projects 4 --phases 4 --total-elevations 2000 --uneven",
           world.extra_env[0] = "SYNC_PARTS_LISTS=false", world.extra_env[1] = "SYNC_THUMBNAILS=false")

static void due_again(void)
{
    pg_exec(&world.pg, "UPDATE object_sync_configs SET last_sync = now() - interval '1 day', last_attempt = NULL");
}

static cJSON *schedule(void)
{
    int status;
    cJSON *result = sync_task(&world, SCHEDULER, NULL, NULL, &status);
    char *text = cJSON_Print(result);
    if (status != 0 || !result_true(result, "success")) fail_msg("the scheduler failed: %s", text);
    free(text);
    return result;
}

TEST(test_first_tick_syncs_whole_tree)
{
    cJSON *result = schedule();

    const cJSON *synced = cJSON_GetObjectItemCaseSensitive(result, "objects_synced");
    assert_int_equal(result_number(synced, "directory"), 5);
    assert_int_equal(result_number(synced, "elevation"), 2000);
    assert_true(result_number(result, "duration_seconds") > 0);
    assert_truth(&world, false);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM object_sync_configs WHERE last_sync IS NULL"), 0);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM sync_logs WHERE status <> 'completed'"), 0);
    assert_nothing_leaked(&world);
    assert_true(sim_number(&world, "peak_sessions") <= 4);
    cJSON_Delete(result);
}

TEST(test_second_tick_does_nothing_before_its_time)
{
    sim_post(&world.sim, "/stats/reset", "{}");

    cJSON *result = schedule();

    assert_string_equal(result_text(result, "message"), "nothing is due");
    assert_int_equal(sim_number(&world, "total_calls"), 0);
    cJSON_Delete(result);
}

TEST(test_unchanged_tree_costs_only_its_directories)
{
    due_again();
    pg_exec(&world.pg, "UPDATE object_sync_configs SET staleness_threshold_minutes = 100000");
    sim_post(&world.sim, "/stats/reset", "{}");

    cJSON *result = schedule();

    assert_int_equal(sim_number(&world, "calls.elevations"), 0);
    assert_int_equal(sim_number(&world, "calls.phases"), 0);
    assert_int_equal(sim_number(&world, "calls.projects"), 5);
    assert_int_equal(result_number(result, "elevations_changed"), 0);
    cJSON_Delete(result);
}

TEST(test_changed_elevations_are_updated_alone)
{
    pg_exec(&world.pg, "UPDATE object_sync_configs SET last_sync = now() - interval '90 s', sync_interval_minutes = 1"
                       " WHERE object_type = 'elevation'");
    sim_post(&world.sim, "/change", "{\"type\":\"elevation\",\"count\":10,\"seed\":7}");

    cJSON *result = schedule();

    assert_int_equal(result_number(result, "elevations_changed"), 10);
    const cJSON *synced = cJSON_GetObjectItemCaseSensitive(result, "objects_synced");
    assert_null(cJSON_GetObjectItemCaseSensitive(synced, "directory"));
    cJSON_Delete(result);
    due_again();
    cJSON_Delete(schedule());
    assert_truth(&world, false);
}

TEST(test_flag_off_skips_scheduled_tasks_only)
{
    static const char *const scheduled[] = {
        SCHEDULER, "tasks.scheduler_tasks.hourly_smart_sync", "tasks.scheduler_tasks.cleanup_old_tasks",
        "tasks.scheduler_tasks.system_health_monitor", "tasks.sqlite_parser_tasks.trigger_parsing_for_new_files"};
    world.extra_env[2] = "BACKGROUND_SYNC_ENABLED=false";
    due_again();
    sim_post(&world.sim, "/stats/reset", "{}");

    for (size_t i = 0; i < sizeof scheduled / sizeof scheduled[0]; i++) {
        int status;
        cJSON *result = sync_task(&world, scheduled[i], NULL, NULL, &status);
        assert_int_equal(status, 0);
        assert_true(result_true(result, "success") && result_true(result, "skipped"));
        assert_string_equal(result_text(result, "reason"), "Background sync is disabled");
        cJSON_Delete(result);
    }

    assert_int_equal(sim_number(&world, "total_calls"), 0);
    sync_all(&world, false);
    assert_true(sim_number(&world, "total_calls") > 0);
    world.extra_env[2] = NULL;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_first_tick_syncs_whole_tree),
    cmocka_unit_test(test_second_tick_does_nothing_before_its_time),
    cmocka_unit_test(test_unchanged_tree_costs_only_its_directories),
    cmocka_unit_test(test_changed_elevations_are_updated_alone),
    cmocka_unit_test(test_flag_off_skips_scheduled_tasks_only),
};
TEST_MAIN(tests, start, stop)
