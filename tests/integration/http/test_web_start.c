/* Web processes that start before, beside or after others: on a database that nobody has migrated yet, on one that a
 * newer program has migrated, two behind one balancer without a configured key, and without PostgreSQL. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/support/web.h"

#define MONITOR "0123456789abcdefghijk-monitor"
static const char *const keyless[] = {"JWT_SECRET_KEY=", "SECRET_KEY=", "LOG_LEVEL=warning", "METRICS_TOKEN=" MONITOR,
                                      NULL};

static bool ready_says(struct web_server *w, const char *text)
{
    struct http_reply reply = web_call(w, "GET", "/api/v1/health/ready", NULL, NULL);
    bool is_so = reply.status == 503 && reply.body && strstr(reply.body, text);
    http_reply_free(&reply);
    return is_so;
}

static void migrate(struct web_server *w)
{
    char url[300], *output = NULL;
    snprintf(url, sizeof url, "DATABASE_URL=%s", w->pg.url);
    char *argv[] = {(char *)support_program("logikald-roles"), "migrate", NULL};
    if (process_run(argv, (char *const[]){url, NULL}, &output) != 0) fail_msg("migrate: %s", output);
    free(output);
}

TEST(test_it_is_not_ready_before_the_database_is_migrated)
{
    struct web_server web = {0};
    pg_start(&web.pg);
    web_run_unready(&web, keyless);

    WAIT_UNTIL(ready_says(&web, "(first: 0000_"), 15000);
    struct http_reply detail = web_call(&web, "GET", "/api/v1/health/detailed", MONITOR, NULL);
    assert_int_equal(detail.status, 503);
    assert_non_null(strstr(detail.body, "not migrated"));
    http_reply_free(&detail);
    assert_int_equal(web_status(&web, "GET", "/health", NULL, NULL), 200);
    assert_int_equal(web_status(&web, "GET", "/api/v1/projects/cached", "a.b.c", NULL), 503);

    migrate(&web);
    WAIT_UNTIL(web_status(&web, "GET", "/api/v1/health/ready", NULL, NULL) == 200, 20000);
    web_log_in(&web);
    assert_int_equal(web_status(&web, "GET", "/api/v1/projects/cached", web.admin, NULL), 200);

    pg_exec(&web.pg, "DELETE FROM logikald_migrations WHERE name = '0022_web_keys.sql'");
    WAIT_UNTIL(ready_says(&web, "lacks 1 migrations of this version (first: 0022_web_keys.sql)"), 20000);
    web_end(&web);
}

TEST(test_a_database_of_a_newer_version_is_served)
{
    struct web_server web = {0};
    web_servers(&web);
    pg_exec(&web.pg, "INSERT INTO logikald_migrations (name, hash) VALUES ('9999_future.sql', 'x')");
    web_run(&web, keyless, true);

    struct http_reply detail = web_call(&web, "GET", "/api/v1/health/detailed", MONITOR, NULL);
    assert_non_null(strstr(detail.body, "\"migrations_newer\":1"));
    http_reply_free(&detail);
    web_end(&web);
}

TEST(test_processes_without_a_configured_key_take_each_others_tokens)
{
    struct web_server one = {0}, two = {0};
    web_servers(&one);
    two.pg = one.pg;
    web_run(&one, keyless, true);
    web_run(&two, keyless, true);
    web_log_in(&one);
    char *token = web_client(&one, "reader", "[\"projects:read\"]");

    assert_int_equal(web_status(&one, "GET", "/api/v1/projects/cached", token, NULL), 200);
    assert_int_equal(web_status(&two, "GET", "/api/v1/projects/cached", token, NULL), 200);
    web_stop(&one);
    web_stop(&two);
    web_run(&one, keyless, true);
    assert_int_equal(web_status(&one, "GET", "/api/v1/projects/cached", token, NULL), 200);
    token[strlen(token) - 5] ^= 1;
    assert_int_equal(web_status(&one, "GET", "/api/v1/projects/cached", token, NULL), 401);

    char *key = pg_value(&one.pg, "SELECT key FROM web_keys"), *log = process_log(&one.process);
    assert_int_equal(strlen(key), 64);
    assert_null(strstr(log, key));
    free(key);
    free(log);
    free(token);
    web_end(&one);
}

TEST(test_postgresql_that_comes_later_brings_the_key)
{
    struct web_server web = {0};
    web_servers(&web);
    web_run(&web, keyless, true);
    web_log_in(&web);
    char *token = web_client(&web, "reader", "[\"projects:read\"]");
    web_stop(&web);
    pg_kill(&web.pg);

    web_run_unready(&web, keyless);
    WAIT_UNTIL(ready_says(&web, "PostgreSQL is unreachable"), 15000);
    struct http_reply reply = web_call(&web, "GET", "/api/v1/projects/cached", token, NULL);
    assert_int_equal(reply.status, 503); /* not 401: the token is good, which cannot be told now */
    assert_non_null(strstr(reply.body, "PostgreSQL"));
    http_reply_free(&reply);

    pg_restart(&web.pg);
    WAIT_UNTIL(web_status(&web, "GET", "/api/v1/health/ready", NULL, NULL) == 200, 20000);
    assert_int_equal(web_status(&web, "GET", "/api/v1/projects/cached", token, NULL), 200);
    free(token);
    web_end(&web);
}

TEST(test_production_does_not_start_without_a_key)
{
    char *output = NULL;
    char *argv[] = {(char *)support_program("logikald-roles"), "web", NULL};
    char *env[] = {"ENVIRONMENT=production", "SECRET_KEY=5f0c1c1be38647b8a7b3d9a5f4a1e6c2",
                   "ADMIN_PASSWORD=Vm2x9QwZ7rTb4", "PORT=0", NULL};

    assert_int_equal(process_run(argv, env, &output), 78);
    assert_non_null(strstr(output, "JWT_SECRET_KEY"));
    free(output);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_it_is_not_ready_before_the_database_is_migrated),
    cmocka_unit_test(test_a_database_of_a_newer_version_is_served),
    cmocka_unit_test(test_processes_without_a_configured_key_take_each_others_tokens),
    cmocka_unit_test(test_postgresql_that_comes_later_brings_the_key),
    cmocka_unit_test(test_production_does_not_start_without_a_key),
};
TEST_MAIN(tests, NULL, NULL)
