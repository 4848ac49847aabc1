/* What the upstream leaves out: believed when it is little, looked at a second time, held when it is much; and what an
 * administrator's word does. */
#include "tests/support/sync_truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FULL "tasks.sync_tasks.full_sync_task"

SYNC_WORLD("--directories 4 --depth 2 --projects 2 --phases 2 --elevations 4")

#define LIVING(table) "SELECT count(*) FROM " table " WHERE deleted_at IS NULL"

static int64_t living_rows(void)
{
    return pg_int(&world.pg, "SELECT (" LIVING("directories") ") + (" LIVING("projects") ") + (" LIVING(
                                 "phases") ") + (" LIVING("elevations") ")");
}

static void begin_clean(void)
{
    sim_post(&world.sim, "/restore", "{}");
    sync_world_clear(&world);
    sync_all(&world, false);
    sim_post(&world.sim, "/stats/reset", "{}");
}

static cJSON *full(bool force)
{
    return sync_task(&world, FULL, NULL, force ? "{\"force_sync\":true}" : NULL, NULL);
}

/* A full sync that ends held; the number of the hold. */
static int64_t held(bool force)
{
    cJSON *result = full(force);
    char *text = cJSON_Print(result);
    if (strcmp(result_text(result, "status"), "held") != 0 || result_true(result, "success"))
        fail_msg("not held: %s", text);
    const cJSON *hold = cJSON_GetObjectItem(result, "held");
    int64_t id = (int64_t)result_number(hold, "hold");
    assert_true(id > 0);
    assert_non_null(strstr(result_text(result, "message"), "elevation"));
    assert_int_equal(result_number(result, "vanished"), 0);
    free(text);
    cJSON_Delete(result);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM sync_runs WHERE state = 'held'") > 0, 1);
    return id;
}

static void completed(bool force)
{
    cJSON *result = full(force);
    char *text = cJSON_Print(result);
    if (!result_true(result, "success")) fail_msg("not completed: %s", text);
    free(text);
    cJSON_Delete(result);
}

static void delete_all(const char *type)
{
    char json[100];
    snprintf(json, sizeof json, "{\"type\":\"%s\",\"count\":10000}", type);
    sim_post(&world.sim, "/delete", json);
}

/* Everything of a type gone, at each level, in a forced and an unforced sync: nothing is marked, and when it comes back
 * the hold goes by itself and no file is fetched. */
static void all_of_type(const char *type, bool force)
{
    begin_clean();
    int64_t rows = living_rows();
    delete_all(type);

    int64_t first = held(force), second = held(force);

    assert_int_equal(first, second);
    assert_int_equal(living_rows(), rows);
    assert_int_equal(pg_int(&world.pg, "SELECT elevations FROM sync_holds WHERE state = 'open'"),
                     pg_int(&world.pg, LIVING("elevations")));
    sim_post(&world.sim, "/restore", "{}");
    sim_post(&world.sim, "/stats/reset", "{}");
    completed(false);
    if (strcmp(type, "elevation") != 0) { /* one that comes back is a newer version in the simulator */
        assert_int_equal(sim_number(&world, "calls.parts"), 0);
        assert_int_equal(sim_number(&world, "calls.thumbnail"), 0);
    }
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM sync_holds WHERE state = 'released'"), 1);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM sync_missing"), 0);
    assert_truth(&world, true);
}

TEST(test_everything_gone_is_held)
{
    all_of_type("directory", false);
    all_of_type("directory", true);
}

TEST(test_all_projects_gone_are_held)
{
    all_of_type("project", false);
}

TEST(test_all_phases_gone_are_held)
{
    all_of_type("phase", true);
}

TEST(test_all_elevations_gone_are_held)
{
    all_of_type("elevation", true);
    all_of_type("elevation", false);
}

/* As when the upstream had changed long before it was listed: its dates are trusted. What it lists wrongly meanwhile is
 * listed again all the same, also what has changed in it. */
