/* What is asked for is what is done: a name means one object or is refused with those that it may mean, and no request
 * is answered by a sync that does something else. Forced syncs notice deletions. */
#include "tests/support/sync_truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FULL        "tasks.sync_tasks.full_sync_task"
#define PROJECT     "tasks.sync_tasks.force_sync_project_task"
#define DIRECTORY   "tasks.sync_tasks.force_sync_directory_task"
#define DIRECTORIES "tasks.sync_tasks.force_sync_directories_task"

SYNC_WORLD("--directories 4 --depth 2 --projects 2 --phases 1 --elevations 2")

/* A member ("id", "parent") of the n-th object of a type. */
static char *truth(const char *type, int n, const char *member)
{
    char *dump = sim_get(&world.sim, "/dump"), *rest = NULL, *text = NULL;
    for (char *line = strtok_r(dump, "\n", &rest); line && !text; line = strtok_r(NULL, "\n", &rest)) {
        cJSON *json = cJSON_Parse(line);
        const char *is = cJSON_GetStringValue(cJSON_GetObjectItem(json, "type"));
        if (is && strcmp(is, type) == 0 && n-- == 0)
            text = strdup(cJSON_GetStringValue(cJSON_GetObjectItem(json, member)));
        cJSON_Delete(json);
    }
    free(dump);
    return text;
}

static void rename_project(const char *id, const char *name)
{
    char json[400];
    snprintf(json, sizeof json, "{\"type\":\"project\",\"id\":\"%s\",\"fields\":{\"name\":\"%s\"}}", id, name);
    sim_post(&world.sim, "/change", json);
}

static cJSON *ask(const char *task, const char *first, const char *second)
{
    cJSON *args = cJSON_CreateArray();
    cJSON_AddItemToArray(args, cJSON_CreateString(first));
    if (second) cJSON_AddItemToArray(args, cJSON_CreateString(second));
    char *text = cJSON_PrintUnformatted(args);
    cJSON *result = sync_task(&world, task, text, NULL, NULL);
    cJSON_Delete(args);
    free(text);
    return result;
}

/* A forced sync of a name (in a directory) that means this project. */
static void means(const char *name, const char *directory, const char *id)
{
    cJSON *result = ask(PROJECT, name, directory);
    char *text = cJSON_Print(result);
    if (!result_true(result, "success") || strcmp(result_text(result, "project_id"), id) != 0)
        fail_msg("%s in %s is not %s: %s", name, directory ? directory : "any", id, text);
    free(text);
    cJSON_Delete(result);
}

static void is_ambiguous(const char *task, const char *name, const char *directory, int candidates)
{
    cJSON *result = ask(task, name, directory);
    char *text = cJSON_Print(result);
    if (result_true(result, "success") || strcmp(result_text(result, "error_type"), "ambiguous") != 0 ||
        cJSON_GetArraySize(cJSON_GetObjectItem(result, "candidates")) != candidates)
        fail_msg("%s is not ambiguous: %s", name, text);
    free(text);
    cJSON_Delete(result);
}

static void is_not_found(const char *name, const char *directory)
{
    cJSON *result = ask(PROJECT, name, directory);
    char *text = cJSON_Print(result);
    if (result_true(result, "success") || strcmp(result_text(result, "error_type"), "not_found") != 0)
        fail_msg("%s in %s was found: %s", name, directory ? directory : "any", text);
    free(text);
    cJSON_Delete(result);
}

TEST(test_name_in_directory_means_that_one)
{
    char *first = truth("project", 0, "id"), *in_first = truth("project", 0, "parent");
    char *last = truth("project", 7, "id"), *in_last = truth("project", 7, "parent"),
         *other = truth("project", 2, "parent");
    assert_string_not_equal(in_first, in_last);
    rename_project(first, "Neubau");
    rename_project(last, "Neubau");
    for (int is_known = 0; is_known < 2; is_known++) {
        sync_world_clear(&world);
        if (is_known) sync_all(&world, false);
        means("Neubau", in_first, first);
        means("Neubau", in_last, last);
        means("Neubau", in_first, first);
        is_not_found("Neubau", other);
        is_ambiguous(PROJECT, "Neubau", NULL, 2);
        means(last, NULL, last);
        means(last, in_first, last); /* a GUID is one wherever it is */
    }
    assert_nothing_leaked(&world);
    free(first), free(in_first), free(last), free(in_last), free(other);
}

TEST(test_unknown_ambiguous_name_is_refused)
{
    sync_world_clear(&world);
    is_ambiguous(PROJECT, "Neubau", NULL, 2);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations"), 0);
}

TEST(test_name_wins_over_row_id)
{
    char number[20], *id = truth("project", 3, "id"), sql[200];
    sync_world_clear(&world);
    sync_all(&world, false);
    snprintf(sql, sizeof sql, "SELECT min(id) FROM projects WHERE logikal_id <> '%s'", id);
    snprintf(number, sizeof number, "%lld", (long long)pg_int(&world.pg, sql));
    snprintf(sql, sizeof sql, "SELECT logikal_id FROM projects WHERE id = %s", number);
    char *of_row = pg_value(&world.pg, sql);
    means(number, NULL, of_row);
    rename_project(id, number);
    sync_all(&world, false);

    means(number, NULL, id);

    free(of_row);
    free(id);
}

TEST(test_ambiguous_directory_is_refused)
{
    pg_exec(&world.pg,
            "UPDATE directories SET name = 'Twins' WHERE id IN (SELECT id FROM directories ORDER BY id LIMIT 2)");
    is_ambiguous(DIRECTORY, "Twins", NULL, 2);
    is_ambiguous(PROJECT, "Neubau", "Twins", 2);
    sync_all(&world, true);
}

