/* Parts lists by their content: one copy of equal files, versions that are counted and swept, and what an earlier
 * version of this program stored, taken over in steps that may end at any time. */
#include "tests/support/sync_truth.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"

#define TAKE_OVER "tasks.sqlite_parser_tasks.take_over_parts_files"
#define CLEANUP   "tasks.scheduler_tasks.cleanup_old_tasks"
#define ROWS      1000

SYNC_WORLD("--parts=tiny --directories 1 --depth 1 --projects 1 --phases 2 --elevations 2 --sideways=allow")

static int64_t number(const char *sql)
{
    return pg_int(&world.pg, sql);
}

/* Elevations with lists as an earlier version left them: 10 kB that compress, every tenth the same as the one before.
 */
static void store_as_before(void)
{
    pg_exec(&world.pg,
            "INSERT INTO elevations (id, logikal_id, name, sync_status, has_parts_data, parse_status,"
            "  parse_retry_count, amount) SELECT 100000 + i, 'old-' || i, 'O' || i, 'completed', true, 'success', 0, i"
            "  FROM generate_series(1, 1000) i;"
            "INSERT INTO elevation_parts_lists (elevation_id, content, sha256, size_bytes, version_id, fetched_at)"
            " SELECT 100000 + i, c, encode(sha256(c), 'hex'), octet_length(c), 'v' || i, '2025-01-02' FROM"
            "  (SELECT i, convert_to('SQLite format 3' || repeat(md5((i - (i % 10 = 0)::int)::text) || '-', 300),"
            "   'UTF8') AS c FROM generate_series(1, 1000) i) x");
}

TEST(test_take_over_is_interrupted_five_times)
{
    int64_t before = 0;
    store_as_before();
    int64_t bytes = number("SELECT sum(octet_length(content)) FROM elevation_parts_lists");

    for (int i = 1; i <= 5; i++) {
        struct process p;
        int64_t moved = 0, deadline_ms = support_deadline(60000);
        sync_task_start(&world, &p, TAKE_OVER, NULL, NULL);
        while ((moved = number("SELECT count(*) FROM parts_versions WHERE elevation_id > 100000")) < before + 60)
            if (mono_ms() > deadline_ms) fail_msg("nothing moves: %d rows", (int)moved);
        process_signal(&p, SIGKILL);
        process_wait(&p, 60000);
        before = number("SELECT count(*) FROM parts_versions WHERE elevation_id > 100000");
        assert_true(before < ROWS);
        assert_int_equal(number("SELECT count(*) FROM elevation_parts_lists WHERE content IS NOT NULL"), ROWS - before);
    }
    int status;
    cJSON *result = sync_task(&world, TAKE_OVER, NULL, NULL, &status);

    assert_int_equal(status, 0);
    assert_int_equal(result_number(result, "moved"), ROWS - before);
    cJSON_Delete(result);
    assert_int_equal(number("SELECT count(*) FROM elevation_parts_lists WHERE content IS NOT NULL"), 0);
    assert_int_equal(number("SELECT count(*) FROM parts_files"), ROWS - ROWS / 10);
    assert_int_equal(number("SELECT sum(f.raw_size) FROM elevation_parts_lists JOIN parts_files f USING (sha256)"),
                     bytes);
    assert_int_equal(number("SELECT count(*) FROM parts_versions v JOIN elevation_parts_lists l USING (elevation_id,"
                            " sha256) WHERE v.number = 1 AND v.valid_to IS NULL AND v.valid_from = '2025-01-02'"
                            " AND v.version_id = 'v' || (elevation_id - 100000) AND v.amount = elevation_id - 100000"),
                     ROWS);
    assert_true(number("SELECT sum(stored_size) FROM parts_files") < bytes / 10);
    char *differences = truth_differences(&world, true); /* every file is what it is called */
    if (strstr(differences, "not what it is called")) fail_msg("%s", differences);
    free(differences);
}

/* A row whose bytes are replaced while it is on its way keeps the new ones; one whose hash is wrong gets the right one.
 */
TEST(test_take_over_believes_the_bytes)
{
    pg_exec(&world.pg, "UPDATE elevation_parts_lists SET content = 'other bytes', sha256 = 'wrong', size_bytes = 7"
                       " WHERE elevation_id IN (100001, 100002)");

    cJSON_Delete(sync_task(&world, TAKE_OVER, NULL, NULL, NULL));

    assert_int_equal(number("SELECT count(*) FROM elevation_parts_lists l JOIN parts_versions v USING (elevation_id,"
                            " sha256) WHERE elevation_id IN (100001, 100002) AND l.size_bytes = 11 AND v.number = 2"
                            " AND v.valid_to IS NULL AND l.sha256 = encode(sha256('other bytes'), 'hex')"),
                     2);
    assert_int_equal(number("SELECT count(*) FROM parts_versions WHERE number = 1 AND valid_to IS NOT NULL"), 2);
}

static void sweep(const char *variable, const char *value)
{
    char text[64];
    snprintf(text, sizeof text, "%s=%s", variable, value);
    world.extra_env[0] = text;
    pg_exec(&world.pg, "UPDATE parts_files SET used_at = now() - interval '2 days'");
    cJSON *result = sync_task(&world, CLEANUP, NULL, NULL, NULL);
    assert_true(result_true(result, "success"));
    world.extra_env[0] = NULL;
    cJSON_Delete(result);
}

