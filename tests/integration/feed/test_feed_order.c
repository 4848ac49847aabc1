/* The order of the feed: a reader misses nothing and sees nothing twice, whatever the writers do; and who follows has
 * all that a snapshot has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "conf/clock.h"
#include "conf/machine/random.h"
#include "tests/support/copy.h"
#include "tests/support/feed.h"

/* ---- writers that commit out of order ---- */

#define WRITERS      20
#define TRANSACTIONS 25
#define ROWS         3

static void write_out_of_order(int writer)
{
    PGconn *conn = pg_connect(&feed.web.pg);
    unsigned seed = (unsigned)writer * 7919u + 1;
    for (int i = 0; i < TRANSACTIONS; i++) {
        char sql[400];
        PQclear(PQexec(conn, "BEGIN"));
        for (int row = 0; row < ROWS; row++) {
            snprintf(
                sql, sizeof sql,
                "INSERT INTO directories (logikal_id, name) VALUES ('w-%d-%d-%d', 'W'); SELECT pg_sleep(%d / 1000.0)",
                writer, i, row, rand_r(&seed) % 20);
            PQclear(PQexec(conn, sql));
        }
        PQclear(PQexec(conn, i % 5 == 4 ? "ROLLBACK" : "COMMIT"));
    }
    PQfinish(conn);
    _exit(0);
}

TEST(test_a_reader_misses_nothing_and_sees_nothing_twice_while_writers_commit_out_of_order)
{
    enum { EXPECTED = WRITERS * (TRANSACTIONS - TRANSACTIONS / 5) * ROWS };
    static unsigned char seen[WRITERS][TRANSACTIONS][ROWS];
    char cursor[100], query[200];
    pid_t pids[WRITERS];
    feed_cursor_now(cursor);
    for (int i = 0; i < WRITERS; i++)
        if ((pids[i] = fork()) == 0) write_out_of_order(i);

    int count = 0, ended = 0;
    int64_t deadline = mono_ms() + 120000; /* anything else that writes may hold the last ones back for a moment */
    bool is_last = false;
    while ((!is_last || count < EXPECTED || ended < WRITERS) && mono_ms() < deadline) {
        is_last = ended == WRITERS;
        snprintf(query, sizeof query, "?since=%s&types=directory&limit=7", cursor);
        cJSON *page = feed_page(query), *change;
        cJSON_ArrayForEach(change, cJSON_GetObjectItem(page, "changes")) {
            int w, t, row;
            assert_int_equal(sscanf(feed_text(change, "logikal_id"), "w-%d-%d-%d", &w, &t, &row), 3);
            assert_int_equal(seen[w][t][row], 0);
            seen[w][t][row] = 1;
            assert_true(row == 0 || seen[w][t][row - 1]);
            count++;
        }
        if (cJSON_IsTrue(cJSON_GetObjectItem(page, "has_more"))) is_last = false;
        feed_take_cursor(page, cursor);
        cJSON_Delete(page);
        while (ended < WRITERS && waitpid(-1, NULL, WNOHANG) > 0) ended++;
    }

    assert_int_equal(count, EXPECTED);
    assert_int_equal(pg_int(&feed.web.pg, "SELECT count(*) FROM directories WHERE logikal_id LIKE 'w-%'"), EXPECTED);
}

TEST(test_a_transaction_that_still_runs_holds_back_what_came_after_it)
{
    char cursor[100];
    feed_cursor_now(cursor);
    PGconn *late = pg_connect(&feed.web.pg);
    PQclear(PQexec(late, "BEGIN; UPDATE directories SET name = 'late' WHERE logikal_id = 'd1'"));

    pg_exec(&feed.web.pg, "UPDATE directories SET name = 'early' WHERE logikal_id = 'd2'");

    assert_string_equal(feed_story(cursor), "");
    PQclear(PQexec(late, "COMMIT"));
    assert_string_equal(feed_story(cursor),
                        "directory changed name=\"D 1\">\"late\";directory changed name=\"D 2\">\"early\";");
    PQfinish(late);
}

TEST(test_changes_of_an_object_come_in_the_order_in_which_they_were_made)
{
    char cursor[100];
    feed_cursor_now(cursor);
    PGconn *first = pg_connect(&feed.web.pg), *second = pg_connect(&feed.web.pg), *third = pg_connect(&feed.web.pg);
    PQclear(PQexec(first, "BEGIN; UPDATE directories SET level = 100 WHERE logikal_id = 'd1'"));
    PQclear(PQexec(second, "BEGIN; SELECT pg_current_xact_id()")); /* it has its number, and writes later */
    PQclear(PQexec(third, "BEGIN; UPDATE directories SET level = 201 WHERE logikal_id = 'd2'; COMMIT"));
    PQclear(PQexec(first, "UPDATE directories SET level = 202 WHERE logikal_id = 'd2'; COMMIT"));
    PQclear(PQexec(second, "UPDATE directories SET level = 203 WHERE logikal_id = 'd2'; COMMIT"));

    const char *told = feed_story(cursor), *at = told;
    static const char *const order[] = {"level=null>201", "level=201>202", "level=202>203"};
    for (size_t i = 0; i < 3; i++) {
        at = strstr(at, order[i]);
        if (!at) fail_msg("%s is not there, or too early: %s", order[i], told);
    }
    PQfinish(first);
    PQfinish(second);
    PQfinish(third);
}

