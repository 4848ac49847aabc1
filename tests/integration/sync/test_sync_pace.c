/* The pace of a real upstream: it opens a project for its first file, which takes long; and few of many have changed.
 */
#include "tests/support/sync_truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"

SYNC_WORLD("--directories 4 --projects 10 --phases 2 --elevations 2 --sideways=allow")

static int64_t files_asked(void)
{
    return sim_number(&world, "calls.thumbnail") + sim_number(&world, "calls.parts");
}

/* The first picture takes two seconds: until it is there, nobody asks for another file of that project. */
TEST(test_one_session_opens_a_project)
{
    struct process p;
    sync_world_clear(&world);
    world.extra_env[0] = "SYNC_THUMBNAILS=false";
    world.extra_env[1] = "SYNC_PARTS_LISTS=false";
    sync_all(&world, false);
    world.extra_env[0] = world.extra_env[1] = NULL;
    char *guid = pg_value(&world.pg, "SELECT logikal_id FROM projects ORDER BY id LIMIT 1");
    sim_post(&world.sim, "/faults",
             "{\"rules\":[{\"endpoint\":\"thumbnail\",\"kind\":\"slow\",\"duration_ms\":2000,"
             "\"count\":1},{\"endpoint\":\"parts\",\"kind\":\"slow\",\"duration_ms\":2000,"
             "\"count\":1}],\"seed\":1}");
    sim_post(&world.sim, "/stats/reset", "{}");
    char args[100];
    snprintf(args, sizeof args, "[\"%s\"]", guid);
    sync_task_start(&world, &p, "tasks.sync_tasks.sync_project_task", args, "{\"force_sync\":true}");

    int64_t first_ms = 0, second_ms = 0, deadline_ms = support_deadline(60000);
    while (!second_ms && mono_ms() < deadline_ms && process_running(&p)) {
        int64_t asked = files_asked();
        if (asked >= 1 && !first_ms) first_ms = mono_ms();
        if (asked >= 2) second_ms = mono_ms();
    }

    assert_true(first_ms > 0 && second_ms > 0);
    if (second_ms - first_ms < 1000) fail_msg("a second file after %d ms", (int)(second_ms - first_ms));
    process_wait(&p, 60000);
    cJSON *result = sync_task_result(&p);
    assert_true(result_number(result, "thumbnails_synced") > 1);
    cJSON_Delete(result);
    sim_post(&world.sim, "/faults/clear", "{}");
    free(guid);
}

/* Three of many have changed: the listings, and what those three need. */
TEST(test_tick_takes_the_listings_and_what_has_changed)
{
    sync_all(&world, false);
    assert_truth(&world, true);
    pg_exec(&world.pg,
            "UPDATE project_cursors SET phases_listed_at = now() - interval '1 minute', elevations_listed_at ="
            " now() - interval '1 minute', phases_at = now(), elevations_at = now()");
    sim_post(&world.sim, "/change", "{\"type\":\"project\",\"count\":3}");
    sim_post(&world.sim, "/stats/reset", "{}");

    sync_all(&world, false);

    int64_t directories = pg_int(&world.pg, "SELECT count(*) FROM directories");
    assert_int_equal(sim_number(&world, "calls.projects"), directories);
    assert_int_equal(sim_number(&world, "calls.directories"), directories + 1);
    assert_int_equal(sim_number(&world, "calls.phases"), 3);
    assert_int_equal(sim_number(&world, "calls.elevations"), 6);
    assert_int_equal(files_asked(), 0);
    assert_truth(&world, true);
}

/* Compressing is the runner's: PostgreSQL gets a third of the bytes, and keeps them as they came. */
TEST(test_parts_lists_come_compressed)
{
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevation_parts_lists WHERE content IS NOT NULL"), 0);
    assert_true(pg_int(&world.pg, "SELECT 1000 * sum(stored_size) / sum(raw_size) FROM parts_files") < 400);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM parts_files WHERE stored_size <> octet_length(content)"
                                       " OR pg_column_size(content) < stored_size"),
                     0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_one_session_opens_a_project),
    cmocka_unit_test(test_tick_takes_the_listings_and_what_has_changed),
    cmocka_unit_test(test_parts_lists_come_compressed),
};
TEST_MAIN(tests, start, stop)
