/* The whole flow on real parts: a tree of two thousand elevations is synced, then what changed, and nothing else. */
#include "tests/support/sync_truth.h"

#include <stdlib.h>

#define SCHEDULER "tasks.scheduler_tasks.smart_sync_scheduler"
#define CLEANUP   "tasks.scheduler_tasks.cleanup_old_tasks"
#define MONITOR   "tasks.scheduler_tasks.system_health_monitor"

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
    static const char *const scheduled[] = {SCHEDULER, "tasks.scheduler_tasks.hourly_smart_sync", CLEANUP, MONITOR,
                                            "tasks.sqlite_parser_tasks.trigger_parsing_for_new_files"};
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

/* What is kept by days: how a row of each age gets in, and what is left. Leases have a third, that expired long ago and
 * was taken just now; runs one that still runs. */
static const struct {
    const char *result, *insert, *left, *is;
} kept[] = {
    {"sync_logs_deleted",
     "INSERT INTO sync_logs (sync_type, status, message, started_at) SELECT 'x', 'x', m, at FROM ages",
     "SELECT string_agg(message, ' ') FROM sync_logs WHERE sync_type = 'x'", "young"},
    {"sync_runs_deleted",
     "INSERT INTO sync_runs (scope, task_id, state, started_at) SELECT 'x', m, 'completed', at FROM ages UNION ALL"
     " SELECT 'x', 'running', 'running', at - interval '100 days' FROM ages WHERE m = 'old'",
     "SELECT string_agg(task_id, ' ' ORDER BY task_id) FROM sync_runs WHERE scope = 'x'", "running young"},
    {"api_logs_deleted",
     "INSERT INTO api_logs (endpoint, method, success, created_at) SELECT m, 'X', true, at FROM ages",
     "SELECT string_agg(endpoint, ' ') FROM api_logs WHERE method = 'X'", "young"},
    {"parsing_errors_deleted",
     "INSERT INTO parsing_error_logs (elevation_id, error_type, error_message, created_at) SELECT (SELECT min(id) FROM"
     " elevations), 'x', m, at FROM ages",
     "SELECT string_agg(error_message, ' ') FROM parsing_error_logs WHERE error_type = 'x'", "young"},
    {NULL,
     "INSERT INTO leases (name, owner, acquired_at, expires_at) SELECT m, 'x', at, at FROM ages UNION ALL SELECT"
     " 'taken', 'x', now(), at FROM ages WHERE m = 'old'",
     "SELECT string_agg(name, ' ' ORDER BY name) FROM leases WHERE owner = 'x'", "taken young"},
    {NULL, "INSERT INTO sessions (token, username, base_url, expires_at) SELECT m, 'x', 'x', at FROM ages",
     "SELECT string_agg(token, ' ') FROM sessions WHERE username = 'x'", "young"},
};

TEST(test_housekeeping_takes_what_is_too_old_and_nothing_else)
{
    static const struct {
        const char *arguments, *ages;
    } table[] = {
        {NULL, "('old', now() - interval '30 days 1 hour'), ('young', now() - interval '29 days 23 hours')"},
        {"{\"days\":12}", "('old', now() - interval '12 days 1 hour'), ('young', now() - interval '11 days 23 hours')"},
    };
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        char sql[300];
        snprintf(sql, sizeof sql, "CREATE TABLE ages AS SELECT * FROM (VALUES %s) x(m, at)", table[t].ages);
        pg_exec(&world.pg, sql);
        for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) pg_exec(&world.pg, kept[i].insert);

        cJSON *result = sync_task(&world, CLEANUP, NULL, table[t].arguments, NULL);

        assert_int_equal(result_number(result, "days_kept"), table[t].arguments ? 12 : 30);
        for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
            char *left = pg_value(&world.pg, kept[i].left);
            assert_string_equal(left, kept[i].is);
            free(left);
            if (kept[i].result && result_number(result, kept[i].result) != 1)
                fail_msg("%s is %g", kept[i].result, (double)result_number(result, kept[i].result));
        }
        cJSON_Delete(result);
        pg_exec(&world.pg, "DROP TABLE ages; DELETE FROM sync_logs WHERE sync_type = 'x'; DELETE FROM sync_runs WHERE"
                           " scope = 'x'; DELETE FROM api_logs WHERE method = 'X'; DELETE FROM parsing_error_logs"
                           " WHERE error_type = 'x'; DELETE FROM leases WHERE owner = 'x'; DELETE FROM sessions"
                           " WHERE username = 'x'");
    }
}

/* A minute on this side of the threshold, and one beyond it. */
TEST(test_the_monitor_counts_what_there_is)
{
    static const struct {
        const char *sql, *status;
        bool is_stale;
    } table[] = {
        {"UPDATE object_sync_configs SET last_sync = now() - make_interval(mins => staleness_threshold_minutes - 1)",
         "healthy", false},
        {"UPDATE object_sync_configs SET last_sync = now() - make_interval(mins => staleness_threshold_minutes + 1)"
         " WHERE object_type = 'project'",
         "degraded", true},
        {"UPDATE object_sync_configs SET is_sync_enabled = false WHERE object_type = 'project'", "healthy", false},
        {"INSERT INTO sync_logs (sync_type, status, started_at) VALUES ('x', 'failed', now() - interval '25 hours')",
         "healthy", false},
        {"INSERT INTO sync_logs (sync_type, status, started_at) VALUES ('x', 'failed', now() - interval '23 hours')",
         "degraded", false},
    };
    pg_exec(&world.pg, "DELETE FROM sync_logs WHERE status = 'failed'");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        pg_exec(&world.pg, table[i].sql);
        cJSON *result = sync_task(&world, MONITOR, NULL, NULL, NULL);
        const cJSON *types = cJSON_GetObjectItemCaseSensitive(result, "object_types"),
                    *project = cJSON_GetObjectItemCaseSensitive(types, "project"),
                    *totals = cJSON_GetObjectItemCaseSensitive(result, "totals");
        assert_string_equal(result_text(result, "status"), table[i].status);
        assert_true(result_true(project, "is_stale") == table[i].is_stale);
        assert_int_equal(result_number(totals, "elevations"), 2000);
        assert_int_equal(result_number(totals, "projects"), pg_int(&world.pg, "SELECT count(*) FROM projects"));
        assert_int_equal(result_number(totals, "parts_lists"), 0);
        assert_int_equal(result_number(totals, "projects_failing"), 0);
        assert_int_equal(result_number(totals, "syncs_running"), 0);
        assert_int_equal(result_number(totals, "failed_syncs_24h"), i == 4);
        cJSON_Delete(result);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_first_tick_syncs_whole_tree),
    cmocka_unit_test(test_second_tick_does_nothing_before_its_time),
    cmocka_unit_test(test_unchanged_tree_costs_only_its_directories),
    cmocka_unit_test(test_changed_elevations_are_updated_alone),
    cmocka_unit_test(test_flag_off_skips_scheduled_tasks_only),
    cmocka_unit_test(test_housekeeping_takes_what_is_too_old_and_nothing_else),
    cmocka_unit_test(test_the_monitor_counts_what_there_is),
};
TEST_MAIN(tests, start, stop)