TEST(test_hold_of_a_lie_ends_with_it_though_no_date_moves)
{
    static const char *const lies[][2] = {{"empty", "phase"}, {"empty", "elevation"}, {"binned-all", "elevation"}};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        char json[120];
        begin_clean();
        snprintf(json, sizeof json, "{\"lies\":[{\"name\":\"%s\",\"where\":\"%s\"}]}", lies[i][0], lies[i][1]);
        sim_post(&world.sim, "/change", "{\"type\":\"elevation\",\"count\":5}");
        sim_post(&world.sim, "/lies", json);
        held(i % 2 == 0);
        sim_post(&world.sim, "/lies/clear", "{}");
        pg_exec(&world.pg, "UPDATE project_cursors SET phases_at = phases_at + interval '1 hour',"
                           " elevations_at = elevations_at + interval '1 hour'");
        completed(false);
        assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM sync_holds WHERE state = 'released'"), 1);
        assert_truth(&world, true);
    }
}

TEST(test_all_in_recycle_bin_are_held)
{
    begin_clean();
    int64_t rows = living_rows();
    sim_post(&world.sim, "/delete", "{\"type\":\"project\",\"count\":1000,\"recycle\":true}");

    held(false);

    assert_int_equal(living_rows(), rows);
    sim_post(&world.sim, "/restore", "{}");
    sim_post(&world.sim, "/delete", "{\"type\":\"elevation\",\"count\":1000,\"recycle\":true}");
    held(true);
    assert_int_equal(living_rows(), rows);
    sim_post(&world.sim, "/restore", "{}");
    completed(true);
    assert_truth(&world, true);
}

static void decide(int64_t hold, const char *decision)
{
    char sql[200];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM logikald_hold_decide(%lld, '%s', 'tester') WHERE was = 'open'",
             (long long)hold, decision);
    assert_int_equal(pg_int(&world.pg, sql), 1);
    assert_int_equal(pg_int(&world.pg, sql), 0); /* only once */
}

TEST(test_applied_hold_marks_and_all_comes_back)
{
    begin_clean();
    delete_all("directory");
    int64_t elevations = pg_int(&world.pg, LIVING("elevations"));

    decide(held(false), "apply");

    assert_int_equal(living_rows(), 0);
    assert_int_equal(pg_int(&world.pg, "SELECT value FROM sync_counters WHERE object_type = 'elevation' AND outcome = "
                                       "'vanished'"),
                     elevations);
    completed(false);
    sim_post(&world.sim, "/restore", "{}");
    sim_post(&world.sim, "/stats/reset", "{}");
    completed(false);
    assert_truth(&world, true);
    assert_int_equal(sim_number(&world, "calls.parts"), 0);
}

TEST(test_refused_hold_is_not_raised_again)
{
    begin_clean();
    int64_t rows = living_rows();
    sim_post(&world.sim, "/delete", "{\"type\":\"project\",\"count\":4}");

    decide(held(false), "refuse");

    completed(false);
    completed(true);
    assert_int_equal(living_rows(), rows);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM sync_holds"), 1);
    sim_post(&world.sim, "/delete", "{\"type\":\"elevation\",\"count\":2,\"seed\":7}"); /* something else: as ever */
    completed(true);
    assert_in_range(living_rows(), (uintmax_t)rows - 2, (uintmax_t)rows - 1);
    sim_post(&world.sim, "/restore", "{}");
    completed(false);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM sync_missing"), 0);
    assert_truth(&world, true);
}

TEST(test_any_loss_is_believed_at_the_second_look)
{
    char json[200];
    begin_clean();
    sim_post(&world.sim, "/delete", "{\"type\":\"elevation\",\"count\":1}");
    completed(false);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE deleted_at IS NOT NULL"), 1);

    char *phase =
        pg_value(&world.pg, "SELECT string_agg(e.logikal_id, ' ') FROM elevations e WHERE e.phase_id = (SELECT"
                            " min(phase_id) FROM elevations WHERE deleted_at IS NULL) AND deleted_at IS NULL");
    for (char *id = strtok(phase, " "); id; id = strtok(NULL, " ")) {
        snprintf(json, sizeof json, "{\"type\":\"elevation\",\"id\":\"%s\"}", id);
        sim_post(&world.sim, "/delete", json);
    }
    free(phase);
    completed(false);

    assert_truth(&world, true);
}

/* Whatever it was that one listing left out: the next one shows it. */
TEST(test_loss_that_is_taken_back_marks_nothing)
{
    static const char *const places[] = {"directory", "project", "phase", "elevation"};
    begin_clean();
    for (int i = 0; i < 8; i++) {
        char lie[200];
        snprintf(lie, sizeof lie, "{\"lies\":[{\"name\":\"%s\",\"where\":\"%s\",\"count\":1}]}",
                 i < 4 ? "paged" : "halved", places[i % 4]);
        int64_t rows = living_rows();
        sim_post(&world.sim, "/change", "{\"type\":\"elevation\",\"count\":1000}");
        sim_post(&world.sim, "/lies", lie);

        cJSON_Delete(full(i % 2));

        sim_post(&world.sim, "/lies/clear", "{}");
        assert_int_equal(living_rows(), rows);
    }
    completed(false);
    assert_truth(&world, true);
}

