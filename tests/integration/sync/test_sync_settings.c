/* Every setting of an object type changes what is done, and these tests show how. */
#include "tests/support/sync_truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEDULER  "tasks.scheduler_tasks.smart_sync_scheduler"
#define SAFETY_NET "tasks.scheduler_tasks.hourly_smart_sync"

SYNC_WORLD("--directories 4 --depth 3 --projects 1 --phases 2 --elevations 3",
           world.extra_env[0] = "LOGIKAL_RETRY_BUDGET_SECONDS=1")

static void sql(const char *text)
{
    pg_exec(&world.pg, text);
}

static void reset_stats(void)
{
    sim_post(&world.sim, "/stats/reset", "{}");
}

static cJSON *schedule(void)
{
    return sync_task(&world, SCHEDULER, NULL, NULL, NULL);
}

static void schedule_quietly(void)
{
    cJSON_Delete(schedule());
}

static bool was_synced(const cJSON *result, const char *type)
{
    const cJSON *detail = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(result, "details"), type);
    return detail != NULL;
}

/* A synced tree, with settings that let nothing be due. */
FIXTURE(settle)
{
    sim_post(&world.sim, "/faults/clear", "{}");
    sync_world_clear(&world);
    sync_all(&world, false);
    sql("UPDATE object_sync_configs SET sync_interval_minutes = 600, staleness_threshold_minutes = 10000");
    /* the test before may have changed projects within the 3 s in which a date is not trusted */
    sql("UPDATE project_cursors SET phases_at = phases_at + interval '5 s',"
        " elevations_at = elevations_at + interval '5 s'");
    reset_stats();
    return 0;
}

TEST(test_interval_decides_when)
{
    sql("UPDATE object_sync_configs SET last_sync = now() - interval '10 minutes', sync_interval_minutes = 9"
        " WHERE object_type = 'project'");

    cJSON *result = schedule();

    assert_true(was_synced(result, "project"));
    assert_false(was_synced(result, "directory"));
    assert_false(was_synced(result, "elevation"));
    cJSON_Delete(result);
}

TEST(test_disabled_type_is_left_alone)
{
    sql("UPDATE object_sync_configs SET sync_interval_minutes = 1, last_sync = now() - interval '1 hour'");
    sql("UPDATE object_sync_configs SET is_sync_enabled = false WHERE object_type IN ('elevation', 'phase')");
    sim_post(&world.sim, "/change", "{\"type\":\"elevation\",\"count\":3}");

    cJSON *result = schedule();

    assert_true(was_synced(result, "project"));
    assert_false(was_synced(result, "elevation"));
    assert_int_equal(sim_number(&world, "calls.elevations"), 0);
    cJSON_Delete(result);
}

TEST(test_staleness_makes_unchanged_projects_be_listed_again)
{
    sql("UPDATE object_sync_configs SET sync_interval_minutes = 1, last_sync = now() - interval '1 hour'");
    sql("UPDATE project_cursors SET phases_listed_at = now() - interval '1 hour', elevations_listed_at = now() - "
        "interval '1 hour'");
    sim_post(&world.sim, "/change", "{\"type\":\"elevation\",\"count\":3,\"propagate\":false}");

    schedule_quietly();
    assert_int_equal(sim_number(&world, "calls.elevations"), 0);
    sql("UPDATE object_sync_configs SET last_sync = now() - interval '1 hour'");
    sql("UPDATE object_sync_configs SET staleness_threshold_minutes = 30 WHERE object_type = 'elevation'");
    cJSON *result = schedule();

    assert_true(sim_number(&world, "calls.elevations") > 0);
    assert_int_equal(sim_number(&world, "calls.phases"), 0);
    assert_int_equal(result_number(result, "elevations_changed"), 3);
    assert_truth(&world, true);
    cJSON_Delete(result);
}

TEST(test_staleness_shorter_than_interval_makes_due)
{
    sql("UPDATE object_sync_configs SET last_sync = now() - interval '20 minutes'");
    sql("UPDATE object_sync_configs SET staleness_threshold_minutes = 15 WHERE object_type = 'directory'");

    cJSON *result = schedule();

    assert_true(was_synced(result, "directory"));
    assert_false(was_synced(result, "project"));
    cJSON_Delete(result);
}

