/* Parts lists as the field has them: 71 tables, 0.7 to 1.7 MB, most flagged as having a write-ahead log, some in UTF-16
 * or with other pages, strangers beside the elevation's row. Stored byte by byte, each read by its own row. */
#include "tests/support/sync_truth.h"

#include <stdlib.h>
#include <string.h>

SYNC_WORLD("--parts=real --directories 1 --depth 1 --projects 2 --phases 2 --elevations 12")

TEST(test_every_form_of_a_real_parts_list_is_stored_and_read)
{
    sync_all(&world, false);

    assert_truth(&world, true);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE parse_status <> 'success'"), 0);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE system_code LIKE 'FREMD%'"), 0);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE parts_count < 1000"), 0);
    assert_nothing_leaked(&world);
}

/* Too large for a setting: an error that names the elevation and the setting, a status that people see, and what fitted
 * is there. With a larger limit the next plain sync asks at once. */
TEST(test_list_that_is_too_large_is_told_and_asked_for_when_the_limit_grew)
{
    static const char *const limits[] = {"PARTS_MAX_BYTES=1MB", "LOGIKAL_MAX_ANSWER_BYTES=1MB"};
    for (int i = 0; i < 2; i++) {
        sync_world_clear(&world);
        world.extra_env[0] = limits[i];
        cJSON *result = sync_task(&world, "tasks.sync_tasks.full_sync_task", NULL, NULL, NULL);
        char *text = cJSON_Print(result),
             *name = pg_value(&world.pg, "SELECT 'parts list of elevation ' || name || ' ('"
                                         " || logikal_id || ')' FROM elevations WHERE"
                                         " parse_status = 'failed' ORDER BY id LIMIT 1");
        assert_non_null(name);
        assert_non_null(strstr(text, i ? "LOGIKAL_MAX_ANSWER_BYTES" : "PARTS_MAX_BYTES"));
        assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE parse_status NOT IN ('failed',"
                                           " 'success') OR (parse_status = 'failed') <> (parse_error IS NOT NULL)"),
                         0);
        assert_int_equal(pg_int(&world.pg,
                                "SELECT count(*) FROM elevations e JOIN elevation_parts_lists l ON"
                                " l.elevation_id = e.id WHERE (parse_status = 'failed') <> (sha256 IS NULL)"),
                         0);
        cJSON_Delete(result);
        free(text);
        free(name);
        sync_all(&world, false); /* not asked again yet: it would be the same */
        world.extra_env[0] = NULL;

        sync_all(&world, false);

        assert_truth(&world, true);
        assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE parse_error IS NOT NULL"), 0);
    }
}

/* In the database: the lines of each list, typed, and of a list with several elevations only its own. */
TEST(test_lines_of_every_real_parts_list_are_stored)
{
    static const struct {
        const char *sql;
        int64_t expected;
    } rows[] = {
        {"SELECT count(*) FROM parts_versions WHERE parsed_at IS NULL OR file_row IS NULL", 0},
        {"SELECT count(*) FROM parts_files WHERE reader = 0 OR tables IS NULL OR problem IS NOT NULL", 0},
        {"SELECT count(*) FROM parts_files WHERE jsonb_array_length(tables) <> 71", 0},
        {"SELECT count(*) FROM parts_versions v WHERE parts_count <> (SELECT count(*) FROM parts_version_lines l WHERE"
         " (l.elevation_id, l.number) = (v.elevation_id, v.number) AND kind IN ('article', 'profile', 'glass'))",
         0},
        {"SELECT count(*) FROM parts_versions v WHERE parts_count <> 53 + (SELECT count(*) FROM elevation_glass g WHERE"
         " g.elevation_id = v.elevation_id)",
         0},
        {"SELECT count(*) FROM elevation_glass g WHERE NOT EXISTS (SELECT FROM parts_version_lines l WHERE"
         " l.elevation_id = g.elevation_id AND l.kind = 'glass' AND l.code = g.glass_id AND l.name = g.name AND"
         " l.width > 0 AND l.position IS NOT NULL)",
         0},
        {"SELECT count(*) FROM elevations e WHERE NOT EXISTS (SELECT FROM parts_version_lines l WHERE l.elevation_id ="
         " e.id AND l.kind = 'elevation' AND l.width = e.width_out AND l.code = e.system_code)",
         0},
        {"SELECT (count(*) > 100)::int FROM parts_version_lines WHERE kind = 'calc' AND name IS NOT NULL AND value > 0",
         1},
        {"SELECT count(*) FROM parts_version_lines WHERE code LIKE 'FREMD%' OR name LIKE 'FREMD%'", 0},
        {"SELECT count(DISTINCT kind) FROM parts_version_lines", 9},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t got = pg_int(&world.pg, rows[i].sql);
        if (got != rows[i].expected) fail_msg("%s: %d", rows[i].sql, (int)got);
    }
}

TEST(test_changed_real_parts_lists_follow)
{
    sim_post(&world.sim, "/change", "{\"type\":\"elevation\",\"count\":8,\"seed\":3}");

    sync_all(&world, false);

    assert_truth(&world, true);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_every_form_of_a_real_parts_list_is_stored_and_read),
    cmocka_unit_test(test_list_that_is_too_large_is_told_and_asked_for_when_the_limit_grew),
    cmocka_unit_test(test_lines_of_every_real_parts_list_are_stored),
    cmocka_unit_test(test_changed_real_parts_lists_follow),
};
TEST_MAIN(tests, start, stop)
