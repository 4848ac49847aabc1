/* Every fault that the upstream can have: what the database holds afterwards, and that nothing is lost or leaked. */
#include "tests/support/sync_truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"

SYNC_WORLD("--directories 2 --depth 2 --projects 1 --phases 2 --elevations 3",
           world.extra_env[0] = "LOGIKAL_RETRY_BUDGET_SECONDS=20")

static const char *const endpoints[] = {
    "auth",        "directories_list", "directories_select", "projects_list",     "projects_select",
    "phases_list", "phases_select",    "elevations_list",    "elevations_select", "thumbnail",
    "parts"};

static void set_fault(const char *endpoint, const char *kind, const char *more)
{
    char json[400];
    snprintf(json, sizeof json, "{\"rules\":[{\"endpoint\":\"%s\",\"kind\":\"%s\"%s}],\"seed\":5}", endpoint, kind,
             more);
    sim_post(&world.sim, "/faults", json);
}

static void clear_faults(void)
{
    sim_post(&world.sim, "/faults/clear", "{}");
}

/* A fault that strikes each kind of call a few times and goes away is not seen in the result. */
static void passing_fault(const char *kind, const char *more)
{
    struct buf json = {0};
    size_t count = sizeof endpoints / sizeof endpoints[0];
    for (size_t i = 0; i < count; i++)
        buf_printf(&json, "%s{\"endpoint\":\"%s\",\"kind\":\"%s\"%s}", i ? "," : "{\"rules\":[", endpoints[i], kind,
                   more);
    buf_str(&json, "],\"seed\":5}");
    sync_world_clear(&world);
    sim_post(&world.sim, "/faults", json.data);
    buf_free(&json);
    int64_t faults_before = sim_number(&world, "faults");

    sync_all(&world, false);

    assert_true(sim_number(&world, "faults") - faults_before >= (int64_t)count);
    clear_faults();
    assert_truth(&world, true);
    assert_nothing_leaked(&world);
}

TEST(test_passing_error_statuses)
{
    passing_fault("status", ",\"status\":503,\"count\":2");
}

TEST(test_passing_cut_connections)
{
    passing_fault("cut", ",\"count\":2");
}

TEST(test_passing_garbage)
{
    passing_fault("garbage", ",\"count\":2");
}

TEST(test_passing_truncated_answers)
{
    passing_fault("truncate", ",\"count\":2");
}

TEST(test_passing_locks)
{
    passing_fault("locked", ",\"count\":2");
}

TEST(test_expired_tokens)
{
    passing_fault("expire", ",\"count\":2");
}

TEST(test_rate_limit_pauses_and_goes_on)
{
    sync_world_clear(&world);
    set_fault("*", "status", ",\"status\":429,\"retry_after\":1,\"after\":10,\"count\":3");

    sync_all(&world, false);

    clear_faults();
    assert_truth(&world, true);
    assert_nothing_leaked(&world);
}

TEST(test_slow_answers_are_waited_for)
{
    passing_fault("slow", ",\"duration_ms\":300,\"count\":1");
}

TEST(test_hanging_calls_time_out_and_are_repeated)
{
    world.extra_env[1] = "LOGIKAL_CALL_TIMEOUT_MS=700";
    passing_fault("hang", ",\"count\":1");
    world.extra_env[1] = NULL;
}

static cJSON *full_sync(int *status)
{
    return sync_task(&world, "tasks.sync_tasks.full_sync_task", NULL, "{\"force_sync\":true}", status);
}

TEST(test_dead_parts_lists_leave_rows_and_come_later)
{
    world.extra_env[0] = "LOGIKAL_RETRY_BUDGET_SECONDS=0";
    sync_world_clear(&world);
    set_fault("parts", "status", ",\"status\":500,\"probability\":0.5");

    cJSON *result = full_sync(NULL);

    assert_true(result_number(result, "parts_lists_failed") > 0);
    assert_true(result_number(result, "parts_lists_synced") > 0);
    assert_truth(&world, false);
    assert_nothing_leaked(&world);
    clear_faults();
    world.extra_env[0] = "LOGIKAL_RETRY_BUDGET_SECONDS=20";
    sync_all(&world, false);
    assert_truth(&world, true);
    cJSON_Delete(result);
}

