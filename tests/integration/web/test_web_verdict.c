/* GET /api/v1/verdict on a real PostgreSQL and Redis: each fault is staged, named within its time, and forgotten when
 * it is over; also while both stores are away. */
#include "tests/support/web.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"

#define METRICS_TOKEN "a-token-for-the-monitoring-0123456789"

static struct web_server web;
static struct redis_server redis;

static char *verdict(void)
{
    struct http_reply reply = web_call(&web, "GET", "/api/v1/verdict", METRICS_TOKEN, NULL);
    if (reply.status != 200) fail_msg("the verdict is answered %d: %s", reply.status, reply.body);
    char *body = strdup(reply.body);
    http_reply_free(&reply);
    return body;
}

/* Of what it says about the state and, "" = whatever, somewhere in a problem. */
static bool says(const char *state, const char *words)
{
    char member[40], *body = verdict();
    snprintf(member, sizeof member, "\"state\":\"%s\"", state);
    bool is_so = strstr(body, member) && strstr(body, words);
    free(body);
    return is_so;
}

static bool is_silent_about(const char *words)
{
    char *body = verdict();
    bool is_so = !strstr(body, words);
    free(body);
    return is_so;
}

static void all_is_well(void)
{
    pg_exec(&web.pg,
            "UPDATE object_sync_configs SET last_sync = now(), last_status = 'success', is_sync_enabled = true,"
            " last_finished_status = 'success', last_error = NULL, staleness_threshold_minutes = 30;"
            "TRUNCATE sync_runs, sync_holds CASCADE; DELETE FROM object_sync_configs WHERE priority = 99");
}

/* Statements that stage a fault, and what is said of it. No worker is there in this test, which is said too. */
static const struct {
    const char *sql, *words;
} rows[] = {
    {"UPDATE object_sync_configs SET last_finished_status = 'failed', last_error = 'Logikal refuses the login'",
     "\"hits\":\"7 types: "},
    {"UPDATE object_sync_configs SET last_finished_status = 'failed', last_status = 'running', last_error = 'it is "
     "down'"
     " WHERE object_type = 'project'",
     "The last sync failed: it is down"},
    {"UPDATE object_sync_configs SET last_finished_status = 'partial', last_error = '3 of 5 directories: 403'"
     " WHERE object_type = 'project'",
     "was not complete: 3 of 5 directories: 403"},
    {"UPDATE object_sync_configs SET last_sync = now() - interval '31 minutes' WHERE object_type = 'phase'",
     "older than their threshold: "},
    {"UPDATE object_sync_configs SET last_sync = now() + interval '2 hours' WHERE object_type = 'phase'",
     "2 h in the future"},
    {"UPDATE object_sync_configs SET last_sync = NULL WHERE object_type = 'phase'", "never synced yet"},
    {"UPDATE object_sync_configs SET is_sync_enabled = false, last_sync = now() - interval '10 days' WHERE object_type"
     " = 'elevation'",
     "is switched off, and 10 d old"},
    {"INSERT INTO object_sync_configs (object_type, display_name, sync_interval_minutes, staleness_threshold_minutes,"
     " priority, is_sync_enabled) VALUES ('elevatoin', 'Elevatoins', 60, 90, 99, true)",
     "Nothing in this program syncs Elevatoins"},
    {"INSERT INTO sync_runs (scope, trouble, trouble_since) VALUES ('tree', 'Logikal answered 503 to GET /projects',"
     " now() - interval '40 seconds')",
     "Logikal answered 503 to GET /projects; it is being tried again"},
    {"INSERT INTO sync_holds (reason, directories, projects, phases, elevations, run_id) VALUES ('mass', 1, 2, 3, 4, "
     "7)",
     "1 directories, 2 projects, 3 phases and 4 elevations"},
};

TEST(test_each_fault_of_the_copy_is_named_and_forgotten)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        all_is_well();
        pg_exec(&web.pg, rows[i].sql);
        print_message("%s\n", rows[i].words);
        WAIT_UNTIL(!is_silent_about(rows[i].words) && (i == 0 || is_silent_about(rows[i - 1].words)), 10000);
        assert_false(says("fresh", ""));
    }
    all_is_well();
    WAIT_UNTIL(is_silent_about("hold"), 10000);
}

TEST(test_queues_and_redis)
{
    all_is_well();
    WAIT_UNTIL(says("wrong", "No worker is there"), 10000); /* BACKGROUND_SYNC_ENABLED is true */
    free(redis_cli(&redis, "CONFIG SET maxmemory 100mb"));
    free(redis_cli(&redis, "CONFIG SET maxmemory-policy allkeys-lru"));
    WAIT_UNTIL(says("wrong", "throws keys away"), 15000);
    free(redis_cli(&redis, "CONFIG SET maxmemory 0"));
    WAIT_UNTIL(is_silent_about("throws keys away"), 15000);
    redis_server_kill(&redis);
    WAIT_UNTIL(says("wrong", "Redis: unreachable"), 15000);
    assert_true(is_silent_about("No worker is there")); /* nobody can tell */
    redis_server_restart(&redis);
    WAIT_UNTIL(is_silent_about("Redis: unreachable"), 15000);
}

TEST(test_it_answers_while_both_stores_are_away)
{
    all_is_well();
    pg_kill(&web.pg);
    redis_server_kill(&redis);
    WAIT_UNTIL(says("wrong", "PostgreSQL: ") && says("wrong", "Redis: unreachable"), 20000);
    struct http_reply metrics = web_call(&web, "GET", "/metrics", METRICS_TOKEN, NULL);
    assert_non_null(strstr(metrics.body, "logikald_verdict{state=\"wrong\"} 1\n"));
    assert_non_null(strstr(metrics.body, "logikald_problem{key=\"PostgreSQL\",severity=\"wrong\"} 1\n"));
    http_reply_free(&metrics);
    pg_restart(&web.pg);
    redis_server_restart(&redis);
    WAIT_UNTIL(is_silent_about("PostgreSQL: ") && is_silent_about("Redis: "), 30000);
}

