/* Forced syncs as the ERP asks for them, requests that join a running one, and what a lost lease forbids. */
#include "tests/support/sync_truth.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/store/db/db.h"
#include "services/store/lease.h"
#include "services/store/sync/staging/sync_project.h"
#include "services/store/sync/staging/sync_stage.h"
#include "services/store/sync/upstream_server.h"

#define FORCE "tasks.sync_tasks.force_sync_project_task"

SYNC_WORLD("--directories 3 --depth 2 --projects 2 --phases 2 --elevations 3")

static const cJSON *need(const cJSON *result, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(result, name);
    if (!value) fail_msg("the result has no %s", name);
    return value;
}

/* A member of the n-th project of the dump. */
static char *project_text(int n, const char *member)
{
    char *dump = sim_get(&world.sim, "/dump"), *rest = NULL, *text = NULL;
    for (char *line = strtok_r(dump, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        cJSON *json = cJSON_Parse(line);
        const char *type = cJSON_GetStringValue(cJSON_GetObjectItem(json, "type"));
        if (type && strcmp(type, "project") == 0 && n-- == 0) {
            const cJSON *from = strcmp(member, "name") == 0 ? cJSON_GetObjectItem(json, "object") : json;
            text = strdup(cJSON_GetStringValue(cJSON_GetObjectItem(from, member)));
        }
        cJSON_Delete(json);
        if (text) break;
    }
    free(dump);
    return text;
}

static cJSON *force(const char *project, const char *directory, int *status)
{
    cJSON *args = cJSON_CreateArray();
    cJSON_AddItemToArray(args, cJSON_CreateString(project));
    if (directory) cJSON_AddItemToArray(args, cJSON_CreateString(directory));
    char *text = cJSON_PrintUnformatted(args);
    cJSON *result = sync_task(&world, FORCE, text, NULL, status);
    cJSON_Delete(args);
    free(text);
    return result;
}

static void check_counts(const cJSON *result, int phases, int elevations, int parts)
{
    assert_true(result_true(result, "success"));
    assert_int_equal(need(result, "phases_synced")->valuedouble, phases);
    assert_int_equal(need(result, "elevations_synced")->valuedouble, elevations);
    assert_int_equal(need(result, "parts_lists_synced")->valuedouble, parts);
    assert_int_equal(need(result, "parts_lists_failed")->valuedouble, 0);
    assert_true(need(result, "duration_seconds")->valuedouble > 0);
    need(result, "message");
    need(result, "directory_id");
}

TEST(test_unknown_project_is_found_in_tree)
{
    char *guid = project_text(2, "id"), *directory = project_text(2, "parent");
    sync_world_clear(&world);

    cJSON *result = force(guid, NULL, NULL);

    check_counts(result, 2, 6, 6);
    assert_string_equal(result_text(result, "project_id"), guid);
    assert_string_equal(result_text(result, "directory_id"), directory);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE parse_status = 'success'"), 6);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM projects"), 1);
    assert_nothing_leaked(&world);
    cJSON_Delete(result);
    free(guid);
    free(directory);
}

/* Force skips nothing; what comes as it was leaves what was read from it alone. */
TEST(test_forced_again_fetches_every_file_anew)
{
    char *guid = project_text(2, "id");
    char *read = pg_value(&world.pg, "SELECT max(data_parsed_at) FROM elevations");
    sim_post(&world.sim, "/stats/reset", "{}");

    cJSON *result = force(guid, NULL, NULL);

    check_counts(result, 2, 6, 6);
    assert_int_equal(sim_number(&world, "calls.parts"), 6);
    assert_int_equal(sim_number(&world, "calls.thumbnail"), 6);
    assert_int_equal(sim_number(&world, "calls.elevations"), 2);
    char *again = pg_value(&world.pg, "SELECT max(data_parsed_at) FROM elevations");
    assert_string_equal(again, read);
    cJSON_Delete(result);
    free(read);
    free(again);
    free(guid);
}

TEST(test_by_name_and_with_directory)
{
    char *name = project_text(3, "name"), *guid = project_text(3, "id"), *directory = project_text(3, "parent");

    cJSON *result = force(name, directory, NULL);

    check_counts(result, 2, 6, 6);
    assert_string_equal(result_text(result, "project_id"), guid);
    cJSON_Delete(result);
    free(name);
    free(guid);
    free(directory);
}

