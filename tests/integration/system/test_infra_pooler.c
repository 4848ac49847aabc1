/* Connection poolers between us and PostgreSQL: what a sync writes is what the upstream has, whichever server session
 * each transaction gets; what cannot work is refused by name. */
#include "tests/support/sync_truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/store/db/db.h"
#include "services/store/db/db_session.h"
#include "services/store/sync/staging/sync_stage.h"
#include "services/store/sync/staging/sync_tree.h"
#include "services/store/lease.h"
#include "tests/support/servers/pooler.h"
#include "tests/support/web.h"

#define OTHERS 2

SYNC_WORLD("--directories 3 --depth 2 --projects 4 --phases 3 --elevations 3")

static const char all_dropped[] = "ignore_startup_parameters = extra_float_digits,options\n";

/* Clients that keep the pool's server connections moving between owners. */
static void start_others(struct process *others, const char *url)
{
    static const char *const tables[OTHERS] = {"elevations", "projects"};
    for (int i = 0; i < OTHERS; i++) {
        char command[600];
        snprintf(command, sizeof command,
                 "while :; do printf 'SELECT count(*) FROM %s \\\\watch 0.01\\n' | psql -qAt '%s'; sleep 0.05; done"
                 " >/dev/null 2>&1",
                 tables[i], url);
        char *const argv[] = {(char *)"sh", (char *)"-c", command, NULL};
        process_start(&others[i], "others", argv, NULL);
    }
}

static void stop_others(struct process *others)
{
    for (int i = 0; i < OTHERS; i++) process_stop(&others[i]);
}

static void sync_through(const char *mode, const char *more, int syncs)
{
    struct pooler pooler;
    struct process others[OTHERS];
    pooler_start(&pooler, &world.pg, mode, more);
    world.database_url = pooler.url;
    sync_world_clear(&world); /* migrates through it, too */
    start_others(others, pooler.url);

    for (int i = 0; i < syncs; i++) sync_all(&world, true);

    stop_others(others);
    world.database_url = NULL;
    sync_world_settings(&world, false);
    assert_truth(&world, true);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE deleted_at IS NOT NULL"), 0);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM phases WHERE deleted_at IS NOT NULL"), 0);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM sync_stages"), 0);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM sync_stage_elevations"), 0);
    pooler_stop(&pooler);
}

TEST(test_transaction_pool_as_delivered)
{
    sync_through("transaction", "default_pool_size = 5\n", 1);
}

TEST(test_transaction_pool_dealt_in_turn)
{
    char more[200];
    snprintf(more, sizeof more, "default_pool_size = 5\nserver_round_robin = 1\n%s", all_dropped);
    sync_through("transaction", more, 3);
}

TEST(test_transaction_pool_of_one)
{
    sync_world_settings(&world, true); /* which reach it through the pool, too */
    sync_through("transaction", "default_pool_size = 1\n", 1);
}

TEST(test_session_pool)
{
    char more[200];
    snprintf(more, sizeof more, "default_pool_size = 12\n%s", all_dropped);
    sync_through("session", more, 1);
}

TEST(test_statement_pool_is_refused_by_name)
{
    struct pooler pooler;
    char *output = NULL, url[300];
    pooler_start(&pooler, &world.pg, "statement", "");
    snprintf(url, sizeof url, "DATABASE_URL=%s", pooler.url);
    char *const env[] = {url, NULL};
    char *const check[] = {(char *)(uintptr_t)support_program("logikald"), (char *)"check", NULL};

    assert_int_not_equal(process_run(check, env, &output), 0);

    if (!strstr(output, "statement mode")) fail_msg("%s", output);
    free(output);

    struct web_server web = {.pg = world.pg};
    snprintf(web.pg.url, sizeof web.pg.url, "%s", pooler.url);
    web_run_unready(&web, NULL);
    struct http_reply reply = {0};
    int64_t deadline = support_deadline(10000);
    do {
        http_reply_free(&reply);
        reply = web_call(&web, "GET", "/api/v1/health/ready", NULL, NULL);
    } while (!(reply.body && strstr(reply.body, "statement mode")) && !support_late(deadline));
    assert_int_equal(reply.status, 503);
    if (!strstr(reply.body, "statement mode")) fail_msg("%s", reply.body);
    WAIT_UNTIL(process_logged(&web.process, "statement mode"), 10000);
    http_reply_free(&reply);
    web_stop(&web);
    pooler_stop(&pooler);
}

