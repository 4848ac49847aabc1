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

static int64_t living(const char *table)
{
    char sql[100];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s WHERE deleted_at IS NULL", table);
    return number(sql);
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

/* It was in neither of the two lists: in the one before it came, in the other after it had gone. */
TEST(test_what_moves_while_it_is_listed_is_not_gone)
{
    static const struct {
        const char *arm, *table, *parent;
        bool is_forced;
    } rows[] = {{"{\"type\":\"project\",\"when\":\"listed\"}", "projects", "directory_id", false},
                {"{\"type\":\"elevation\",\"when\":\"listed\"}", "elevations", "project_id", false},
                {"{\"type\":\"project\",\"when\":\"listed\"}", "projects", "directory_id", true},
                {"{\"type\":\"elevation\",\"when\":\"listed\"}", "elevations", "project_id", true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *before = places(rows[i].table, rows[i].parent);
        int64_t was = living(rows[i].table);
        sim_post(&world.sim, "/change", "{\"type\":\"project\",\"count\":1000}"); /* so that all lists are asked for */
        sim_post(&world.sim, "/move", rows[i].arm);
        cJSON *result = full_sync(rows[i].is_forced);
        char *after = places(rows[i].table, rows[i].parent);
        if (result_number(result, "vanished"))
            fail_msg("row %zu: %d rows are gone", i, (int)result_number(result, "vanished"));
        assert_int_equal(living(rows[i].table), was); /* all are there, one of them elsewhere */
        assert_string_not_equal(after, before);
        cJSON_Delete(result);
        sync_all(&world, false);
        assert_truth(&world, true);
        free(before);
        free(after);
    }
}

/* No race: the one project alone is synced, and what it has lost is in another one, which is not. */
TEST(test_what_a_single_project_has_lost_is_looked_for_in_all)
{
    static const char *const tasks[] = {"tasks.sync_tasks.force_sync_project_task",
                                        "tasks.sync_tasks.sync_project_task"};
    for (int i = 0; i < 2; i++) {
        char kwargs[200];
        char *move = pg_value(
            &world.pg, "SELECT json_build_object('type', 'elevation', 'id', e.logikal_id, 'to', h.logikal_id,"
                       " 'to_project', q.logikal_id) FROM elevations e JOIN projects q ON q.id <> e.project_id"
                       " JOIN phases h ON h.project_id = q.id WHERE e.deleted_at IS NULL AND q.deleted_at IS NULL"
                       " AND h.deleted_at IS NULL ORDER BY e.logikal_id, q.id LIMIT 1");
        char *from = pg_value(&world.pg, "SELECT p.logikal_id FROM elevations e JOIN projects p ON p.id = e.project_id"
                                         " WHERE e.deleted_at IS NULL ORDER BY e.logikal_id LIMIT 1");
        char *before = places("elevations", "project_id");
        int64_t was = living("elevations");
        sim_post(&world.sim, "/move", move);
        snprintf(kwargs, sizeof kwargs, "{\"project_id\":\"%s\"}", from);
        cJSON *result = sync_task(&world, tasks[i], NULL, kwargs, NULL);
        char *after = places("elevations", "project_id");
        assert_int_equal(result_number(result, "vanished"), 0);
        assert_int_equal(living("elevations"), was);
        assert_string_not_equal(after, before);
        cJSON_Delete(result);
        sync_all(&world, false);
        assert_truth(&world, true);
        free(move);
        free(from);
        free(before);
        free(after);
    }
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

/* All are listed below each other: none goes there. */
TEST(test_directories_in_many_places_stay_where_they_are)
{
    char *before = places("directories", "coalesce(parent_id, 0)");
    lie("flat", "directory");
    for (int i = 0; i < 2; i++) {
        cJSON *result = full_sync(i == 0);
        char *now = places("directories", "coalesce(parent_id, 0)");
        assert_string_equal(now, before);
        assert_told(result, "is listed below itself");
        assert_int_equal(result_number(result, "vanished"), 0);
        cJSON_Delete(result);
        free(now);
    }
    sim_post(&world.sim, "/lies", "{\"lies\":[]}");
    sync_all(&world, false);
    assert_truth(&world, true);
    free(before);
}

/* Their names and dates are the same: whatever they differ in is told. */
TEST(test_twins_that_differ_in_one_member_are_told)
{
    static const struct {
        const char *lie, *where;
    } rows[] = {{"twin", "elevation"}, {"twin-user", "project"}, {"twin-name", "phase"}, {"twin-name", "directory"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        lie(rows[i].lie, rows[i].where);
        cJSON *result = full_sync(true);
        assert_told(result, "and stored once");
        assert_int_equal(result_number(result, "vanished"), 0);
        cJSON_Delete(result);
        sim_post(&world.sim, "/lies", "{\"lies\":[]}");
        sync_all(&world, false);
        assert_truth(&world, true);
    }
    lie("doubled", "elevation"); /* the very same twice says nothing new */
    cJSON *result = full_sync(true);
    assert_int_equal(result_number(result, "error_count"), 0);
    cJSON_Delete(result);
    sim_post(&world.sim, "/lies", "{\"lies\":[]}");
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
    cmocka_unit_test(test_directories_in_many_places_stay_where_they_are),
    cmocka_unit_test(test_twins_that_differ_in_one_member_are_told),
    cmocka_unit_test(test_what_moves_while_it_is_listed_is_not_gone),
    cmocka_unit_test(test_what_a_single_project_has_lost_is_looked_for_in_all),
    cmocka_unit_test(test_clocks_hours_apart_cost_nothing),
};
TEST_MAIN(tests, start, stop)