TEST(test_moved_project_is_followed)
{
    char json[600];
    char *guid = project_text(2, "id"), *other = project_text(0, "parent");
    snprintf(json, sizeof json, "{\"type\":\"project\",\"id\":\"%s\",\"to\":\"%s\"}", guid, other);
    sim_post(&world.sim, "/move", json);

    cJSON *result = force(guid, NULL, NULL);

    assert_true(result_true(result, "success"));
    assert_string_equal(result_text(result, "directory_id"), other);
    cJSON_Delete(result);
    free(guid);
    free(other);
}

TEST(test_project_that_is_nowhere_is_said)
{
    int status;

    cJSON *result = force("11111111-2222-3333-4444-555555555555", NULL, &status);

    assert_int_not_equal(status, 0);
    assert_false(result_true(result, "success"));
    assert_non_null(strstr(result_text(result, "message"), "no project"));
    cJSON_Delete(result);
}

TEST(test_projects_of_directory_and_all_directories)
{
    sync_world_clear(&world);
    char *directory = project_text(0, "parent");
    cJSON *args = cJSON_CreateArray();
    cJSON_AddItemToArray(args, cJSON_CreateString(directory));
    char *text = cJSON_PrintUnformatted(args);

    cJSON *all = sync_task(&world, "tasks.sync_tasks.force_sync_directories_task", NULL, NULL, NULL);
    cJSON *one = sync_task(&world, "tasks.sync_tasks.force_sync_directory_task", text, NULL, NULL);

    assert_true(result_true(all, "success"));
    assert_int_equal(result_number(all, "directories_synced"), 3);
    assert_true(result_true(one, "success"));
    assert_true(result_number(one, "projects_synced") >= 2);
    assert_true(result_number(one, "elevations_synced") >= 12);
    assert_string_equal(result_text(one, "directory_id"), directory);
    cJSON_Delete(all);
    cJSON_Delete(one);
    cJSON_Delete(args);
    free(text);
    free(directory);
}

TEST(test_manual_sync_skips_what_did_not_move)
{
    char *guid = project_text(0, "id");
    char args[100];
    snprintf(args, sizeof args, "[\"%s\"]", guid);
    sync_all(&world, false);
    sim_post(&world.sim, "/stats/reset", "{}");

    cJSON *result = sync_task(&world, "tasks.sync_tasks.sync_project_task", args, NULL, NULL);

    assert_true(result_true(result, "success"));
    assert_int_equal(sim_number(&world, "calls.elevations"), 0);
    cJSON_Delete(result);
    snprintf(args, sizeof args, "[[\"%s\",\"nowhere\"],true]", guid);
    result = sync_task(&world, "tasks.sync_tasks.batch_sync_projects_task", args, NULL, NULL);
    assert_int_equal(result_number(result, "successful"), 1);
    assert_int_equal(result_number(result, "failed"), 1);
    assert_int_equal(sim_number(&world, "calls.elevations"), 2);
    cJSON_Delete(result);
    free(guid);
}

TEST(test_request_joins_running_sync)
{
    struct process first, second;
    char args[100];
    char *guid = project_text(0, "id");
    snprintf(args, sizeof args, "[\"%s\"]", guid);
    sync_world_clear(&world);
    sync_all(&world, false);
    sim_post(&world.sim, "/delays", "{\"auth\":3000}");
    sim_post(&world.sim, "/stats/reset", "{}");
    sync_task_start(&world, &first, FORCE, args, NULL);
    WAIT_UNTIL(pg_int(&world.pg, "SELECT count(*) FROM sync_runs WHERE state = 'running'") == 1, 10000);

    sync_task_start(&world, &second, FORCE, args, NULL);

    assert_int_equal(process_wait(&first, 30000), 0);
    assert_int_equal(process_wait(&second, 30000), 0);
    sim_post(&world.sim, "/delays", "{\"auth\":0}");
    cJSON *result = sync_task_result(&second);
    assert_true(result_true(result, "joined"));
    assert_true(result_true(result, "success"));
    assert_int_equal(sim_number(&world, "calls.phases"), 1);
    cJSON_Delete(result);
    free(guid);
}