TEST(test_refused_thumbnails_are_not_asked_for_again)
{
    sync_world_clear(&world);
    set_fault("thumbnail", "status", ",\"status\":400");
    sync_all(&world, false);
    clear_faults();
    sim_post(&world.sim, "/stats/reset", "{}");

    sync_all(&world, false);

    assert_int_equal(sim_number(&world, "calls.thumbnail"), 0);
    assert_int_equal(
        pg_int(&world.pg, "SELECT count(*) FROM elevation_thumbnails WHERE content IS NULL AND error IS NOT NULL"),
        pg_int(&world.pg, "SELECT count(*) FROM elevations"));
    sim_post(&world.sim, "/change", "{\"type\":\"elevation\",\"count\":100}");
    sync_all(&world, false);
    assert_truth(&world, true);
}

TEST(test_objects_of_wrong_types_are_refused_alone)
{
    sync_world_clear(&world);
    sync_all(&world, false);
    int64_t before = pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE deleted_at IS NULL");
    set_fault("elevations_list", "wrong_type", "");

    cJSON *result = full_sync(NULL);

    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE deleted_at IS NULL"), before);
    assert_true(result_number(result, "error_count") > 0);
    clear_faults();
    cJSON_Delete(result);
    /* By force: a list all of whose objects can be read, with a member each that is told of and left out, counts as
     * read. Which of the lists is spoilt so is up to which is asked for first. */
    sync_all(&world, true);
    assert_truth(&world, true);
}

TEST(test_endless_answer_is_cut)
{
    world.extra_env[1] = "LOGIKAL_MAX_ANSWER_BYTES=65536";
    set_fault("elevations_list", "huge", ",\"count\":1");

    cJSON *result = full_sync(NULL);

    assert_true(result_number(result, "error_count") > 0);
    clear_faults();
    world.extra_env[1] = NULL;
    cJSON_Delete(result);
    sync_all(&world, false);
    assert_truth(&world, true);
}

TEST(test_too_large_list_fails_its_project_alone)
{
    char *phase = pg_value(&world.pg, "SELECT logikal_id FROM phases WHERE deleted_at IS NULL AND logikal_id NOT LIKE"
                                      " '00000000-%' ORDER BY id LIMIT 1");
    char json[200];
    snprintf(json, sizeof json, "{\"type\":\"elevation\",\"count\":250,\"parent\":\"%s\"}", phase);
    sim_post(&world.sim, "/add", json);
    sim_post(&world.sim, "/change", "{\"type\":\"elevation\",\"count\":1000}");
    int64_t projects = pg_int(&world.pg, "SELECT count(*) FROM projects WHERE deleted_at IS NULL");
    int64_t elevations = pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE deleted_at IS NULL");
    world.extra_env[1] = "LOGIKAL_MAX_ANSWER_BYTES=65536";

    cJSON *result = full_sync(NULL);

    char *errors = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(result, "errors"));
    assert_non_null(strstr(errors, "LOGIKAL_MAX_ANSWER_BYTES"));
    assert_int_equal(result_number(result, "error_count"), 1);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM project_cursors WHERE last_error LIKE"
                                       " '%elevations could not be listed%LOGIKAL_MAX_ANSWER_BYTES%'"),
                     1);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM project_cursors c JOIN projects p ON p.id = c.project_id"
                                       " WHERE p.deleted_at IS NULL AND c.failures = 0 AND c.elevations_date ="
                                       " p.api_changed_date"),
                     projects - 1);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE deleted_at IS NULL"), elevations);
    world.extra_env[1] = NULL;
    cJSON_Delete(result);
    free(errors);
    free(phase);
    sync_all(&world, false);
    assert_truth(&world, true);
}

