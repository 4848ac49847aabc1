/* One object in two places of the upstream's lists, and clocks that are hours apart. */
#include "tests/support/sync_truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SYNC_WORLD("--directories 2 --projects 2 --phases 1 --elevations 3", sync_all(&world, false))

static int64_t number(const char *sql)
{
    return pg_int(&world.pg, sql);
}

static cJSON *full_sync(bool force)
{
    return sync_task(&world, "tasks.sync_tasks.full_sync_task", NULL, force ? "{\"force_sync\":true}" : NULL, NULL);
}

static char *places(const char *table, const char *parent)
{
    char sql[200];
    snprintf(sql, sizeof sql, "SELECT string_agg(id || ':' || %s, ' ' ORDER BY id) FROM %s WHERE deleted_at IS NULL",
             parent, table);
    return pg_value(&world.pg, sql);
}

static void lie(const char *name, const char *where)
{
    char json[200];
    snprintf(json, sizeof json, "{\"lies\":[{\"name\":\"%s\",\"where\":\"%s\"}],\"seed\":3}", name, where);
    sim_post(&world.sim, "/lies", json);
}

static void assert_told(const cJSON *result, const char *text)
{
    char *errors = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(result, "errors"));
    if (!strstr(errors, text)) fail_msg("%s", errors);
    free(errors);
}

TEST(test_elevation_in_two_projects_stays_where_it_is)
{
    char *before = places("elevations", "project_id");
    lie("elsewhere", "elevation");
    for (int i = 0; i < 3; i++) {
        cJSON *result = full_sync(i != 1);
        char *now = places("elevations", "project_id");
        assert_string_equal(now, before);
        if (i == 0) assert_told(result, "too, where it stays");
        cJSON_Delete(result);
        free(now);
    }
    sim_post(&world.sim, "/lies", "{\"lies\":[]}");
    sync_all(&world, false);
    assert_truth(&world, true);
    free(before);
}

TEST(test_project_in_two_directories_stays_where_it_is)
{
    char *before = places("projects", "directory_id");
    lie("elsewhere", "project");
    for (int i = 0; i < 3; i++) {
        cJSON *result = full_sync(i != 1);
        char *now = places("projects", "directory_id");
        assert_string_equal(now, before);
        assert_told(result, "and stored once");
        cJSON_Delete(result);
        free(now);
    }
    sim_post(&world.sim, "/lies", "{\"lies\":[]}");
    sync_all(&world, true);
    assert_truth(&world, true);
    free(before);
}

/* The project that it was in has changed as well, and still lists it; and one clean sync puts everything right. */
TEST(test_elevation_in_two_changed_projects_stays)
{
    char *before = places("elevations", "project_id");
    sim_post(&world.sim, "/change", "{\"type\":\"project\",\"count\":2}");
    lie("elsewhere", "elevation");
    cJSON_Delete(full_sync(false));
    char *now = places("elevations", "project_id");
    assert_string_equal(now, before);
    sim_post(&world.sim, "/lies", "{\"lies\":[]}");
    cJSON_Delete(full_sync(true));
    assert_truth(&world, true);
    free(before);
    free(now);
}

/* Its list is asked for again though no date moves. */
TEST(test_two_elevations_with_one_identifier_are_told)
{
    sim_post(&world.sim, "/change", "{\"type\":\"elevation\",\"count\":1000}");
    lie("same-id", "elevation");
    cJSON *result = full_sync(true);
    assert_told(result, "and stored once");
    cJSON_Delete(result);
    sim_post(&world.sim, "/lies", "{\"lies\":[]}");
    pg_exec(&world.pg, "UPDATE project_cursors SET elevations_at = elevations_at + interval '1 hour'");
    sync_all(&world, false);
    assert_truth(&world, true);
}

/* Whatever time it is there: what has not changed is skipped, what has changed is seen, and staleness is by our clock.
 */
TEST(test_clocks_hours_apart_cost_nothing)
{
    static const char *const lies[] = {"clock-behind", "clock-ahead"};
    for (int i = 0; i < 2; i++) {
        lie(lies[i], "any");
        sim_post(&world.sim, "/change", "{\"type\":\"project\",\"count\":1}");
        cJSON_Delete(full_sync(true));
        pg_exec(&world.pg, "UPDATE project_cursors SET phases_listed_at = now() - interval '1 minute',"
                           " elevations_listed_at = now() - interval '1 minute'"); /* as if a minute had passed */
        cJSON_Delete(full_sync(false));
        sim_post(&world.sim, "/stats/reset", "{}");
        cJSON_Delete(sync_task(&world, "tasks.scheduler_tasks.hourly_smart_sync", NULL, NULL, NULL));
        cJSON_Delete(full_sync(false));
        assert_int_equal(sim_number(&world, "calls.phases") + sim_number(&world, "calls.elevations"), 0);
        assert_int_equal(number("SELECT count(*) FROM project_cursors WHERE elevations_listed_at < now() -"
                                " interval '10 minutes' OR elevations_listed_at IS NULL"),
                         0);
    }
    sim_post(&world.sim, "/lies", "{\"lies\":[]}");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_elevation_in_two_projects_stays_where_it_is),
    cmocka_unit_test(test_elevation_in_two_changed_projects_stays),
    cmocka_unit_test(test_two_elevations_with_one_identifier_are_told),
    cmocka_unit_test(test_project_in_two_directories_stays_where_it_is),
    cmocka_unit_test(test_clocks_hours_apart_cost_nothing),
};
TEST_MAIN(tests, start, stop)
