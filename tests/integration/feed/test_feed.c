/* The journal of changes: what is written for each kind of change, what a reader of one project gets, and what a cursor
 * is. Waiting and order: test_feed_wait.c, test_feed_order.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "conf/machine/random.h"
#include "tests/support/feed.h"

TEST(test_each_kind_of_change_is_told_with_before_and_after)
{
    static const char *const steps[][2] = {
        {"INSERT INTO directories (logikal_id, name) VALUES ('d1', 'D 1'), ('d2', 'D 2')",
         "directory created name=null>\"D 1\" parent_id=null>null;directory created name=null>\"D 2\" "
         "parent_id=null>null;"},
        {"INSERT INTO projects (logikal_id, name, directory_id) SELECT 'p', 'Haus', id FROM directories WHERE name = "
         "'D 1'",
         "project created name=null>\"Haus\" directory_id=null>1;"},
        {"UPDATE projects SET directory_id = 2, name = 'Haus B'",
         "project moved name=\"Haus\">\"Haus B\" directory_id=1>2;"},
        {"UPDATE projects SET synced_at = now(), last_sync_date = now(), updated_at = now(), sync_status = 'x'", ""},
        {"UPDATE projects SET name = name", ""},
        {"INSERT INTO phases (logikal_id, name, project_id) VALUES ('h', 'Phase', 1)",
         "phase created name=null>\"Phase\" project_id=null>1;"},
        {"INSERT INTO elevations (logikal_id, name, phase_id, project_id) VALUES ('e1', 'P01', 1, 1)",
         "elevation created name=null>\"P01\" phase_id=null>1;"},
        {"UPDATE elevations SET width = 1200.5, amount = 3", "elevation changed width=null>1200.5 amount=null>3;"},
        {"UPDATE elevations SET deleted_at = now(), name = 'P1'",
         "elevation vanished name=\"P01\">\"P1\" deleted_at=null>T;"},
        {"UPDATE elevations SET deleted_at = now() + interval '1 s'", "elevation changed deleted_at=T>T;"},
        {"UPDATE elevations SET deleted_at = NULL", "elevation returned deleted_at=T>null;"},
        {"INSERT INTO elevation_thumbnails (elevation_id, content, sha256, size_bytes) VALUES (1, 'x', 'aa', 1)",
         "thumbnail created sha256=null>\"aa\" size_bytes=null>1;"},
        {"UPDATE elevation_thumbnails SET content = 'y', sha256 = 'bb', fetched_at = now()",
         "thumbnail changed sha256=\"aa\">\"bb\";"},
        {"INSERT INTO elevation_parts_lists (elevation_id, content, sha256, size_bytes) VALUES (1, 'x', 'cc', 5)",
         "parts_list created sha256=null>\"cc\" size_bytes=null>5;"},
        {"UPDATE elevation_parts_lists SET content = NULL, sha256 = NULL, size_bytes = NULL",
         "parts_list vanished sha256=\"cc\">null size_bytes=5>null;"},
        {"INSERT INTO elevation_glass (elevation_id, glass_id, name) VALUES (1, 'G1', 'Float 4')",
         "glass created name=null>\"Float 4\" glass_id=null>\"G1\";"},
        {"DELETE FROM elevation_glass", "glass deleted name=\"Float 4\">null glass_id=\"G1\">null;"},
        {"INSERT INTO elevations (logikal_id, name, phase_id, project_id) VALUES ('e1', 'P2', 1, 1) ON CONFLICT "
         "(logikal_id)"
         " DO UPDATE SET name = excluded.name",
         "elevation changed name=\"P1\">\"P2\";"},
        {"TRUNCATE elevation_glass", "glass truncated;"},
    };
    char cursor[100];
    feed_cursor_now(cursor);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        pg_exec(&feed.web.pg, steps[i][0]);

        const char *told = feed_story(cursor);

        if (strcmp(told, steps[i][1]) != 0) printf("%s\n", steps[i][0]);
        assert_string_equal(told, steps[i][1]);
    }
    pg_exec(&feed.web.pg, "UPDATE elevations SET description = repeat('ä', 400)");
    assert_non_null(strstr(feed_story(cursor), "\"size\":800"));
}

TEST(test_run_task_and_project_are_told)
{
    char cursor[100], query[160];
    feed_cursor_now(cursor);

    pg_exec(&feed.web.pg, "BEGIN; SET LOCAL logikald.run_id = '42'; SET LOCAL logikald.task_id = 'task-7';"
                          " UPDATE elevations SET name = 'told'; COMMIT");

    snprintf(query, sizeof query, "?since=%s&types=elevation&project=p", cursor);
    cJSON *page = feed_page(query), *change = cJSON_GetArrayItem(cJSON_GetObjectItem(page, "changes"), 0);
    assert_int_equal(cJSON_GetObjectItem(change, "run_id")->valueint, 42);
    assert_string_equal(feed_text(change, "task_id"), "task-7");
    assert_string_equal(feed_text(change, "project_logikal_id"), "p");
    assert_string_equal(feed_text(change, "logikal_id"), "e1");
    cJSON_Delete(page);
    static const char *const unknown[] = {"other", "p,other", "99999", "4d7a5f0e-0000-4000-8000-000000000000"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        snprintf(query, sizeof query, "?since=%s&project=%s", cursor, unknown[i]);
        struct http_reply reply = feed_ask(query, feed.token, i % 2 ? "Accept: application/x-ndjson" : NULL);
        if (reply.status != 404 || !strstr(reply.body, i == 1 ? "known as other:" : unknown[i]))
            fail_msg("%s: %d %s", query, reply.status, reply.body);
        http_reply_free(&reply);
    }
    snprintf(query, sizeof query, "?since=%s&types=glass,phase", cursor);
    page = feed_page(query);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(page, "changes")), 0);
    cJSON_Delete(page);
}

/* ---- writers that commit out of order ---- */

