/* Whatever servers there are: those that docs/requirements.md supports do a sync through the queue, with values
 * compared; those that it does not are refused by name, by `check`, /health and the log, and nothing is fetched. */
#include "tests/support/sync_truth.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/web.h"

static struct sync_world world;
static struct web_server web;
static struct redis_server redis;
static struct process worker;
static char at_redis[200], database[300], run_dir[300];

static bool redis_is_supported(void)
{
    char *info = redis_cli(&redis, "info server");
    const char *at = strstr(info, "redis_version:");
    int major = 0, minor = 0;
    if (!at || sscanf(at, "redis_version:%d.%d", &major, &minor) != 2) fail_msg("no version in: %s", info);
    print_message("Redis %d.%d, PostgreSQL %lld\n", major, minor,
                  (long long)pg_int(&world.pg, "SELECT current_setting('server_version_num')"));
    free(info);
    return major > 6 || (major == 6 && minor >= 2);
}

static char *check(void)
{
    char *output = NULL;
    char *const argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), (char *)"check", NULL};
    process_run(argv, (char *const[]){at_redis, database, NULL}, &output);
    return output;
}

static void start_worker(const char *queues)
{
    static char serves[100];
    static char base_url[160];
    snprintf(base_url, sizeof base_url, "LOGIKAL_API_BASE_URL=%s", world.sim.base_url);
    char *const argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), (char *)"worker", NULL};
    char *const env[] = {at_redis,
                         database,
                         run_dir,
                         base_url,
                         (char *)"LOGIKAL_AUTH_USERNAME=demo",
                         (char *)"LOGIKAL_AUTH_PASSWORD=demo",
                         queues ? serves : NULL,
                         NULL};
    snprintf(serves, sizeof serves, "WORKER_QUEUES=%s", queues ? queues : "");
    process_start(&worker, "worker", argv, env);
}

static bool health_says(const char *text)
{
    struct http_reply reply = web_call(&web, "GET", "/api/v1/health/detailed", web.admin, NULL);
    bool does = reply.body && strstr(reply.body, text);
    http_reply_free(&reply);
    return does;
}

static void expect_work(void)
{
    char body[300];
    snprintf(body, sizeof body, "{\"base_url\": \"%s\", \"username\": \"demo\", \"password\": \"demo\"}",
             world.sim.base_url);
    struct http_reply reply = web_call(&web, "POST", "/api/v1/sync/full", web.admin, body);
    if (reply.status != 200) fail_msg("%d %s", reply.status, reply.body);
    http_reply_free(&reply);
    WAIT_UNTIL(process_logged(&worker, "completed in"), 5000);
    assert_truth(&world, false);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE deleted_at IS NOT NULL"), 0);
    assert_false(health_says("unhealthy\",\"error"));
}

static bool metric_says(const char *line)
{
    struct http_reply reply = web_call(&web, "GET", "/metrics", web.admin, NULL);
    bool does = reply.body && strstr(reply.body, line);
    http_reply_free(&reply);
    return does;
}

/* Tasks wait, and the worker that is there takes none: red by itself, whatever keeps it, until they are taken. */
static void expect_backlog(const char *why, int64_t within_ms)
{
    static const char red[] = "logikald_usable{component=\"queue\"} 0";
    int64_t deadline = support_deadline(within_ms);
    free(redis_cli(&redis, "eval \"for i = 1, 300 do redis.call('lpush', 'sync', 'nothing') end\" 0"));
    while (!(metric_says(red) && health_says("tasks wait, and no worker takes any"))) {
        if (support_late(deadline)) fail_msg("%s: a backlog is green: %s", why, process_log(&web.process));
        support_pause();
    }
    WAIT_UNTIL(process_logged(&web.process, "no worker takes any"), 8000); /* at its next look */
}

static void expect_backlog_gone(void)
{
    WAIT_UNTIL(metric_says("logikald_usable{component=\"queue\"} 1") && !health_says("tasks wait"), 20000);
}

static void expect_idle_workers_are_red(void)
{
    if (getenv("TEST_INFRA_ALL")) {
        process_signal(&worker, SIGSTOP); /* what it holds counts as work until its lease is over */
        expect_backlog("a worker that stands still", 40000);
        process_signal(&worker, SIGCONT);
        expect_backlog_gone();
    }
    process_stop(&worker);
    start_worker("other");
    WAIT_UNTIL(process_logged(&worker, "connected to"), 20000);
    expect_backlog("a worker that serves other queues", 15000);
    process_stop(&worker);
    start_worker(NULL);
    expect_backlog_gone();
}

static void expect_refusal(void)
{
    static const char words[] = "6.2 or later is needed";
    char *output = check();
    if (!strstr(output, words)) fail_msg("check: %s", output);
    free(output);
    WAIT_UNTIL(process_logged(&web.process, words) && process_logged(&worker, words), 15000);
    WAIT_UNTIL(health_says("Redis lets us not do what is needed"), 10000);
    char *keys = redis_cli(&redis, "lpush sync nothing");
    free(keys);
    int64_t deadline = support_deadline(3000);
    while (!support_late(deadline)) support_pause();
    keys = redis_cli(&redis, "llen sync");
    assert_string_equal(keys, "1"); /* and nothing is taken half way */
    free(keys);
}

TEST(test_servers_work_or_are_refused_by_name)
{
    bool is_supported = redis_is_supported();
    web.pg = world.pg;
    char base_url[160];
    snprintf(base_url, sizeof base_url, "LOGIKAL_API_BASE_URL=%s", world.sim.base_url);
    web_run(&web,
            (const char *const[]){at_redis, base_url, "LOGIKAL_AUTH_USERNAME=demo", "LOGIKAL_AUTH_PASSWORD=demo", NULL},
            true);
    web_log_in(&web);
    start_worker(NULL);
    if (is_supported) {
        WAIT_UNTIL(process_logged(&worker, "connected to"), 20000);
        expect_work();
        expect_idle_workers_are_red();
    } else {
        expect_refusal();
    }
    web_stop(&web);
    process_stop(&worker);
}

FIXTURE(start)
{
    sync_world_open(&world, "--directories 3 --projects 4 --phases 3 --elevations 5");
    redis_server_start(&redis, NULL);
    snprintf(at_redis, sizeof at_redis, "REDIS_URL=%s", redis.url);
    snprintf(database, sizeof database, "DATABASE_URL=%s", world.pg.url);
    snprintf(run_dir, sizeof run_dir, "LOGIKALD_RUN_DIR=%.200s/worker", support_dir());
    return 0;
}

FIXTURE(stop)
{
    redis_server_stop(&redis);
    sync_world_stop(&world);
    return 0;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_servers_work_or_are_refused_by_name),
};
TEST_MAIN(tests, start, stop)