TEST(test_upstream_that_is_down_loses_nothing)
{
    int status;
    int64_t before = pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE deleted_at IS NULL");
    world.extra_env[0] = "LOGIKAL_RETRY_BUDGET_SECONDS=1";
    world.extra_env[1] = "LOGIKAL_API_BASE_URL=http://127.0.0.1:1/api";

    cJSON *result = full_sync(&status);

    assert_int_not_equal(status, 0);
    assert_false(result_true(result, "success"));
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE deleted_at IS NULL"), before);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM object_sync_configs WHERE last_status = 'failed'"
                                       " AND retry_count = 1 AND next_retry_at > now()"),
                     7);
    world.extra_env[0] = "LOGIKAL_RETRY_BUDGET_SECONDS=20";
    world.extra_env[1] = NULL;
    cJSON_Delete(result);
    sync_all(&world, true);
    assert_truth(&world, true);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM object_sync_configs WHERE retry_count > 0"), 0);
}

/* Something answers at the address, and it is not the API. */
TEST(test_wrong_address_is_named)
{
    static const char *const statuses[] = {"404", "405", "410"};
    world.extra_env[0] = "LOGIKAL_RETRY_BUDGET_SECONDS=1";
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        int status;
        char more[30];
        snprintf(more, sizeof more, ",\"status\":%s", statuses[i]);
        set_fault("auth", "status", more);

        cJSON *result = full_sync(&status);

        assert_int_not_equal(status, 0);
        assert_non_null(strstr(result_text(result, "message"), "LOGIKAL_API_BASE_URL"));
        assert_non_null(strstr(result_text(result, "message"), statuses[i]));
        cJSON_Delete(result);
        clear_faults();
    }
    world.extra_env[0] = "LOGIKAL_RETRY_BUDGET_SECONDS=20";
    sync_all(&world, true);
    assert_nothing_leaked(&world);
}

TEST(test_wrong_password_is_said_at_once)
{
    int status;
    world.extra_env[1] = "LOGIKAL_AUTH_PASSWORD=wrong";

    cJSON *result = full_sync(&status);

    assert_int_not_equal(status, 0);
    assert_non_null(strstr(result_text(result, "message"), "LOGIKAL_AUTH_PASSWORD"));
    assert_true(result_number(result, "duration_seconds") < 10);
    world.extra_env[1] = NULL;
    cJSON_Delete(result);
}

TEST(test_session_limit_of_server_is_respected)
{
    struct sim_server normal = world.sim;
    const char *const arguments[] = {"--directories",  "2", "--projects", "2", "--elevations", "3",
                                     "--max-sessions", "2", NULL};
    sim_start(&world.sim, arguments);
    sync_world_clear(&world);

    sync_all(&world, false);

    assert_truth(&world, true);
    assert_nothing_leaked(&world);
    assert_true(sim_number(&world, "peak_sessions") <= 2);
    sim_stop(&world.sim);
    world.sim = normal;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_passing_error_statuses),
    cmocka_unit_test(test_passing_cut_connections),
    cmocka_unit_test(test_passing_garbage),
    cmocka_unit_test(test_passing_truncated_answers),
    cmocka_unit_test(test_passing_locks),
    cmocka_unit_test(test_expired_tokens),
    cmocka_unit_test(test_rate_limit_pauses_and_goes_on),
    cmocka_unit_test(test_slow_answers_are_waited_for),
    cmocka_unit_test(test_hanging_calls_time_out_and_are_repeated),
    cmocka_unit_test(test_dead_parts_lists_leave_rows_and_come_later),
    cmocka_unit_test(test_refused_thumbnails_are_not_asked_for_again),
    cmocka_unit_test(test_objects_of_wrong_types_are_refused_alone),
    cmocka_unit_test(test_endless_answer_is_cut),
    cmocka_unit_test(test_upstream_that_is_down_loses_nothing),
    cmocka_unit_test(test_wrong_address_is_named),
    cmocka_unit_test(test_wrong_password_is_said_at_once),
    cmocka_unit_test(test_too_large_list_fails_its_project_alone),
    cmocka_unit_test(test_session_limit_of_server_is_respected),
};
TEST_MAIN(tests, start, stop)