TEST(test_idle_tick_leaves_no_trace)
{
    static const char traces[] =
        "SELECT hashtextextended((SELECT string_agg(x::text, ',' ORDER BY x::text) FROM (SELECT r::text || r.ctid FROM"
        " sync_runs r UNION ALL SELECT l::text || l.ctid FROM sync_logs l UNION ALL SELECT c::text || c.ctid FROM"
        " object_sync_configs c UNION ALL SELECT s::text || s.ctid FROM leases s UNION ALL SELECT k::text || k.ctid"
        " FROM sync_counters k UNION ALL SELECT g::text || g.ctid FROM sync_config g) t (x)), 0)";
    int64_t before = pg_int(&world.pg, traces);

    for (int i = 0; i < 3; i++) {
        cJSON *result = i < 2 ? schedule() : sync_task(&world, SAFETY_NET, NULL, NULL, NULL);
        assert_true(result_true(result, "success"));
        assert_string_equal(result_text(result, "message"), "nothing is due");
        cJSON_Delete(result);
    }

    assert_true(pg_int(&world.pg, traces) == before);
    assert_int_equal(sim_number(&world, "calls.auth"), 0);
    sql("UPDATE object_sync_configs SET last_sync = NULL WHERE object_type = 'directory'");
    schedule_quietly();
    assert_true(pg_int(&world.pg, traces) != before);
}

/* One project was not confirmed for an hour although the types were synced a moment ago. */
static void age_a_project(void)
{
    sql("UPDATE object_sync_configs SET staleness_threshold_minutes = 30");
    sql("UPDATE project_cursors SET phases_listed_at = now() - interval '1 hour', elevations_listed_at = now() - "
        "interval '1 hour',"
        " confirmed_at = now() - interval '1 hour' WHERE project_id = (SELECT min(id) FROM projects)");
}

TEST(test_hourly_sync_reads_again_what_is_stale)
{
    age_a_project();
    sim_post(&world.sim, "/change", "{\"type\":\"elevation\",\"count\":1000,\"propagate\":false}");
    int64_t in_project = pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE deleted_at IS NULL AND project_id ="
                                           " (SELECT min(id) FROM projects)");

    cJSON *result = schedule();
    assert_string_equal(result_text(result, "message"), "nothing is due");
    cJSON_Delete(result);
    result = sync_task(&world, SAFETY_NET, NULL, NULL, NULL);

    assert_true(was_synced(result, "project") && was_synced(result, "phase") && was_synced(result, "elevation"));
    assert_false(was_synced(result, "directory"));
    assert_int_equal(result_number(result, "elevations_changed"), in_project);
    assert_int_equal(sim_number(&world, "calls.phases"), 1);
    cJSON_Delete(result);
    result = sync_task(&world, SAFETY_NET, NULL, NULL, NULL);
    assert_string_equal(result_text(result, "message"), "nothing is due");
    cJSON_Delete(result);
}

TEST(test_hourly_sync_leaves_a_running_one_alone)
{
    age_a_project();
    sql("UPDATE leases SET owner = 'elsewhere/1/1 task x', token = token + 1, expires_at = now() + interval '1 hour'"
        " WHERE name = 'tree'");
    int64_t token = pg_int(&world.pg, "SELECT token FROM leases WHERE name = 'tree'");

    cJSON *result = sync_task(&world, SAFETY_NET, NULL, NULL, NULL);

    assert_true(result_true(result, "skipped"));
    assert_int_equal(pg_int(&world.pg, "SELECT token FROM leases WHERE name = 'tree' AND owner LIKE 'elsewhere%'"),
                     token);
    assert_int_equal(sim_number(&world, "calls.auth"), 0);
    cJSON_Delete(result);
}