TEST(test_vanished_elevations_lose_their_lists_after_a_while)
{
    pg_exec(&world.pg, "UPDATE elevations SET deleted_at = now() - (id % 2) * interval '100 days' - interval '1 day'"
                       " WHERE id > 100000");

    sweep("PARTS_KEEP_VANISHED_DAYS", "0");
    assert_int_equal(number("SELECT count(*) FROM elevation_parts_lists WHERE elevation_id > 100000"), ROWS);
    sweep("PARTS_KEEP_VANISHED_DAYS", "30");

    assert_int_equal(number("SELECT count(*) FROM elevation_parts_lists WHERE elevation_id > 100000"), ROWS / 2);
    assert_int_equal(number("SELECT count(*) FROM elevation_parts_lists JOIN parts_files USING (sha256)"), ROWS / 2);
    assert_int_equal(number("SELECT count(*) FROM parts_versions WHERE elevation_id % 2 = 1"), 0);
    assert_int_equal(number("SELECT count(*) FROM parts_files f WHERE NOT EXISTS (SELECT FROM parts_versions v"
                            " WHERE v.sha256 = f.sha256)"),
                     0);
    pg_exec(&world.pg, "DELETE FROM elevations WHERE id > 100000");
    sweep("PARTS_KEEP_VERSIONS", "3");
    assert_int_equal(number("SELECT count(*) FROM parts_files"), 0);
}

TEST(test_versions_are_kept_by_the_rule)
{
    sync_all(&world, false);
    assert_int_equal(number("SELECT count(*) FROM parts_versions"), 4);
    for (int i = 0; i < 4; i++) {
        sim_post(&world.sim, "/change", "{\"type\":\"elevation\",\"count\":2}");
        sync_all(&world, false);
    }
    assert_truth(&world, true);
    assert_int_equal(number("SELECT max(number) FROM parts_versions"), 5);
    assert_int_equal(number("SELECT count(*) FROM parts_versions"), 12);
    assert_int_equal(number("SELECT count(*) FROM parts_versions v JOIN parts_versions w ON w.elevation_id ="
                            " v.elevation_id AND w.number = v.number + 1 WHERE v.valid_to <= w.valid_from"),
                     8);
    assert_int_equal(number("SELECT count(*) FROM parts_versions WHERE run_id IS NULL"), 0);

    sweep("PARTS_KEEP_VERSIONS", "2");

    assert_int_equal(number("SELECT count(*) FROM parts_versions"), 6);
    assert_int_equal(number("SELECT count(*) FROM parts_versions WHERE number >= 4"), 4);
    assert_int_equal(number("SELECT count(*) FROM parts_files"), 6);
    assert_truth(&world, true);
    sim_post(&world.sim, "/change", "{\"type\":\"elevation\",\"count\":1}");
    sync_all(&world, false);
    assert_int_equal(number("SELECT max(number) FROM parts_versions"), 6); /* none is given twice */
}

/* The same bytes again make no version, and are not sent. */
TEST(test_equal_bytes_are_one_file)
{
    int64_t versions = number("SELECT count(*) FROM parts_versions");
    pg_exec(&world.pg, "UPDATE parts_files SET used_at = '2020-01-01'");

    sync_all(&world, true);

    assert_int_equal(number("SELECT count(*) FROM parts_versions"), versions);
    assert_int_equal(number("SELECT count(*) FROM parts_files WHERE used_at <> '2020-01-01'"), 0);
    assert_truth(&world, true);
}

/* A sync leaves a sample, another one within the hour none. */
TEST(test_rate_is_the_slope_of_two_weeks)
{
    static const char rate[] = "SELECT coalesce(round(bytes_per_day)::bigint, -5) FROM logikald_sizes()";
    assert_int_equal(number("SELECT count(*) FROM store_sizes"), 1);
    assert_int_equal(number(rate), -5);
    pg_exec(&world.pg, "TRUNCATE store_sizes; INSERT INTO store_sizes SELECT now() - i * interval '1 day',"
                       " 5000000000 - i * 1000000, 0, 0, 0 FROM generate_series(0, 20) i");
    assert_int_equal(number(rate), 1000000);
    pg_exec(&world.pg, "UPDATE store_sizes SET database_bytes = 7 WHERE at < now() - interval '15 days'");
    assert_int_equal(number(rate), 1000000);
    pg_exec(&world.pg, "TRUNCATE store_sizes; INSERT INTO store_sizes SELECT now() - i * interval '10 minutes',"
                       " 5000000000 - i * 1000000, 0, 0, 0 FROM generate_series(0, 5) i");
    assert_int_equal(number(rate), -5); /* too short a time */
    pg_exec(&world.pg, "UPDATE store_sizes SET at = at - interval '2 hours'");
    sync_all(&world, false);
    assert_int_equal(number("SELECT count(*) FROM store_sizes"), 7);
    assert_int_equal(
        number("SELECT count(*) FROM store_sizes WHERE database_bytes ="
               " pg_database_size(current_database()) OR parts_files = (SELECT count(*) FROM parts_files)"),
        1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_take_over_is_interrupted_five_times),
    cmocka_unit_test(test_take_over_believes_the_bytes),
    cmocka_unit_test(test_vanished_elevations_lose_their_lists_after_a_while),
    cmocka_unit_test(test_versions_are_kept_by_the_rule),
    cmocka_unit_test(test_equal_bytes_are_one_file),
    cmocka_unit_test(test_rate_is_the_slope_of_two_weeks),
};
TEST_MAIN(tests, start, stop)
