/* Files that cannot be had: told as errors, asked for again with a growing delay and at once by force; what was there
 * before stays; and a run that breaks off among them is no success. */
#include "tests/support/sync_truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FULL  "tasks.sync_tasks.full_sync_task"
#define FORCE "{\"force_sync\":true}"

SYNC_WORLD("--directories 2 --projects 2 --phases 2 --elevations 3")

static void fault(const char *endpoint, const char *kind, const char *more)
{
    char json[200];
    snprintf(json, sizeof json, "{\"rules\":[{\"endpoint\":\"%s\",\"kind\":\"%s\"%s}],\"seed\":5}", endpoint, kind,
             more);
    sim_post(&world.sim, "/faults", json);
}

static void clear_faults(void)
{
    sim_post(&world.sim, "/faults/clear", "{}");
    sim_post(&world.sim, "/stats/reset", "{}");
}

static int64_t elevations(void)
{
    return pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE deleted_at IS NULL");
}

/* A full sync that is done in part, with a text among its errors. */
static void partial(const char *kwargs, const char *error)
{
    cJSON *result = sync_task(&world, FULL, NULL, kwargs, NULL);
    char *text = cJSON_Print(result);
    if (strcmp(result_text(result, "status"), "partial") != 0 || !strstr(text, error))
        fail_msg("not partial: %s", text);
    assert_true(result_number(result, "error_count") > 0);
    free(text);
    cJSON_Delete(result);
}

static void assert_type(const char *type, const char *status)
{
    char sql[200];
    snprintf(sql, sizeof sql, "SELECT last_status FROM object_sync_configs WHERE object_type = '%s'", type);
    char *now = pg_value(&world.pg, sql);
    assert_string_equal(now, status);
    free(now);
}

TEST(test_refused_files_are_errors_and_wait)
{
    sync_world_clear(&world);
    fault("parts", "status", ",\"status\":403");
    partial(NULL, "parts list of elevation");
    assert_int_equal(pg_int(&world.pg, "SELECT count(files_date) FROM project_cursors"), 0);
    int64_t count = elevations();
    assert_type("elevation", "partial");
    assert_type("project", "success");
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE parse_error LIKE '%403%'"), count);
    clear_faults();

    sync_all(&world, false); /* too early */
    assert_int_equal(sim_number(&world, "calls.parts"), 0);
    pg_exec(&world.pg, "UPDATE elevation_parts_lists SET retry_at = now()");
    sync_all(&world, false);

    assert_int_equal(sim_number(&world, "calls.parts"), count);
    assert_truth(&world, true);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE parse_error IS NOT NULL"), 0);
    assert_int_equal(
        pg_int(&world.pg, "SELECT count(*) FROM elevation_parts_lists WHERE tries > 0 OR error IS NOT NULL"), 0);
    assert_type("elevation", "success");
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM project_cursors WHERE files_date = elevations_date"),
                     pg_int(&world.pg, "SELECT count(*) FROM projects"));
}

TEST(test_the_delay_grows_to_a_day)
{
    int64_t last_s = 0;
    sync_world_clear(&world);
    fault("thumbnail", "status", ",\"status\":400");
    for (int i = 0; i < 4; i++) {
        partial(NULL, "thumbnail of elevation");
        int64_t delay_s = pg_int(&world.pg, "SELECT ceil(extract(epoch FROM min(retry_at - tried_at)))::int FROM"
                                            " elevation_thumbnails");
        assert_true(delay_s > last_s);
        last_s = delay_s;
        pg_exec(&world.pg, "UPDATE elevation_thumbnails SET retry_at = now()");
    }
    assert_int_equal(pg_int(&world.pg, "SELECT extract(epoch FROM logikald_file_delay(1000, 3))::int"), 86400);
    assert_int_equal(pg_int(&world.pg, "SELECT extract(epoch FROM logikald_file_delay(3, 3))::int"), 0);
    clear_faults();
    sync_all(&world, false);
    assert_truth(&world, true);
}

TEST(test_force_asks_at_once)
{
    sync_world_clear(&world);
    fault("parts", "status", ",\"status\":403");
    partial(NULL, "403");
    clear_faults();

    sync_all(&world, true);

    assert_truth(&world, true);
}

/* A version that moved is not held up by the failure of the one before. */
TEST(test_new_version_is_asked_for_at_once)
{
    sync_world_clear(&world);
    fault("parts", "status", ",\"status\":403");
    partial(NULL, "403");
    clear_faults();
    sim_post(&world.sim, "/change", "{\"type\":\"elevation\",\"count\":1000}");

    sync_all(&world, false);

    assert_truth(&world, true);
}