TEST(test_cascade_brings_dependents_along)
{
    sql("UPDATE object_sync_configs SET sync_interval_minutes = 1, last_sync = now() - interval '1 hour',"
        " cascade_sync = false WHERE object_type = 'project'");
    sim_post(&world.sim, "/change", "{\"type\":\"elevation\",\"count\":2}");
    schedule_quietly();
    assert_int_equal(sim_number(&world, "calls.elevations"), 0);
    sql("UPDATE object_sync_configs SET last_sync = now() - interval '1 hour', cascade_sync = true"
        " WHERE object_type = 'project'");

    cJSON *result = schedule();

    assert_int_equal(result_number(result, "elevations_changed"), 2);
    assert_false(was_synced(result, "elevation"));
    assert_truth(&world, true);
    cJSON_Delete(result);
}

TEST(test_depends_on_orders_and_blocks)
{
    sql("UPDATE object_sync_configs SET last_sync = NULL");
    sql("UPDATE object_sync_configs SET is_sync_enabled = false WHERE object_type = 'directory'");
    cJSON *result = schedule();
    assert_false(was_synced(result, "project"));
    cJSON_Delete(result);
    sql("UPDATE object_sync_configs SET depends_on = NULL WHERE object_type = 'project'");

    result = schedule();

    assert_true(was_synced(result, "project"));
    cJSON_Delete(result);
}

TEST(test_cycle_is_refused_and_said)
{
    sql("UPDATE object_sync_configs SET last_sync = NULL");
    sql("UPDATE object_sync_configs SET depends_on = 'elevation' WHERE object_type = 'phase'");

    cJSON *result = schedule();

    assert_true(was_synced(result, "directory") && was_synced(result, "project"));
    assert_false(was_synced(result, "phase") || was_synced(result, "elevation"));
    char *text = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(result, "errors"));
    assert_non_null(strstr(text, "cycle"));
    free(text);
    cJSON_Delete(result);
}

TEST(test_retries_after_delay_then_waits_for_interval)
{
    sql("UPDATE object_sync_configs SET last_sync = now() - interval '1 day', max_retry_attempts = 1,"
        " retry_delay_minutes = 7 WHERE object_type = 'directory'");
    sim_post(&world.sim, "/faults",
             "{\"rules\":[{\"endpoint\":\"directories_list\",\"kind\":\"status\",\"status\":500}]}");
    cJSON *result = schedule();
    assert_false(result_true(result, "success"));
    cJSON_Delete(result);
    assert_int_equal(pg_int(&world.pg, "SELECT round(extract(epoch FROM next_retry_at - last_attempt) / 60) FROM"
                                       " object_sync_configs WHERE object_type = 'directory'"),
                     7);

    result = schedule();
    assert_string_equal(result_text(result, "message"), "nothing is due");
    cJSON_Delete(result);
    sql("UPDATE object_sync_configs SET next_retry_at = now() WHERE object_type = 'directory'");
    schedule_quietly();

    assert_int_equal(pg_int(&world.pg, "SELECT retry_count FROM object_sync_configs WHERE object_type = 'directory'"),
                     0);
    result = schedule();
    assert_string_equal(result_text(result, "message"), "nothing is due");
    cJSON_Delete(result);
}

TEST(test_batch_size_splits_parser_tasks_and_writes)
{
    sql("UPDATE object_sync_configs SET batch_size = 3 WHERE object_type = 'sqlite_parser'");
    sql("UPDATE elevations SET parse_status = 'pending'");
    sql("UPDATE object_sync_configs SET last_sync = NULL WHERE object_type = 'sqlite_parser'");

    cJSON *result = schedule();

    const cJSON *detail =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(result, "details"), "sqlite_parser");
    assert_int_equal(result_number(detail, "successful"), 24);
    assert_int_equal(result_number(detail, "batches"), 8);
    cJSON_Delete(result);
}

TEST(test_excluded_directory_covers_its_subtree)
{
    sql("UPDATE directories SET exclude_from_sync = true WHERE parent_id IS NULL AND id IN (SELECT parent_id FROM "
        "directories)");
    int64_t before = pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE deleted_at IS NULL");
    sim_post(&world.sim, "/change", "{\"type\":\"elevation\",\"count\":100}");

    sync_all(&world, true);

    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE deleted_at IS NULL"), before);
    char *differences = truth_differences(&world, false);
    assert_true(*differences != '\0');
    free(differences);
    sql("UPDATE directories SET exclude_from_sync = false");
    sync_all(&world, false);
    assert_truth(&world, true);
}