/* The listing of the project's directory has been submitted, but nothing has run, when the database fails. */
TEST(test_failure_before_the_first_call_ends_the_sync)
{
    struct process p;
    char args[100], *guid = pg_value(&world.pg, "SELECT logikal_id FROM projects WHERE deleted_at IS NULL LIMIT 1");
    snprintf(args, sizeof args, "[\"%s\"]", guid);
    pg_exec(&world.pg, "ALTER TABLE phases RENAME TO phases_away");

    sync_task_start(&world, &p, "tasks.sync_tasks.force_sync_project_task", args, NULL);
    int status = process_wait(&p, 60000);

    pg_exec(&world.pg, "ALTER TABLE phases_away RENAME TO phases");
    char *log = process_log(&p);
    if (strstr(log, "Sanitizer")) fail_msg("%s", log);
    assert_true(WIFEXITED(status));
    assert_int_not_equal(status, 0);
    assert_non_null(strstr(log, "phases"));
    free(log);
    free(guid);
}

TEST(test_lost_lease_cannot_write)
{
    struct err err = {0};
    struct lease old, young;
    struct project_counts counts;
    struct db *db = db_open(world.pg.url, NULL, 10000, "test", &err);
    assert_int_equal(lease_acquire(db, &old, "project:x", "a", 1, &err), 0);
    WAIT_UNTIL(lease_acquire(db, &young, "project:x", "b", 60000, &err) == 0, 5000);
    const struct stage stage = {.db = db};
    const struct project_apply apply = {
        .stage = &stage, .project_id = pg_int(&world.pg, "SELECT min(id) FROM projects"), .error = "from the past"};

    assert_int_equal(project_apply(db, &old, &apply, &counts, &err), -ERR_CONFLICT);

    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM project_cursors WHERE last_error = 'from the past'"), 0);
    assert_int_equal(lease_renew(db, &young, &err), 0);
    assert_int_equal(lease_check(db, &young, &err), 0);
    lease_release(db, &young);
    db_close(db);
}

TEST(test_token_that_a_server_gives_twice_is_kept_once)
{
    struct err err = {0};
    const struct lease holder = {.name = "twice", .token = 1};
    struct db *db = db_open(world.pg.url, NULL, 10000, "test", &err);

    for (int slot = 0; slot < 2; slot++) {
        assert_int_equal(upstream_login_begins(db, "http://twice", "u", slot, &holder, &err), 0);
        assert_int_equal(upstream_session_opened(db, slot, "the same", &holder, &err), 0);
    }

    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM sessions WHERE holder = 'twice'"), 1);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM sessions WHERE token = 'the same' AND is_active"), 1);
    struct lease working, other;
    assert_int_equal(lease_acquire(db, &working, "working", "a", 60000, &err), 0);
    assert_int_equal(lease_acquire(db, &other, "other", "b", 60000, &err), 0);
    const struct lease *const takes[] = {&working, &working, &other}; /* nobody works under "twice" */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(upstream_login_begins(db, "http://twice", "u", i, takes[i], &err), 0);
        assert_int_equal(upstream_session_opened(db, i, "the same", takes[i], &err), takes[i] == &other);
        char *holders = pg_value(&world.pg, "SELECT string_agg(holder, ' ') FROM sessions WHERE base_url ="
                                            " 'http://twice'");
        assert_string_equal(holders, "working");
        free(holders);
    }
    lease_release(db, &working);
    lease_release(db, &other);
    assert_int_equal(upstream_session_closed(db, "the same", &err), 0);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM sessions WHERE base_url = 'http://twice'"), 0);
    db_close(db);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_unknown_project_is_found_in_tree),
    cmocka_unit_test(test_forced_again_fetches_every_file_anew),
    cmocka_unit_test(test_by_name_and_with_directory),
    cmocka_unit_test(test_moved_project_is_followed),
    cmocka_unit_test(test_project_that_is_nowhere_is_said),
    cmocka_unit_test(test_projects_of_directory_and_all_directories),
    cmocka_unit_test(test_manual_sync_skips_what_did_not_move),
    cmocka_unit_test(test_request_joins_running_sync),
    cmocka_unit_test(test_failure_before_the_first_call_ends_the_sync),
    cmocka_unit_test(test_lost_lease_cannot_write),
    cmocka_unit_test(test_token_that_a_server_gives_twice_is_kept_once),
};
TEST_MAIN(tests, start, stop)