/* "type operation id;..." of what a reader of one project is told, with pages as small as can be. */
static char *told_of(const char *since, const char *project, const char *more)
{
    static char out[4000];
    char cursor[100], query[300];
    size_t n = 0;
    bool has_more = true;
    snprintf(cursor, sizeof cursor, "%s", since);
    for (out[0] = 0; has_more;) {
        snprintf(query, sizeof query, "?since=%s&limit=1&project=%s%s", cursor, project, more);
        cJSON *page = feed_page(query), *change;
        cJSON_ArrayForEach(change, cJSON_GetObjectItem(page, "changes"))
            n += (size_t)snprintf(out + n, sizeof out - n, "%s %s %s;", feed_text(change, "type"),
                                  feed_text(change, "operation"), feed_text(change, "logikal_id"));
        has_more = cJSON_IsTrue(cJSON_GetObjectItem(page, "has_more"));
        feed_take_cursor(page, cursor);
        cJSON_Delete(page);
    }
    return out;
}

TEST(test_a_reader_of_one_project_is_told_what_left_it)
{
    char cursor[100], row[24], object[40], *value;
    pg_exec(&feed.web.pg,
            "INSERT INTO projects (logikal_id, name) VALUES ('left', 'L'), ('right', 'R'), ('third', 'T')");
    pg_exec(&feed.web.pg,
            "INSERT INTO phases (logikal_id, name, project_id) SELECT 'ph-' || logikal_id, 'x', id FROM projects"
            " WHERE logikal_id IN ('left', 'right', 'third')");
    pg_exec(&feed.web.pg,
            "INSERT INTO elevations (logikal_id, name, phase_id, project_id) SELECT 'e-' || p.logikal_id || i,"
            " 'x', h.id, p.id FROM projects p JOIN phases h ON h.project_id = p.id, generate_series(1, 3) i"
            " WHERE p.logikal_id IN ('left', 'third')");
    feed_cursor_now(cursor);
    value = pg_value(&feed.web.pg, "SELECT id FROM projects WHERE logikal_id = 'left'");
    snprintf(row, sizeof row, "%s", value);
    free(value);
    value = pg_value(&feed.web.pg, "SELECT id FROM elevations WHERE logikal_id = 'e-left2'");
    snprintf(object, sizeof object, "&object=%s", value);
    free(value);

    /* Those of two projects go to a third in one statement. */
    pg_exec(&feed.web.pg,
            "UPDATE elevations SET phase_id = h.id, project_id = h.project_id FROM phases h WHERE h.logikal_id ="
            " 'ph-right' AND elevations.logikal_id IN ('e-third1', 'e-third2', 'e-left1', 'e-left2')");
    assert_string_equal(told_of(cursor, "left", ""), "elevation moved e-left1;elevation moved e-left2;");
    assert_string_equal(told_of(cursor, "third", ""), "elevation moved e-third1;elevation moved e-third2;");
    assert_string_equal(told_of(cursor, row, object), "elevation moved e-left2;");
    assert_string_equal(told_of(cursor, "third", object), "");
    assert_string_equal(told_of(cursor, "left", "&types=phase"), "");

    feed_cursor_now(cursor);
    pg_exec(&feed.web.pg, "DELETE FROM elevations WHERE logikal_id = 'e-left3'");
    pg_exec(&feed.web.pg, "DELETE FROM phases WHERE logikal_id = 'ph-left'");
    pg_exec(&feed.web.pg, "DELETE FROM projects WHERE logikal_id = 'left'");
    static const char all[] = "elevation deleted e-left3;phase deleted ph-left;project deleted left;";
    assert_string_equal(told_of(cursor, "left", ""), all);
    assert_string_equal(told_of(cursor, row, ""), all);
    pg_exec(&feed.web.pg, "INSERT INTO projects (logikal_id, name) VALUES ('left', 'again')");
    assert_non_null(strstr(told_of(cursor, "left", ""), "project deleted left;project created left;"));
    assert_string_equal(told_of(cursor, "third", ""), "");
}