/* An excluded directory below a parent that is renamed, with its projects stored from before and without; and one that
 * is renamed itself: under its new path it is excluded, too, and its projects are neither synced nor lost. */
static void excluded_under_a_new_path(bool is_stored, bool is_itself)
{
    char json[300], text[400];
    char *child =
        pg_value(&world.pg, "SELECT logikal_id FROM directories WHERE parent_id IS NOT NULL ORDER BY id LIMIT 1");
    char *parent =
        pg_value(&world.pg, "SELECT p.logikal_id FROM directories c JOIN directories p ON p.id = c.parent_id WHERE"
                            " c.parent_id IS NOT NULL ORDER BY c.id LIMIT 1");
    snprintf(text, sizeof text, "UPDATE directories SET exclude_from_sync = true WHERE logikal_id = '%s'", child);
    sql(text);
    if (!is_stored) {
        snprintf(text, sizeof text,
                 "DELETE FROM projects WHERE directory_id = (SELECT id FROM directories WHERE logikal_id ="
                 " '%s')",
                 child);
        sql("TRUNCATE elevation_glass, parsing_error_logs; DELETE FROM elevations; DELETE FROM phases");
        sql(text);
    }
    int64_t projects = pg_int(&world.pg, "SELECT count(*) FROM projects WHERE deleted_at IS NULL");
    snprintf(json, sizeof json, "{\"type\":\"directory\",\"id\":\"%s\"}", is_itself ? child : parent);
    sim_post(&world.sim, "/change", json);

    cJSON *result = sync_task(&world, "tasks.sync_tasks.full_sync_task", NULL, NULL, NULL);

    char *said = cJSON_Print(result);
    if (!strstr(said, "starts excluded")) fail_msg("not told: %s", said);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM projects WHERE deleted_at IS NULL"), projects);
    assert_int_equal(
        pg_int(&world.pg, "SELECT count(*) FROM directories WHERE exclude_from_sync AND deleted_at IS NULL"), 1);
    assert_int_equal(pg_int(&world.pg,
                            "SELECT count(*) FROM projects p JOIN directories d ON d.id = p.directory_id WHERE"
                            " d.exclude_from_sync AND p.deleted_at IS NULL"),
                     is_stored ? 1 : 0);
    free(said);
    cJSON_Delete(result);
    sync_all(&world, true);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM projects WHERE deleted_at IS NULL"), projects);
    sql("UPDATE directories SET exclude_from_sync = false");
    sync_all(&world, true);
    assert_truth(&world, true);
    free(child);
    free(parent);
}

static void test_excluded_directory_stays_so_under_a_new_path(void **state)
{
    excluded_under_a_new_path(true, false);
    settle(state);
    excluded_under_a_new_path(false, false);
    settle(state);
    excluded_under_a_new_path(true, true);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(test_staleness_makes_unchanged_projects_be_listed_again, settle),
    cmocka_unit_test_setup(test_interval_decides_when, settle),
    cmocka_unit_test_setup(test_disabled_type_is_left_alone, settle),
    cmocka_unit_test_setup(test_staleness_shorter_than_interval_makes_due, settle),
    cmocka_unit_test_setup(test_idle_tick_leaves_no_trace, settle),
    cmocka_unit_test_setup(test_hourly_sync_reads_again_what_is_stale, settle),
    cmocka_unit_test_setup(test_hourly_sync_leaves_a_running_one_alone, settle),
    cmocka_unit_test_setup(test_cascade_brings_dependents_along, settle),
    cmocka_unit_test_setup(test_depends_on_orders_and_blocks, settle),
    cmocka_unit_test_setup(test_cycle_is_refused_and_said, settle),
    cmocka_unit_test_setup(test_retries_after_delay_then_waits_for_interval, settle),
    cmocka_unit_test_setup(test_batch_size_splits_parser_tasks_and_writes, settle),
    cmocka_unit_test_setup(test_excluded_directory_covers_its_subtree, settle),
    cmocka_unit_test_setup(test_excluded_directory_stays_so_under_a_new_path, settle),
};
TEST_MAIN(tests, start, stop)