TEST(test_settings_hold_in_every_transaction)
{
    struct pooler pooler;
    struct err err = {0};
    char url[400];
    pooler_start(&pooler, &world.pg, "transaction", "default_pool_size = 3\nserver_round_robin = 1\n");
    pg_exec(&world.pg, "CREATE SCHEMA IF NOT EXISTS \"their own\"");
    snprintf(url, sizeof url, "%s&options=-c%%20search_path%%3D%%22their%%5C%%20own%%22%%20--work-mem%%3D3MB",
             pooler.url);
    struct db *db = db_open(url, NULL, 7000, "test", &err), *other = db_open(pooler.url, NULL, 9000, "test", &err);
    if (!db || !other) fail_msg("%s", err.text);
    assert_true(db_session(db)->is_pooled);

    for (int i = 0; i < 12; i++) {
        PGresult *r = db_query(i % 2 ? db : other, &err,
                               "SELECT current_setting('statement_timeout'), current_setting('timezone'),"
                               " current_setting('work_mem'), current_schema()",
                               0, NULL);
        if (!r) fail_msg("%s", err.text);
        assert_string_equal(db_text(r, 0, 0), i % 2 ? "7s" : "9s");
        assert_string_equal(db_text(r, 0, 1), "UTC");
        assert_string_equal(db_text(r, 0, 2), i % 2 ? "3MB" : "4MB");
        assert_string_equal(db_text(r, 0, 3), i % 2 ? "their own" : "public");
        PQclear(r);
    }
    static const char often[] = "SELECT count(*) + $1::integer FROM pg_prepared_statements";
    for (int i = 0; i < 6; i++) { /* nothing is prepared, on no session */
        const char *const values[] = {"7"};
        const int lengths[] = {0};
        PGresult *r = db_query_often(db, &err, often, 1, values, lengths);
        if (!r) fail_msg("%s", err.text);
        assert_int_equal(db_int(r, 0, 0), 7);
        PQclear(r);
    }
    assert_int_equal(db_script(db, &err, "CREATE TABLE mine (x integer)"), 0);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM \"their own\".mine"), 0);
    assert_int_equal(pg_int(&world.pg, "SELECT count(to_regclass('public.mine'))"), 0);
    db_close(db);
    db_close(other);
    pooler_stop(&pooler);
}

/* A pooler keeps our connection while the server behind it crashes, which empties what is staged. */
TEST(test_stage_that_a_crash_emptied_deletes_nothing)
{
    struct pooler pooler;
    struct err err = {0};
    struct stage stage;
    struct lease lease;
    struct apply_counts counts;
    pooler_start(&pooler, &world.pg, "transaction", "default_pool_size = 2\n");
    world.database_url = pooler.url;
    sync_world_clear(&world);
    sync_all(&world, true);
    world.database_url = NULL;
    struct db *db = db_open(pooler.url, NULL, 10000, "test", &err);
    assert_int_equal(lease_acquire(db, &lease, "tree", "test", 600000, &err), 0);
    assert_int_equal(stage_open(&stage, db, &lease, 100, &err), 0);
    assert_int_equal(tree_mark_listed(&stage, 'd', NULL, &err), 0);

    pg_kill(&world.pg);
    pg_restart(&world.pg);
    PGresult *r = NULL;
    WAIT_UNTIL((r = db_query(db, &err, "SELECT 1", 0, NULL)) != NULL || !db_is_alive(db), 20000);
    PQclear(r);

    assert_true(db_is_alive(db)); /* else this test shows nothing */
    assert_int_equal(tree_apply_directories(&stage, &lease, true, &counts, &err), -ERR_CONFLICT);
    assert_non_null(strstr(err.text, "staged is gone"));
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM directories WHERE deleted_at IS NOT NULL"), 0);
    stage_close(&stage);
    lease_release(db, &lease);
    db_close(db);
    pooler_stop(&pooler);
}

/* Logins, lists and answers of the web process are the same through a pool of two that deals in turn. */
TEST(test_web_through_a_pool)
{
    static const char *const paths[] = {"/api/v1/projects/cached", "/api/v1/elevations/cached",
                                        "/api/v1/directories/cached", "/api/v1/phases/cached"};
    struct pooler pooler;
    struct web_server web = {.pg = world.pg};
    struct http_reply direct[4];
    char more[200];
    sync_world_clear(&world);
    sync_all(&world, true);
    web_run(&web, NULL, true);
    web_log_in(&web);
    char *token = web_client(&web, "erp", "[\"projects:read\",\"elevations:read\"]");
    for (int i = 0; i < 4; i++) direct[i] = web_call(&web, "GET", paths[i], token, NULL);
    web_stop(&web);
    snprintf(more, sizeof more, "default_pool_size = 2\nserver_round_robin = 1\n%s", all_dropped);
    pooler_start(&pooler, &world.pg, "transaction", more);
    snprintf(web.pg.url, sizeof web.pg.url, "%s", pooler.url);
    struct process others[OTHERS];
    start_others(others, pooler.url);

    web_run(&web, NULL, true);

    for (int i = 0; i < 80; i++) {
        char path[100];
        snprintf(path, sizeof path, "%s?x=%d", paths[i % 4], i);
        struct http_reply reply = web_call(&web, "GET", path, token, NULL);
        assert_int_equal(reply.status, 200);
        assert_string_equal(reply.body, direct[i % 4].body);
        http_reply_free(&reply);
    }
    web_log_in(&web); /* writes */
    WAIT_UNTIL(process_logged(&web.process, "a connection pooler is between us"), 5000);
    stop_others(others);
    web_stop(&web);
    pooler_stop(&pooler);
    for (int i = 0; i < 4; i++) http_reply_free(&direct[i]);
    free(token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transaction_pool_as_delivered),
        cmocka_unit_test(test_transaction_pool_dealt_in_turn),
        cmocka_unit_test(test_transaction_pool_of_one),
        cmocka_unit_test(test_session_pool),
        cmocka_unit_test(test_statement_pool_is_refused_by_name),
        cmocka_unit_test(test_settings_hold_in_every_transaction),
        cmocka_unit_test(test_web_through_a_pool),
        cmocka_unit_test(test_stage_that_a_crash_emptied_deletes_nothing),
    };
    if (!pooler_is_installed()) {
        print_message("skipped: pgbouncer is not installed\n[ RUN      ] none\n[       OK ] none\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, start, stop);
}