TEST(test_a_project_is_asked_for_in_any_spelling_and_in_a_list)
{
    static const char *const spellings[] = {
        "ab0c4e29-77b1-4f0e-9d3a-00c1d2e3f4a5",          "AB0C4E29-77B1-4F0E-9D3A-00C1D2E3F4A5",
        "%7Bab0c4e29-77b1-4f0e-9d3a-00c1d2e3f4a5%7D",    "AB0C4E2977B14F0E9D3A00C1D2E3F4A5",
        "quiet,%20AB0C4E29-77B1-4F0E-9D3A-00C1D2E3F4A5", "%20ab0c4e29-77b1-4f0e-9d3a-00c1d2e3f4a5%20,quiet"};
    char cursor[100];
    pg_exec(&feed.web.pg, "INSERT INTO projects (logikal_id, name) VALUES ('quiet', 'Q')");
    feed_cursor_now(cursor);
    pg_exec(&feed.web.pg,
            "INSERT INTO projects (logikal_id, name) VALUES ('ab0c4e29-77b1-4f0e-9d3a-00c1d2e3f4a5', 'S'),"
            " ('unasked', 'U')");

    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
        assert_string_equal(told_of(cursor, spellings[i], ""), "project created ab0c4e29-77b1-4f0e-9d3a-00c1d2e3f4a5;");
    pg_exec(&feed.web.pg, "DELETE FROM projects WHERE name = 'S'");
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
        assert_non_null(strstr(told_of(cursor, spellings[i], ""), ";project deleted ab0c4e29"));
}