static int64_t living(const char *id)
{
    char sql[200];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM projects WHERE logikal_id = '%s' AND deleted_at IS NULL", id);
    return pg_int(&world.pg, sql);
}

static void delete_project(const char *id)
{
    char json[200];
    snprintf(json, sizeof json, "{\"type\":\"project\",\"id\":\"%s\"}", id);
    sim_post(&world.sim, "/delete", json);
}

TEST(test_forced_syncs_notice_deletions)
{
    char json[400], *first = truth("project", 0, "id"), *second = truth("project", 2, "id"),
                    *third = truth("project", 4, "id");
    char *in_second = truth("project", 2, "parent"), *in_third = truth("project", 4, "parent"),
         *in_last = truth("project", 7, "parent");
    sync_world_clear(&world);
    sync_all(&world, false);
    delete_project(first);
    cJSON *result = ask(PROJECT, first, NULL);
    assert_string_equal(result_text(result, "error_type"), "not_found");
    assert_int_equal(living(first), 0);
    assert_int_equal(result_number(result, "vanished") > 0, 1);
    cJSON_Delete(result);

    delete_project(second);
    result = ask(DIRECTORY, in_second, NULL);
    assert_true(result_true(result, "success"));
    assert_int_equal(living(second), 0);
    cJSON_Delete(result);

    snprintf(json, sizeof json, "{\"type\":\"project\",\"id\":\"%s\",\"to\":\"%s\"}", third, in_last);
    sim_post(&world.sim, "/move", json); /* moved is not gone */
    result = ask(DIRECTORY, in_third, NULL);
    assert_int_equal(living(third), 1);
    assert_int_equal(result_number(result, "vanished"), 0);
    cJSON_Delete(result);

    sim_post(&world.sim, "/restore", "{}");
    sync_all(&world, false);
    assert_truth(&world, true);
    free(first), free(second), free(third), free(in_second), free(in_third), free(in_last);
}

/* The directories alone are synced, and one was renamed: what is in it has not gone. */
TEST(test_renamed_directory_loses_no_project)
{
    int64_t before = pg_int(&world.pg, "SELECT count(*) FROM projects WHERE deleted_at IS NULL");
    sim_post(&world.sim, "/change", "{\"type\":\"directory\",\"count\":1}");

    cJSON *result = sync_task(&world, DIRECTORIES, NULL, NULL, NULL);

    assert_true(result_true(result, "success"));
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM projects WHERE deleted_at IS NULL"), before);
    cJSON_Delete(result);
    sync_all(&world, false);
    assert_truth(&world, true);
}

/* One request while another sync runs: how many runs there are in the end, and whether it joined. */
static void asked_while(const char *running, const char *running_kwargs, const char *task, const char *kwargs,
                        bool joins)
{
    struct process p;
    int64_t before = pg_int(&world.pg, "SELECT count(*) FROM sync_runs");
    sim_post(&world.sim, "/delays", "{\"list\":200}");
    sync_task_start(&world, &p, running, NULL, running_kwargs);
    WAIT_UNTIL(pg_int(&world.pg, "SELECT count(*) FROM sync_runs WHERE state = 'running'") == 1, 20000);

    cJSON *result = sync_task(&world, task, NULL, kwargs, NULL);

    process_wait(&p, 60000);
    sim_post(&world.sim, "/delays", "{\"list\":0}");
    if (!result_true(result, "success") || result_true(result, "joined") != joins)
        fail_msg("%s %s while %s %s", task, kwargs, running, running_kwargs);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM sync_runs") - before, joins ? 1 : 2);
    cJSON_Delete(result);
}

TEST(test_request_joins_only_what_covers_it)
{
    static const char force[] = "{\"force_sync\":true}", plain[] = "{}",
                      elevations[] = "{\"object_type\":\"elevation\"}";
    static const char one_type[] = "tasks.sync_tasks.sync_object_type_task";
    sync_world_clear(&world);
    sync_all(&world, false);
    asked_while(FULL, force, FULL, force, true);
    asked_while(FULL, force, FULL, plain, true);
    asked_while(FULL, plain, FULL, force, false);
    asked_while(FULL, plain, FULL, plain, true);
    asked_while(DIRECTORIES, NULL, FULL, force, false);
    asked_while(DIRECTORIES, NULL, FULL, plain, false);
    asked_while(FULL, force, DIRECTORIES, NULL, false);
    asked_while(FULL, plain, one_type, elevations, true);
    asked_while(one_type, elevations, FULL, plain, false);
    pg_exec(&world.pg, "UPDATE object_sync_configs SET last_sync = NULL, retry_count = 0, next_retry_at = NULL");
    asked_while("tasks.scheduler_tasks.smart_sync_scheduler", NULL, FULL, force, false);
    assert_truth(&world, true);
    assert_nothing_leaked(&world);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_name_in_directory_means_that_one),
    cmocka_unit_test(test_unknown_ambiguous_name_is_refused),
    cmocka_unit_test(test_name_wins_over_row_id),
    cmocka_unit_test(test_ambiguous_directory_is_refused),
    cmocka_unit_test(test_forced_syncs_notice_deletions),
    cmocka_unit_test(test_renamed_directory_loses_no_project),
    cmocka_unit_test(test_request_joins_only_what_covers_it),
};
TEST_MAIN(tests, start, stop)