/* It is asked before anybody has noticed that PostgreSQL hangs. */
TEST(test_why_is_answered_at_once_while_postgresql_hangs)
{
    char *watcher = web_client(&web, "hang", "[\"admin:read\"]");
    assert_int_equal(web_status(&web, "GET", "/api/v1/why?of=web", watcher, NULL), 200);
    pg_signal(&web.pg, SIGSTOP);
    int64_t start_ms = mono_ms();
    struct http_reply reply = web_call(&web, "GET", "/api/v1/why?of=type:project", watcher, NULL);
    int64_t took_ms = mono_ms() - start_ms;
    pg_signal(&web.pg, SIGCONT);
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.body, "PostgreSQL is not reachable"));
    if (took_ms > 10000) fail_msg("it took %lld ms", (long long)took_ms); /* 2 s to know who asks, 4 s for the rest */
    http_reply_free(&reply);
    WAIT_UNTIL(web_status(&web, "GET", "/api/v1/why?of=web", watcher, NULL) == 200, 20000);
    free(watcher);
}

TEST(test_the_erp_may_ask_why_of_objects_and_learns_no_address)
{
    char *erp = web_client(&web, "why-erp", "[\"elevations:read\"]");
    pg_exec(&web.pg, "INSERT INTO directories (id, logikal_id, name) VALUES (71, 'd71', 'd');"
                     "INSERT INTO projects (id, logikal_id, name, directory_id) VALUES (71, 'p71', 'House', 71);"
                     "INSERT INTO project_cursors (project_id, failures, last_error) VALUES"
                     " (71, 2, 'Logikal at http://10.1.2.3:8080/x cannot be reached')");
    struct http_reply reply = web_call(&web, "GET", "/api/v1/why/object?of=house", erp, NULL);
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.body, "It could not be read whole, 2 times in a row: Logikal at "));
    assert_null(strstr(reply.body, "10.1.2.3"));
    http_reply_free(&reply);
    reply = web_call(&web, "GET", "/api/v1/why?of=house", web.admin, NULL);
    assert_non_null(strstr(reply.body, "http://10.1.2.3:8080/x"));
    http_reply_free(&reply);
    assert_int_equal(web_status(&web, "GET", "/api/v1/why?of=house", erp, NULL), 403);
    assert_int_equal(web_status(&web, "GET", "/api/v1/why/object?of=type:project", erp, NULL), 404);
    assert_int_equal(web_status(&web, "GET", "/api/v1/why/object?of=queue:sync", erp, NULL), 404);
    assert_int_equal(web_status(&web, "GET", "/api/v1/why/object?of=process:web", erp, NULL), 404);
    assert_int_equal(web_status(&web, "GET", "/api/v1/why/object?of=task:1", erp, NULL), 404);
    pg_exec(&web.pg, "DELETE FROM projects WHERE id = 71; DELETE FROM directories WHERE id = 71");
    free(erp);
}

static bool metrics_have(const char *line)
{
    struct http_reply metrics = web_call(&web, "GET", "/metrics", METRICS_TOKEN, NULL);
    bool is_there = metrics.status == 200 && strstr(metrics.body, line);
    http_reply_free(&metrics);
    return is_there;
}

TEST(test_lost_history_is_a_metric)
{
    WAIT_UNTIL(metrics_have("\nlogikald_task_history_lost 0\n"), 10000);
    pg_exec(&web.pg,
            "INSERT INTO task_history_losses (worker, since, count) VALUES ('a@b', now(), 3), ('c@d', now(), 4)");
    WAIT_UNTIL(metrics_have("\nlogikald_task_history_lost 7\n"), 10000);
}

TEST(test_it_is_not_for_everybody)
{
    char *client = web_client(&web, "erp", "[\"projects:read\"]"), *watcher = web_client(&web, "w", "[\"admin:read\"]");
    assert_int_equal(web_status(&web, "GET", "/api/v1/verdict", NULL, NULL), 401);
    assert_int_equal(web_status(&web, "GET", "/api/v1/verdict", client, NULL), 403);
    assert_int_equal(web_status(&web, "GET", "/api/v1/verdict", watcher, NULL), 200);
    assert_int_equal(web_status(&web, "GET", "/api/v1/verdict", web.admin, NULL), 200);
    free(client);
    free(watcher);
}

FIXTURE(start)
{
    char url[200];
    redis_server_start(&redis, NULL);
    web_servers(&web);
    snprintf(url, sizeof url, "REDIS_URL=%s", redis.url);
    web_run(&web, (const char *[]){url, "METRICS_TOKEN=" METRICS_TOKEN, "BACKGROUND_SYNC_ENABLED=true", NULL}, true);
    web_log_in(&web);
    return 0;
}

FIXTURE(stop)
{
    web_end(&web);
    redis_server_stop(&redis);
    return 0;
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_fault_of_the_copy_is_named_and_forgotten),
                                          cmocka_unit_test(test_queues_and_redis),
                                          cmocka_unit_test(test_it_answers_while_both_stores_are_away),
                                          cmocka_unit_test(test_it_is_not_for_everybody),
                                          cmocka_unit_test(test_lost_history_is_a_metric),
                                          cmocka_unit_test(test_why_is_answered_at_once_while_postgresql_hangs),
                                          cmocka_unit_test(test_the_erp_may_ask_why_of_objects_and_learns_no_address)};
TEST_MAIN(tests, start, stop)