static int64_t lag(void)
{
    struct http_reply reply = web_call(&feed.web, "GET", "/metrics", "only-for-metrics", NULL);
    const char *at = strstr(reply.body, "\nlogikald_feed_lag_seconds ");
    assert_non_null(at);
    int64_t out = strtoll(at + 27, NULL, 10);
    http_reply_free(&reply);
    return out;
}

static bool verdict_says(const char *words)
{
    struct http_reply page = web_call(&feed.web, "GET", "/api/v1/verdict", feed.web.admin, NULL);
    bool is_said = strstr(page.body, words);
    http_reply_free(&page);
    return is_said;
}

TEST(test_a_transaction_that_stays_open_is_told_with_who_holds_it)
{
    char words[80];
    PGconn *stuck = pg_connect(&feed.web.pg);
    assert_int_equal(lag(), 0);
    PQclear(PQexec(stuck, "BEGIN; SET LOCAL application_name = 'forgotten'; UPDATE directories SET name = name"));
    pg_exec(&feed.web.pg, "UPDATE projects SET description = 'held back'");

    snprintf(words, sizeof words, "by process %d of ", PQbackendPID(stuck));
    WAIT_UNTIL(process_logged(&feed.web.process, "the feed of changes has been held back for"), 30000);
    WAIT_UNTIL(process_logged(&feed.web.process, words), 5000);
    WAIT_UNTIL(lag() >= 2, 30000);
    WAIT_UNTIL(verdict_says("The feed of changes has been held back for"), 30000);

    PQclear(PQexec(stuck, "ROLLBACK"));
    PQfinish(stuck);
    WAIT_UNTIL(lag() == 0, 30000);
}

/* ---- what a copy has that follows ---- */

/* What is new, comes back or moves in is told with all that it has: nobody has the rest of it. */
TEST(test_who_follows_has_every_field_of_every_object)
{
    static const char *const steps[] = {
        "INSERT INTO directories (logikal_id, name, full_path, level, parent_id) VALUES ('d/e', 'E', 'd/e', 2, 1)",
        "INSERT INTO projects (logikal_id, name, directory_id, description, job_number, is_estimated) VALUES ('r', 'R',"
        " 1, 'all of it', '2026-7', true)",
        "INSERT INTO phases (logikal_id, name, project_id, description) VALUES ('hq', 'HQ', 2, 'of Q')",
        "INSERT INTO elevations (logikal_id, name, phase_id, project_id, width, amount, description, user_description,"
        " api_changed_date) VALUES ('new', 'N', 1, 1, 1200.5, 3, repeat('ä', 400), 'kitchen', '2026-01-02 03:04:05Z')",
        "UPDATE elevations SET deleted_at = NULL WHERE logikal_id = 'back'", /* gone before the snapshot */
        "UPDATE phases SET deleted_at = NULL WHERE logikal_id = 'hb'",
        "UPDATE elevations SET deleted_at = now() WHERE id = 12",
        "UPDATE elevations SET width = 8, name = 'gone, and changed' WHERE id = 12",
        "UPDATE elevations SET deleted_at = NULL, height = 9 WHERE id = 12",
        "UPDATE elevations SET phase_id = (SELECT id FROM phases WHERE logikal_id = 'hq'), project_id = 2 WHERE id = "
        "14",
        "UPDATE elevations SET width = 14 WHERE id = 14",
        "UPDATE elevations SET phase_id = 1, project_id = 1 WHERE id = 14",
        "UPDATE elevations SET auto_description = repeat('x', 600), area_output = 2.5 WHERE id = 15",
        "UPDATE elevations SET auto_description = repeat('y', 4000), user_description = 'short' WHERE id = 15",
        "BEGIN; INSERT INTO elevations (logikal_id, name, phase_id, project_id) VALUES ('twice', 'T', 1, 1);"
        " UPDATE elevations SET depth = 3 WHERE logikal_id = 'twice'; COMMIT",
        "INSERT INTO elevation_thumbnails (elevation_id, sha256, size_bytes, content_type) VALUES (16, 'a', 1, 'i/p')",
        "INSERT INTO elevation_parts_lists (elevation_id, sha256, size_bytes, error) VALUES (16, 'b', 2, 'older')",
        "UPDATE elevation_thumbnails SET sha256 = NULL, content_type = NULL, size_bytes = NULL WHERE elevation_id = 16",
        "UPDATE elevation_thumbnails SET sha256 = 'c', content_type = 'i/j', size_bytes = 4 WHERE elevation_id = 16",
        "UPDATE projects SET directory_id = (SELECT id FROM directories WHERE logikal_id = 'd/e') WHERE id = 2",
        "DELETE FROM elevations WHERE id = 17",
    };
    static struct copy copies[] = {
        {.types = "directory,project,phase,elevation,thumbnail,parts_list"},
        {.types = "project,phase,elevation", .project = "q"},
    };
    pg_exec(&feed.web.pg, "INSERT INTO projects (logikal_id, name, directory_id) VALUES ('q', 'Q', 1)");
    pg_exec(&feed.web.pg, "INSERT INTO elevations (id, logikal_id, name, phase_id, project_id) SELECT i, 'x' || i,"
                          " 'first', 1, 1 FROM generate_series(12, 17) i");
    pg_exec(&feed.web.pg, "INSERT INTO elevations (logikal_id, name, phase_id, project_id, width, deleted_at) VALUES"
                          " ('back', 'B', 1, 1, 77, now())");
    pg_exec(&feed.web.pg,
            "INSERT INTO phases (logikal_id, name, project_id, description, deleted_at) VALUES ('hb', 'HB', 2,"
            " 'was gone', now())");
    for (int i = 0; i < 2; i++) copy_begin(&copies[i]);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        pg_exec(&feed.web.pg, steps[i]);
        for (int k = 0; k < 2; k++) copy_follow(&copies[k], steps[i]);
    }
    for (int i = 0; i < 2; i++) copy_end(&copies[i]);
}

