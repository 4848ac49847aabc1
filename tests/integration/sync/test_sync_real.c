/* Parts lists as the field has them: 71 tables, 0.7 to 1.7 MB, most flagged as having a write-ahead log, some in UTF-16
 * or with other pages, strangers beside the elevation's row. Stored byte by byte, each read by its own row. */
#include "tests/support/sync_truth.h"

static struct sync_world world;

static void test_every_form_of_a_real_parts_list_is_stored_and_read(void **state)
{
    (void)state;

    sync_all(&world, false);

    assert_truth(&world, true);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE parse_status <> 'success'"), 0);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE system_code LIKE 'FREMD%'"), 0);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE parts_count < 1000"), 0);
    assert_nothing_leaked(&world);
}

static void test_changed_real_parts_lists_follow(void **state)
{
    (void)state;
    sim_post(&world.sim, "/change", "{\"type\":\"elevation\",\"count\":8,\"seed\":3}");

    sync_all(&world, false);

    assert_truth(&world, true);
}

static int start(void **state)
{
    (void)state;
    static const char *const arguments[] = {"--parts=real",
                                            "--directories",
                                            "1",
                                            "--depth",
                                            "1",
                                            "--projects",
                                            "2",
                                            "--phases",
                                            "2",
                                            "--elevations",
                                            "12",
                                            NULL};
    sync_world_start(&world, arguments);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    sync_world_stop(&world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_form_of_a_real_parts_list_is_stored_and_read),
        cmocka_unit_test(test_changed_real_parts_lists_follow),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