TEST(test_what_goes_with_its_parent_is_told_with_its_ids)
{
    char cursor[100], query[200];
    int count = 0;
    pg_exec(&feed.web.pg, "INSERT INTO projects (logikal_id, name) VALUES ('whole', 'W')");
    pg_exec(&feed.web.pg,
            "INSERT INTO elevations (logikal_id, name, project_id) SELECT 'whole-' || i, 'x', id FROM projects,"
            " generate_series(1, 3) i WHERE logikal_id = 'whole'");
    pg_exec(&feed.web.pg, "INSERT INTO elevation_thumbnails (elevation_id, sha256) SELECT id, 'a' FROM elevations"
                          " WHERE logikal_id LIKE 'whole-%'");
    pg_exec(&feed.web.pg, "INSERT INTO elevation_parts_lists (elevation_id, sha256) SELECT id, 'b' FROM elevations"
                          " WHERE logikal_id IN ('whole-1', 'whole-3')");
    feed_cursor_now(cursor);

    /* one by a statement of its own, two at once and with their project, one of them without its thumbnail by then */
    pg_exec(&feed.web.pg, "DELETE FROM elevations WHERE logikal_id = 'whole-1'");
    pg_exec(&feed.web.pg,
            "BEGIN; DELETE FROM elevation_thumbnails t USING elevations e WHERE e.id = t.elevation_id AND"
            " e.logikal_id = 'whole-2'; WITH gone AS (DELETE FROM elevations WHERE logikal_id LIKE 'whole-%'"
            " RETURNING id) SELECT count(*) FROM gone; DELETE FROM projects WHERE logikal_id = 'whole'; COMMIT");

    snprintf(query, sizeof query, "?since=%s&project=whole", cursor);
    cJSON *page = feed_page(query), *change;
    cJSON_ArrayForEach(change, cJSON_GetObjectItem(page, "changes")) {
        const char *id = feed_text(change, "logikal_id");
        assert_string_equal(feed_text(change, "operation"), "deleted");
        assert_string_equal(feed_text(change, "project_logikal_id"), "whole");
        assert_non_null(id);
        assert_int_equal(strncmp(id, "whole", 5), 0);
        count++;
    }
    cJSON_Delete(page);
    assert_int_equal(count, 3 + 3 + 2 + 1);
    assert_int_equal(pg_int(&feed.web.pg, "SELECT count(*) FROM changes_leaving"), 0);
}

/* ---- waiting ---- */

TEST(test_both_rights_are_needed)
{
    char *half = web_client(&feed.web, "half", "[\"projects:read\"]"),
         *other = web_client(&feed.web, "half2", "[\"elevations:read\"]");
    struct http_reply a = feed_ask("", half, NULL), b = feed_ask("", other, NULL);
    assert_int_equal(a.status, 403);
    assert_int_equal(b.status, 403);
    http_reply_free(&a);
    http_reply_free(&b);
    free(half);
    free(other);
}

/* ---- cursors, lines, age ---- */

TEST(test_what_is_no_cursor_is_refused)
{
    static const char *const bad[] = {
        "x",      "1-2-3",      "1-2-3-4-5",    "-1-2-3-4", "1--2-3-4", "1-2-3-4%20", "1-2-3-99999999999999999999",
        "1-2-3-", "%2B1-2-3-4", "1-2-3-4;drop", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char query[120];
        snprintf(query, sizeof query, "?since=%s", bad[i]);
        struct http_reply reply = feed_ask(query, feed.token, NULL);
        if (reply.status != 422) printf("%s\n", query);
        assert_int_equal(reply.status, 422);
        http_reply_free(&reply);
    }
    static const char *const queries[] = {"?types=window",
                                          "?types=project,",
                                          "?limit=0",
                                          "?limit=10001",
                                          "?wait=56",
                                          "?wait=-1",
                                          "?types=glass&types=phase",
                                          "?project=1&project=2",
                                          "?project=",
                                          "?project=%20,"};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        struct http_reply reply = feed_ask(queries[i], feed.token, NULL);
        if (reply.status != (i == 1 ? 200 : 422)) printf("%s\n", queries[i]);
        assert_int_equal(reply.status, i == 1 ? 200 : 422);
        http_reply_free(&reply);
    }
}

