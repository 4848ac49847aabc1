/* Our worker under a genuine Celery client and Celery's monitors: each test starts a redis-server and a worker, and
 * runs one case of tests/celery/cases.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/support.h"

static struct redis_server server;
static struct process worker;

/* With names other than kombu's own, and with as many runners as are needed, when is_other. */
static void start_worker(struct process *p, const char *name, bool is_other)
{
    char url[160];
    snprintf(url, sizeof url, "REDIS_URL=%s", server.url);
    char *argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), "worker", NULL};
    char *env[] = {url,
                   "DIAGNOSTIC_TASKS=true",
                   "WORKER_CONCURRENCY=2",
                   "WORKER_QUEUES=sync",
                   "WORKER_LEASE_SECONDS=5",
                   is_other ? "REDIS_PRIORITY_STEPS=0,1,2,3,4,5,6,7,8,9" : NULL,
                   "REDIS_SEP=:",
                   "REDIS_FANOUT_PREFIX=/app{db}.",
                   "REDIS_CONTROL_EXCHANGE=steering",
                   "REDIS_EVENT_EXCHANGE=happenings",
                   "WORKER_CONCURRENCY_MAX=4",
                   NULL};
    process_start(p, name, argv, env);
}

FIXTURE(set_up)
{
    redis_server_start(&server, NULL);
    start_worker(&worker, "worker", false);
    WAIT_UNTIL(process_logged(&worker, "connected to"), 20000);
    return 0;
}

FIXTURE(set_up_other)
{
    redis_server_start(&server, NULL);
    start_worker(&worker, "worker", true);
    WAIT_UNTIL(process_logged(&worker, "connected to"), 20000);
    return 0;
}

FIXTURE(tear_down)
{
    char *log;
    process_stop(&worker);
    log = process_log(&worker);
    if (strstr(log, "Sanitizer") || strstr(log, "runtime error")) fail_msg("%s", log);
    free(log);
    redis_server_stop(&server);
    return 0;
}

static void run_case(const char *name)
{
    char *output = NULL;
    char *argv[] = {"/usr/bin/python3", "tests/celery/cases.py", server.url, (char *)(uintptr_t)name, NULL};
    char *env[] = {NULL};
    int status = process_run(argv, env, &output);
    if (status != 0) {
        char *log = process_log(&worker);
        print_error("%s ended with %d:\n%s\nthe worker:\n%s", name, status, output, log);
        free(log);
        free(output);
        fail();
    }
    free(output);
}

#define CASE(name)                                                                                                     \
    static void test_##name(void **state)                                                                              \
    {                                                                                                                  \
        (void)state;                                                                                                   \
        run_case(#name);                                                                                               \
    }
CASE(results)
CASE(progress)
CASE(unknown)
CASE(eta_and_expiry)
CASE(revoke)
CASE(revoke_by_stamps)
CASE(chords_of_tasks)
CASE(retries)
CASE(chains_and_links)
CASE(failed_chains)
CASE(errbacks)
CASE(groups_chains_and_maps)
CASE(carried_unchanged)
CASE(wire_variants)
CASE(time_limits)
CASE(crash)
CASE(priorities)
CASE(malformed)
CASE(large)
CASE(monitors)
CASE(events)
CASE(events_of_waiting_tasks)
CASE(remote_control)
CASE(other_names)

TEST(test_shutdown_by_remote_control)
{
    run_case("shutdown");
    assert_int_equal(process_wait(&worker, 15000), 0);
}

/* A client for Node, which ends when it hears anything on the channels of results that is none: a role that begins
 * meanwhile tries there what it may do. */
TEST(test_a_client_for_node_gets_its_results)
{
    struct process node = {0}, second = {0};
    if (access("node_modules/celery-ts", F_OK) != 0) fail_msg("npm's packages are missing: npm ci");
    char *argv[] = {"/usr/bin/env", "node", "tests/celery/node.mjs", server.url, NULL};
    process_start(&node, "node", argv, (char *[]){NULL});
    WAIT_UNTIL(process_logged(&node, "listening") || !process_running(&node), 60000);
    start_worker(&second, "second", false);
    WAIT_UNTIL(process_logged(&second, "connected to"), 30000);
    free(redis_cli(&server, "set begin 1"));

    int status = process_wait(&node, 120000);

    char *log = process_log(&node);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || !strstr(log, "all is well")) fail_msg("%s", log);
    free(log);
    process_stop(&second);
}

/* A client with kombu's defaults beside a worker with other names, and the other way round. */
TEST(test_tasks_that_no_worker_looks_for_are_told)
{
    struct process plain = {0};
    char url[160], *output = NULL;
    free(redis_cli(&server, "--raw lpush sync:7 x"));
    free(redis_cli(&server, "--raw eval \"return redis.call('LPUSH', 'sync\\6\\0226', 'x')\" 0"));
    process_stop(&worker);
    start_worker(&worker, "other", true);
    WAIT_UNTIL(process_logged(&worker, "1 tasks wait in the list sync\\x06\\x166, where no worker looks"), 20000);
    start_worker(&plain, "plain", false);
    WAIT_UNTIL(process_logged(&plain, "written with another separator") ||
                   process_logged(&plain, "1 tasks wait in the list sync:7, where no worker looks"),
               20000);
    snprintf(url, sizeof url, "REDIS_URL=%s", server.url);
    char *argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), "check", NULL};
    process_run(argv, (char *[]){url, "WORKER_QUEUES=sync", NULL}, &output);
    if (!strstr(output, "set REDIS_SEP")) fail_msg("check says: %s", output);
    free(output);
    process_stop(&plain);
}

#define ROW(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
static const struct CMUnitTest tests[] = {
    ROW(a_client_for_node_gets_its_results),
    ROW(results),
    ROW(progress),
    ROW(unknown),
    ROW(eta_and_expiry),
    ROW(revoke),
    ROW(revoke_by_stamps),
    ROW(chords_of_tasks),
    ROW(retries),
    ROW(chains_and_links),
    ROW(failed_chains),
    ROW(errbacks),
    ROW(groups_chains_and_maps),
    ROW(carried_unchanged),
    ROW(wire_variants),
    ROW(time_limits),
    ROW(crash),
    ROW(priorities),
    ROW(malformed),
    ROW(large),
    ROW(monitors),
    ROW(events),
    ROW(events_of_waiting_tasks),
    ROW(remote_control),
    cmocka_unit_test_setup_teardown(test_other_names, set_up_other, tear_down),
    cmocka_unit_test_setup_teardown(test_tasks_that_no_worker_looks_for_are_told, set_up_other, tear_down),
    ROW(shutdown_by_remote_control),
};
TEST_MAIN(tests, NULL, NULL)
