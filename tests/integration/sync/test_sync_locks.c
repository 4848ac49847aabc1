/* An upstream that refuses: sessions by each status, projects that are open elsewhere, selects that are lost, parts
 * lists that do not exist. Nothing of it stops the rest, all of it is told. */
#include "tests/support/sync_truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"

SYNC_WORLD("--directories 2 --depth 2 --projects 7 --phases 2 --elevations 1",
           world.extra_env[0] = "LOGIKAL_RETRY_BUDGET_SECONDS=20")

static cJSON *full_sync(bool force, int *status)
{
    return sync_task(&world, "tasks.sync_tasks.full_sync_task", NULL, force ? "{\"force_sync\":true}" : NULL, status);
}

static void set_fault(const char *rules)
{
    char json[400];
    snprintf(json, sizeof json, "{\"rules\":[%s],\"seed\":5}", rules);
    sim_post(&world.sim, "/faults", json);
}

static void clear_faults(void)
{
    sim_post(&world.sim, "/faults/clear", "{}");
}

static char *errors_of(const cJSON *result)
{
    return cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(result, "errors"));
}

/* Two sessions are all that the server has, whatever it says to the third. */
TEST(test_refused_logins_cost_nothing_whatever_their_status)
{
    static const char *const statuses[] = {"401", "403", "400", "409", "429", "500", "503", "404"};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        struct sim_server normal = world.sim;
        const char *const arguments[] = {
            "--directories",          "2",         "--projects", "2", "--elevations", "3", "--max-sessions", "2",
            "--session-limit-status", statuses[i], NULL};
        sim_start(&world.sim, arguments);
        sync_world_clear(&world);
        int64_t started_ms = mono_ms();
        sync_all(&world, false);
        print_message("%s: %d ms\n", statuses[i], (int)(mono_ms() - started_ms));
        assert_truth(&world, true);
        assert_nothing_leaked(&world);
        assert_true(sim_number(&world, "peak_sessions") <= 2);
        sim_stop(&world.sim);
        world.sim = normal;
    }
}

TEST(test_projects_in_use_stop_nothing)
{
    sync_world_clear(&world);
    sync_all(&world, false);
    int64_t projects = pg_int(&world.pg, "SELECT count(*) FROM projects");
    assert_true(projects >= 12);
    sim_post(&world.sim, "/change", "{\"type\":\"project\",\"count\":1000}");
    set_fault("{\"endpoint\":\"projects_select\",\"kind\":\"locked\"}");
    int64_t started_ms = mono_ms();

    cJSON *result = full_sync(true, NULL);

    char *errors = errors_of(result);
    print_message("%d ms, %s\n", (int)(mono_ms() - started_ms), errors);
    assert_int_equal(result_number(result, "projects_busy"), projects);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM object_sync_configs WHERE object_type IN ('directory',"
                                       " 'project') AND last_status IN ('success', 'partial')"),
                     2);
    assert_int_equal(
        pg_int(&world.pg, "SELECT count(*) FROM project_cursors WHERE last_error LIKE 'locked in Logikal%'"), projects);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE deleted_at IS NOT NULL"), 0);
    assert_non_null(strstr(errors, "is locked in Logikal and left to the next sync"));
    free(errors);
    cJSON_Delete(result);
    assert_nothing_leaked(&world);
    clear_faults();
    sync_all(&world, false);
    assert_truth(&world, true);
}

/* The first half of the projects is locked at first: they are done later in the same run. */
TEST(test_lock_that_passes_is_waited_for_in_the_same_run)
{
    sync_world_clear(&world);
    set_fault("{\"endpoint\":\"projects_select\",\"kind\":\"locked\",\"count\":9}");

    cJSON *result = full_sync(false, NULL);

    assert_int_equal(result_number(result, "projects_busy"), 0);
    cJSON_Delete(result);
    clear_faults();
    assert_truth(&world, true);
    assert_nothing_leaked(&world);
}

TEST(test_select_that_answers_a_page_is_not_believed)
{
    static const char *const endpoints[] = {"directories_select", "projects_select", "phases_select",
                                            "elevations_select"};
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        char rule[200];
        sync_world_clear(&world);
        snprintf(rule, sizeof rule, "{\"endpoint\":\"%s\",\"kind\":\"garbage\",\"probability\":0.2}", endpoints[i]);
        set_fault(rule);
        sync_all(&world, false);
        clear_faults();
        assert_truth(&world, true);
        assert_nothing_leaked(&world);
    }
}

TEST(test_listed_project_that_cannot_be_selected_is_told)
{
    sync_world_clear(&world);
    set_fault("{\"endpoint\":\"projects_select\",\"kind\":\"status\",\"status\":404}");

    cJSON *result = full_sync(false, NULL);

    char *errors = errors_of(result);
    assert_non_null(strstr(errors, "is listed in its directory, but cannot be selected there"));
    assert_true(result_number(result, "error_count") > 0);
    free(errors);
    cJSON_Delete(result);
    clear_faults();
    sync_all(&world, false);
    assert_truth(&world, true);
}

/* One call a day for each elevation, and no error. */
TEST(test_elevation_without_a_parts_list_is_asked_once)
{
    sync_world_clear(&world);
    set_fault("{\"endpoint\":\"parts\",\"kind\":\"status\",\"status\":404}");
    sim_post(&world.sim, "/stats/reset", "{}");
    sync_all(&world, false);
    int64_t elevations = pg_int(&world.pg, "SELECT count(*) FROM elevations");
    assert_int_equal(sim_number(&world, "calls.parts"), elevations);

    cJSON *result = full_sync(false, NULL);
    assert_int_equal(result_number(result, "error_count"), 0);
    cJSON_Delete(result);
    assert_int_equal(sim_number(&world, "calls.parts"), elevations);

    clear_faults();
    pg_exec(&world.pg, "UPDATE elevation_parts_lists SET fetched_at = now() - interval '25 hours'");
    sync_all(&world, false);
    assert_truth(&world, true);
}

/* Every second call of one kind fails for good: it costs less and less of the time that the others need. */
TEST(test_many_that_fail_for_good_hold_up_nobody)
{
    world.extra_env[0] = "LOGIKAL_RETRY_BUDGET_SECONDS=4";
    sync_world_clear(&world);
    set_fault("{\"endpoint\":\"thumbnail\",\"kind\":\"status\",\"status\":500}");
    int64_t started_ms = mono_ms();

    cJSON *result = full_sync(false, NULL);

    int64_t elevations = pg_int(&world.pg, "SELECT count(*) FROM elevations");
    print_message("%d ms\n", (int)(mono_ms() - started_ms));
    assert_int_equal(result_number(result, "thumbnails_failed"), elevations);
    assert_int_equal(result_number(result, "parts_lists_synced"), elevations);
    cJSON_Delete(result);
    clear_faults();
    world.extra_env[0] = "LOGIKAL_RETRY_BUDGET_SECONDS=20";
    sync_all(&world, false);
    assert_truth(&world, true);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_refused_logins_cost_nothing_whatever_their_status),
    cmocka_unit_test(test_projects_in_use_stop_nothing),
    cmocka_unit_test(test_lock_that_passes_is_waited_for_in_the_same_run),
    cmocka_unit_test(test_select_that_answers_a_page_is_not_believed),
    cmocka_unit_test(test_listed_project_that_cannot_be_selected_is_told),
    cmocka_unit_test(test_elevation_without_a_parts_list_is_asked_once),
    cmocka_unit_test(test_many_that_fail_for_good_hold_up_nobody),
};
TEST_MAIN(tests, start, stop)