TEST(test_lines_are_streamed_and_end_with_the_cursor)
{
    char cursor[100], query[200];
    feed_cursor_now(cursor);
    pg_exec(&feed.web.pg,
            "INSERT INTO elevations (logikal_id, name, phase_id, project_id) SELECT 's' || i, 'S ' || i, 1, 1"
            " FROM generate_series(1, 2600) i");
    snprintf(query, sizeof query, "?since=%s&limit=2550", cursor);

    struct http_reply reply = feed_ask(query, feed.token, "Accept: application/x-ndjson");

    assert_int_equal(reply.status, 200);
    int lines = 0;
    char last[100] = "";
    for (char *save = NULL, *line = strtok_r(reply.body, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        cJSON *change = cJSON_Parse(line);
        assert_non_null(change);
        if (cJSON_GetObjectItem(change, "next"))
            feed_take_cursor(change, last);
        else
            lines++;
        cJSON_Delete(change);
    }
    assert_int_equal(lines, 2550);
    snprintf(query, sizeof query, "?since=%s", last);
    cJSON *page = feed_page(query);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(page, "changes")), 50);
    cJSON_Delete(page);
    http_reply_free(&reply);
}

TEST(test_a_cursor_older_than_what_is_kept_is_gone_and_start_still_works)
{
    char cursor[100], query[200];
    feed_cursor_now(cursor);
    pg_exec(&feed.web.pg, "UPDATE directories SET name = 'old' WHERE logikal_id = 'd1'");
    pg_exec(&feed.web.pg, "UPDATE directories SET name = 'new' WHERE logikal_id = 'd1'");
    /* as the cleanup task does it, for all but the newest block */
    pg_exec(&feed.web.pg,
            "WITH gone AS (DELETE FROM changes WHERE (epoch, xid, seq) < (SELECT epoch, xid, seq FROM changes ORDER BY"
            " epoch DESC, xid DESC, seq DESC LIMIT 1) RETURNING epoch, xid, seq) UPDATE changes_state s SET"
            " pruned_epoch = g.epoch, pruned_xid = g.xid, pruned_seq = g.seq FROM (SELECT * FROM gone ORDER BY"
            " epoch DESC, xid DESC, seq DESC LIMIT 1) g");
    snprintf(query, sizeof query, "?since=%s", cursor);

    struct http_reply reply = feed_ask(query, feed.token, NULL);

    assert_int_equal(reply.status, 410);
    assert_non_null(strstr(reply.body, "CURSOR_EXPIRED"));
    http_reply_free(&reply);
    cJSON *page = feed_page("?since=start");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(page, "changes")), 1);
    cJSON_Delete(page);
    reply = feed_ask("?since=1-999999999999-0-0", feed.token, NULL);
    assert_int_equal(reply.status, 410);
    assert_non_null(strstr(reply.body, "CURSOR_UNKNOWN"));
    http_reply_free(&reply);
}

TEST(test_a_restored_database_begins_a_new_epoch)
{
    char cursor[100];
    feed_cursor_now(cursor);
    pg_exec(&feed.web.pg, "UPDATE changes SET xid = (xid::text::bigint + 1000000)::text::xid8");

    web_stop(&feed.web);
    web_migrate(&feed.web);
    static const char *const environment[] = {"RATE_LIMIT_PER_MINUTE=0", "RATE_LIMIT_PER_HOUR=0", "LOG_LEVEL=warning",
                                              NULL};
    web_run(&feed.web, environment, true);

    cJSON *page = feed_page("?since=start");
    assert_true(cJSON_GetArraySize(cJSON_GetObjectItem(page, "changes")) > 0);
    assert_true(strncmp(feed_text(page, "next"), "3-", 2) == 0);
    cJSON_Delete(page);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_each_kind_of_change_is_told_with_before_and_after),
    cmocka_unit_test(test_run_task_and_project_are_told),
    cmocka_unit_test(test_a_reader_of_one_project_is_told_what_left_it),
    cmocka_unit_test(test_a_project_is_asked_for_in_any_spelling_and_in_a_list),
    cmocka_unit_test(test_what_goes_with_its_parent_is_told_with_its_ids),
    cmocka_unit_test(test_both_rights_are_needed),
    cmocka_unit_test(test_what_is_no_cursor_is_refused),
    cmocka_unit_test(test_lines_are_streamed_and_end_with_the_cursor),
    cmocka_unit_test(test_a_cursor_older_than_what_is_kept_is_gone_and_start_still_works),
    cmocka_unit_test(test_a_restored_database_begins_a_new_epoch),
};
TEST_MAIN(tests, feed_start, feed_stop)