TEST(test_exchanged_world_is_held)
{
    world.extra_env[0] = "SYNC_VANISH_MAX_PERCENT=100";
    begin_clean();
    int64_t rows = living_rows();
    delete_all("project");
    sim_post(&world.sim, "/add", "{\"type\":\"project\",\"count\":8}");

    held(false);

    assert_int_equal(living_rows(), rows); /* what is unknown waits until it is decided */
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM sync_holds WHERE reason = 'exchanged'"), 1);
    world.extra_env[0] = NULL;
}

TEST(test_renamed_directories_are_no_loss)
{
    begin_clean();
    sim_post(&world.sim, "/change", "{\"type\":\"directory\",\"count\":100}");

    completed(false);

    assert_truth(&world, true);
}

TEST(test_settings_move_the_bound)
{
    world.extra_env[0] = "SYNC_VANISH_MAX_PERCENT=0";
    world.extra_env[1] = "SYNC_VANISH_MAX_ROWS=0";
    begin_clean();
    sim_post(&world.sim, "/delete", "{\"type\":\"elevation\",\"count\":1}");
    held(true);
    world.extra_env[0] = "SYNC_VANISH_MAX_PERCENT=90";
    world.extra_env[1] = NULL;

    completed(false);

    assert_truth(&world, true);
    sim_post(&world.sim, "/delete", "{\"type\":\"project\",\"count\":4}");
    completed(false);
    assert_truth(&world, true);
    world.extra_env[0] = NULL;
}

/* What could not be listed is not judged and is named; all else is. */
TEST(test_deletions_are_found_beside_a_closed_directory)
{
    begin_clean();
    char *project =
        pg_value(&world.pg, "SELECT p.logikal_id FROM projects p JOIN directories d ON d.id = p.directory_id"
                            " ORDER BY d.upstream_chain DESC LIMIT 1");
    char json[200];
    snprintf(json, sizeof json, "{\"type\":\"project\",\"id\":\"%s\"}", project);
    sim_post(&world.sim, "/delete", json);
    sim_post(&world.sim, "/faults",
             "{\"rules\":[{\"endpoint\":\"projects_list\",\"kind\":\"status\",\"status\":403,\"count\":1}]}");

    cJSON *result = full(true);

    sim_post(&world.sim, "/faults/clear", "{}");
    char *text = cJSON_Print(result);
    if (!strstr(text, "deletions are not checked")) fail_msg("nothing said: %s", text);
    assert_int_equal(result_number(result, "places_unchecked"), 1);
    snprintf(json, sizeof json, "SELECT count(*) FROM projects WHERE logikal_id = '%s' AND deleted_at IS NULL",
             project);
    int64_t still = pg_int(&world.pg, json);
    if (still) { /* it was its own directory that was closed */
        completed(true);
        still = pg_int(&world.pg, json);
    }
    assert_int_equal(still, 0);
    free(text);
    free(project);
    cJSON_Delete(result);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_everything_gone_is_held),
    cmocka_unit_test(test_all_projects_gone_are_held),
    cmocka_unit_test(test_all_phases_gone_are_held),
    cmocka_unit_test(test_all_elevations_gone_are_held),
    cmocka_unit_test(test_hold_of_a_lie_ends_with_it_though_no_date_moves),
    cmocka_unit_test(test_all_in_recycle_bin_are_held),
    cmocka_unit_test(test_applied_hold_marks_and_all_comes_back),
    cmocka_unit_test(test_refused_hold_is_not_raised_again),
    cmocka_unit_test(test_any_loss_is_believed_at_the_second_look),
    cmocka_unit_test(test_loss_that_is_taken_back_marks_nothing),
    cmocka_unit_test(test_exchanged_world_is_held),
    cmocka_unit_test(test_renamed_directories_are_no_loss),
    cmocka_unit_test(test_settings_move_the_bound),
    cmocka_unit_test(test_deletions_are_found_beside_a_closed_directory),
};
TEST_MAIN(tests, start, stop)