/* A text of any length is not sent with each change of an object. */
TEST(test_a_text_of_the_object_has_an_end)
{
    char cursor[100], query[160];
    feed_cursor_now(cursor);
    pg_exec(&feed.web.pg, "UPDATE phases SET description = repeat('ab', 2049) WHERE id = 1");
    pg_settle(&feed.web.pg);
    snprintf(query, sizeof query, "?since=%s", cursor);
    cJSON *page = feed_page(query), *change = cJSON_GetArrayItem(cJSON_GetObjectItem(page, "changes"), 0);
    const cJSON *text = cJSON_GetObjectItem(cJSON_GetObjectItem(change, "object"), "description");
    assert_int_equal(cJSON_GetObjectItem(text, "size")->valueint, 4098);
    cJSON_Delete(page);
    pg_exec(&feed.web.pg, "UPDATE phases SET description = NULL");
}

/* A page of large objects is shorter than was asked for; the next ones have the rest, each once. */
TEST(test_a_page_of_large_objects_has_an_end)
{
    char cursor[100], query[160];
    int count = 0, pages = 0;
    bool has_more = true, seen[601] = {false};
    feed_cursor_now(cursor);
    pg_exec(&feed.web.pg, "INSERT INTO elevations (id, logikal_id, name, phase_id, project_id, description,"
                          " system_description, model_description, user_description, auto_description) SELECT 1000 + i,"
                          " 'l' || i, 'L', 1, 1, t, t, t, t, t FROM generate_series(1, 600) i, repeat('x', 4000) t");
    pg_settle(&feed.web.pg);
    for (; has_more && pages < 10; pages++) {
        snprintf(query, sizeof query, "?since=%s&limit=1000", cursor);
        cJSON *page = feed_page(query), *change;
        cJSON_ArrayForEach(change, cJSON_GetObjectItem(page, "changes")) {
            int i = atoi(feed_text(change, "logikal_id") + 1);
            assert_in_range(i, 1, 600);
            assert_false(seen[i]);
            seen[i] = true;
            count++;
            assert_non_null(cJSON_GetObjectItem(change, "object"));
        }
        has_more = cJSON_IsTrue(cJSON_GetObjectItem(page, "has_more"));
        feed_take_cursor(page, cursor);
        cJSON_Delete(page);
    }
    assert_int_equal(count, 600);
    assert_int_equal(pages, 2); /* of 12 MB */
    pg_exec(&feed.web.pg, "DELETE FROM elevations WHERE name = 'L'");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_who_follows_has_every_field_of_every_object),
    cmocka_unit_test(test_a_text_of_the_object_has_an_end),
    cmocka_unit_test(test_a_page_of_large_objects_has_an_end),
    cmocka_unit_test(test_a_transaction_that_still_runs_holds_back_what_came_after_it),
    cmocka_unit_test(test_a_transaction_that_stays_open_is_told_with_who_holds_it),
    cmocka_unit_test(test_changes_of_an_object_come_in_the_order_in_which_they_were_made),
    cmocka_unit_test(test_a_reader_misses_nothing_and_sees_nothing_twice_while_writers_commit_out_of_order),
};
TEST_MAIN(tests, feed_start_filled, feed_stop)
