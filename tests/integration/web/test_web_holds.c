/* What the sync holds back, over HTTP, on the page, in the metrics and by the command. */
#include "tests/support/web.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

WEB_WORLD(NULL)

/* A tree of 1 directory, 2 projects, 2 phases, 4 elevations, all of it held. */
static int64_t make_hold(void)
{
    pg_exec(
        &web.pg,
        "TRUNCATE directories, projects, phases, elevations, sync_missing, sync_holds CASCADE;"
        "INSERT INTO directories (id, logikal_id, name, full_path, upstream_path, upstream_chain, exclude_from_sync) "
        "VALUES"
        " (1, 'Firma', 'Firma', 'Firma', 'Firma', 'Firma', false);"
        "INSERT INTO projects (id, logikal_id, name, directory_id, status) VALUES (1, 'p1', 'Süd <b>', 1, 'active'),"
        " (2, 'p2', 'Nord', 1, 'active');"
        "INSERT INTO phases (id, logikal_id, name, project_id, sync_status) VALUES (1, 'h', 'A', 1, 'synced'),"
        " (2, 'h', 'A', 2, 'synced');"
        "INSERT INTO elevations (id, logikal_id, name, project_id, phase_id) SELECT i, 'e' || i, 'P' || i,"
        " (i + 1) / 2, (i + 1) / 2 FROM generate_series(1, 4) i;"
        "INSERT INTO sync_holds (reason, directories, projects, phases, elevations, run_id) VALUES ('mass', 1, 2, 2, "
        "4, 7);"
        "INSERT INTO sync_missing (object_type, object_id, state, run_id, hold_id) SELECT 'directory', 1, 'held', 7, id"
        " FROM sync_holds");
    return pg_int(&web.pg, "SELECT max(id) FROM sync_holds");
}

static int64_t living(void)
{
    return pg_int(&web.pg,
                  "SELECT (SELECT count(*) FROM directories WHERE deleted_at IS NULL) + (SELECT count(*) FROM"
                  " projects WHERE deleted_at IS NULL) + (SELECT count(*) FROM phases WHERE deleted_at IS NULL)"
                  " + (SELECT count(*) FROM elevations WHERE deleted_at IS NULL)");
}

static void assert_says(const char *path, const char *words)
{
    struct http_reply reply = web_call(&web, "GET", path, web.admin, NULL);
    if (reply.status != 200 || !strstr(reply.body, words))
        fail_msg("%s: %d without %s: %s", path, reply.status, words, reply.body);
    http_reply_free(&reply);
}

static bool page_says(const char *words)
{
    struct http_reply reply = web_call(&web, "GET", "/ui/", web.admin, NULL);
    bool is_there = strstr(reply.body, words) != NULL;
    http_reply_free(&reply);
    return is_there;
}

static bool health_says(const char *words)
{
    struct http_reply reply = web_call(&web, "GET", "/api/v1/health/detailed", web.admin, NULL);
    bool is_there = strstr(reply.body, words) != NULL;
    http_reply_free(&reply);
    return is_there;
}

TEST(test_hold_is_told_everywhere)
{
    char json[80];
    int64_t id = make_hold();
    snprintf(json, sizeof json, "\"id\" : %lld, \"state\" : \"open\"", (long long)id);
    assert_says("/api/v1/admin/holds", json);
    assert_says("/api/v1/admin/holds?state=open", "\"elevations\" : 4");
    assert_says("/api/v1/admin/holds?state=open", "\"type\" : \"directory\", \"name\" : \"Firma\"");
    WAIT_UNTIL(page_says("1 directories, 2 projects, 2 phases and 4 elevations"), 10000);
    assert_says("/ui/", "Something is wrong");
    assert_says("/ui/", "/refuse");
    assert_says("/metrics", "logikald_sync_held{type=\"elevation\"} 4\n");
    assert_says("/metrics", "logikald_sync_held{type=\"directory\"} 1\n");
    assert_says("/metrics", "logikald_objects{type=\"elevation\",state=\"living\"} 4\n");
    WAIT_UNTIL(health_says("\"elevation\":4") && health_says("\"degraded\""), 20000);
}