TEST(test_what_was_there_stays)
{
    static const char *const kinds[][2] = {
        {"status", ",\"status\":403"}, {"status", ",\"status\":500"}, {"garbage", ""}, {"cut", ""}};
    world.extra_env[0] = "LOGIKAL_RETRY_BUDGET_SECONDS=0";
    sync_world_clear(&world);
    sync_all(&world, false);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        for (int moved = 0; moved < 2; moved++) {
            if (moved) sim_post(&world.sim, "/change", "{\"type\":\"elevation\",\"count\":3}");
            fault("parts", kinds[i][0], kinds[i][1]);
            cJSON_Delete(sync_task(&world, FULL, NULL, FORCE, NULL));
            fault("thumbnail", kinds[i][0], kinds[i][1]);
            cJSON_Delete(sync_task(&world, FULL, NULL, FORCE, NULL));
            assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevation_parts_lists WHERE sha256 IS NULL"), 0);
            assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevation_thumbnails WHERE content IS NULL"), 0);
            assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE NOT has_parts_data OR"
                                               " thumbnail_url IS NULL OR parse_status <> 'success'"),
                             0);
            clear_faults();
        }
    }
    world.extra_env[0] = NULL;
    sync_all(&world, true);
    assert_truth(&world, true);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE parse_error IS NOT NULL"), 0);
}

/* Bytes that cannot be read are fetched again, by themselves after a while, by force at once. */
TEST(test_damaged_list_is_fetched_again)
{
    sync_world_clear(&world);
    sync_all(&world, false);
    pg_exec(&world.pg,
            "UPDATE elevation_parts_lists SET content = 'half a file', sha256 = 'half';"
            "UPDATE elevations SET parse_status = 'failed', parse_error = 'damaged', parts_file_hash = 'half'");
    sim_post(&world.sim, "/stats/reset", "{}");
    sync_all(&world, false);
    assert_int_equal(sim_number(&world, "calls.parts"), 0);
    pg_exec(&world.pg, "UPDATE elevation_parts_lists SET fetched_at = now() - interval '2 minutes'");

    sync_all(&world, false);

    assert_int_equal(sim_number(&world, "calls.parts"), elevations());
    assert_truth(&world, true);
}

TEST(test_run_that_breaks_off_among_files_is_no_success)
{
    world.extra_env[0] = "LOGIKAL_RETRY_BUDGET_SECONDS=0";
    world.extra_env[1] = "SYNC_THUMBNAILS=false";
    world.extra_env[2] = "SYNC_PARTS_LISTS=false";
    sync_world_clear(&world);
    sync_all(&world, false);
    pg_exec(&world.pg, "UPDATE object_sync_configs SET last_sync = NULL");
    sim_post(&world.sim, "/stats/reset", "{}");
    sync_all(&world, false);
    char when[40]; /* the upstream goes away after as many calls as the rows take, and a few for files */
    snprintf(when, sizeof when, ",\"after\":%ld", (long)sim_number(&world, "total_calls") + 6);
    pg_exec(&world.pg, "UPDATE object_sync_configs SET last_sync = NULL");
    world.extra_env[1] = world.extra_env[2] = NULL;
    fault("*", "cut", when);

    cJSON *result = sync_task(&world, FULL, NULL, NULL, NULL);

    char *text = cJSON_Print(result);
    if (result_true(result, "success") || strcmp(result_text(result, "status"), "partial") != 0) fail_msg("%s", text);
    if (!strstr(result_text(result, "message"), "rows synced, files broke off")) fail_msg("%s", text);
    const cJSON *details = cJSON_GetObjectItem(result, "details");
    assert_string_equal(result_text(cJSON_GetObjectItem(details, "elevation"), "status"), "partial");
    assert_string_equal(result_text(cJSON_GetObjectItem(details, "phase"), "status"), "completed");
    assert_type("elevation", "partial");
    assert_type("phase", "success");
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM object_sync_configs WHERE object_type = 'elevation' AND"
                                       " last_sync IS NULL AND next_retry_at > now()"),
                     1);
    free(text);
    cJSON_Delete(result);
    clear_faults();
    world.extra_env[0] = NULL;
    sync_all(&world, false);
    assert_truth(&world, true);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_refused_files_are_errors_and_wait),
    cmocka_unit_test(test_the_delay_grows_to_a_day),
    cmocka_unit_test(test_force_asks_at_once),
    cmocka_unit_test(test_new_version_is_asked_for_at_once),
    cmocka_unit_test(test_what_was_there_stays),
    cmocka_unit_test(test_damaged_list_is_fetched_again),
    cmocka_unit_test(test_run_that_breaks_off_among_files_is_no_success),
};
TEST_MAIN(tests, start, stop)