TEST(test_applied_by_an_administrator)
{
    char path[100];
    int64_t id = make_hold();
    snprintf(path, sizeof path, "/api/v1/admin/holds/%lld/apply", (long long)id);
    char *client = web_client(&web, "erp", "[\"admin:read\",\"sync:write\"]");
    assert_int_equal(web_status(&web, "POST", path, NULL, NULL), 401);
    assert_true(web_status(&web, "POST", path, client, NULL) >= 401);
    assert_int_equal(web_status(&web, "GET", "/api/v1/admin/holds", client, NULL), 200);
    assert_int_equal(living(), 9);

    struct http_reply reply = web_call(&web, "POST", path, web.admin, NULL);

    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.body, "\"elevations\":4"));
    assert_int_equal(living(), 0);
    assert_int_equal(web_status(&web, "POST", path, web.admin, NULL), 409);
    assert_says("/metrics", "logikald_sync_held{type=\"elevation\"} 0\n");
    assert_says("/metrics", "logikald_objects{type=\"elevation\",state=\"marked\"} 4\n");
    assert_says("/api/v1/admin/holds?state=applied", "\"decided_by\" : \"admin\"");
    WAIT_UNTIL(pg_int(&web.pg,
                      "SELECT count(*) FROM admin_actions WHERE path LIKE '%/holds/%/apply' AND actor = 'admin'") >= 1,
               10000);
    WAIT_UNTIL(!health_says("\"degraded\""), 20000);
    http_reply_free(&reply);
    free(client);
}

TEST(test_refused_and_unknown)
{
    char path[100];
    int64_t id = make_hold();
    snprintf(path, sizeof path, "/api/v1/admin/holds/%lld/refuse", (long long)id);
    assert_int_equal(web_status(&web, "POST", path, web.admin, NULL), 200);
    assert_int_equal(living(), 9);
    assert_int_equal(pg_int(&web.pg, "SELECT count(*) FROM sync_missing WHERE state = 'refused'"), 1);
    assert_int_equal(web_status(&web, "POST", path, web.admin, NULL), 409);
    assert_int_equal(web_status(&web, "POST", "/api/v1/admin/holds/999999/apply", web.admin, NULL), 404);
    assert_int_equal(web_status(&web, "POST", "/api/v1/admin/holds/99999999999999999999999/apply", web.admin, NULL),
                     404);
    assert_int_equal(web_status(&web, "POST", "/api/v1/admin/holds/x/apply", web.admin, NULL), 404);
}

static char *hold_command(const char *verb, const char *id, int *status)
{
    char url[300], *output = NULL;
    snprintf(url, sizeof url, "DATABASE_URL=%s", web.pg.url);
    char *const env[] = {url, NULL};
    char *const argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), (char *)"hold", (char *)(uintptr_t)verb,
                          (char *)(uintptr_t)id, NULL};
    *status = process_run(argv, env, &output);
    return output;
}

TEST(test_by_the_command)
{
    int status;
    char id[20];
    snprintf(id, sizeof id, "%lld", (long long)make_hold());
    char *text = hold_command("list", NULL, &status);
    assert_int_equal(status, 0);
    assert_non_null(strstr(text, "open (mass)"));
    assert_non_null(strstr(text, "4 elevations"));
    free(text);
    text = hold_command("apply", "12345678", &status);
    assert_int_equal(status, 66);
    free(text);
    text = hold_command("apply", "x", &status);
    assert_int_equal(status, 64);
    free(text);
    assert_int_equal(living(), 9);
    text = hold_command("apply", id, &status);
    assert_int_equal(status, 0);
    assert_non_null(strstr(text, "4 elevations"));
    assert_int_equal(living(), 0);
    free(text);
    text = hold_command("refuse", id, &status);
    assert_int_equal(status, 66);
    assert_non_null(strstr(text, "applied already"));
    free(text);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_hold_is_told_everywhere),
    cmocka_unit_test(test_applied_by_an_administrator),
    cmocka_unit_test(test_refused_and_unknown),
    cmocka_unit_test(test_by_the_command),
};
TEST_MAIN(tests, start, stop)
