/* What became of tasks, in /metrics: counted by the workers, added up in Redis, read by a web process that shares
 * nothing else with them. Real Redis, workers and web. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/rig.h"
#include "tests/support/web.h"

#define NOOP  "tasks.diagnostics.noop"
#define FAIL  "tasks.diagnostics.fail"
#define ECHO  "tasks.diagnostics.echo"
#define SLEEP "tasks.diagnostics.sleep"
#define CRASH "tasks.diagnostics.crash"

static struct rig rig;
static struct web_server web;
static struct process first, second;

static const char *const settings[] = {"WORKER_QUEUES=sync", "TASK_MAX_DELIVERIES=2", "WORKER_LEASE_SECONDS=5", NULL};

FIXTURE(set_up)
{
    static char url[160];
    static const char *const safe[] = {"--appendfsync", "always", NULL};
    rig_open(&rig, safe);
    snprintf(url, sizeof url, "REDIS_URL=%s", rig.server.url);
    const char *const env[] = {url, "METRICS_TOKEN=only-for-metrics", "WORKER_QUEUES=sync,a\"b\\c", NULL};
    web_run(&web, env, false);
    return 0;
}

FIXTURE(tear_down)
{
    rig_end(&first);
    rig_end(&second);
    web_stop(&web);
    rig_close(&rig);
    return 0;
}

static void start(struct process *p, const char *name)
{
    int64_t before = rig_int(&rig, "ZCARD logikald.workers");
    rig_role(&rig, p, name, "worker", settings);
    WAIT_UNTIL(rig_int(&rig, "ZCARD logikald.workers") > before, 20000);
}

/* ---- reading /metrics ---- */

static char *scrape(void)
{
    struct http_reply reply = web_call(&web, "GET", "/metrics", "only-for-metrics", NULL);
    assert_int_equal(reply.status, 200);
    char *text = strdup(reply.body);
    http_reply_free(&reply);
    return text;
}

/* The sample of this series ("name{labels}"), or -1 when it is not there. */
static double sample(const char *text, const char *series)
{
    size_t len = strlen(series);
    for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, series, len) == 0 && line[len] == ' ') return strtod(line + len, NULL);
    return -1;
}

static double ends_in(const char *text, const char *task, const char *state)
{
    char series[200];
    snprintf(series, sizeof series, "logikald_tasks_total{task=\"%s\",state=\"%s\"}", task, state);
    return sample(text, series);
}

static double ends(const char *task, const char *state)
{
    char *text = scrape();
    double value = ends_in(text, task, state);
    free(text);
    return value;
}

static double duration(const char *text, const char *task, const char *part, const char *le)
{
    char series[240];
    snprintf(series, sizeof series, "logikald_task_duration_seconds_%s{task=\"%s\"%s%s%s}", part, task,
             le ? ",le=\"" : "", le ? le : "", le ? "\"" : "");
    return sample(text, series);
}

/* Every bucket holds what the one before does, the last one everything, and all that ran to its end is in. */
static void check_histogram(const char *text, const char *task)
{
    static const char *const bounds[] = {"0.001", "0.005", "0.025", "0.1",  "0.5",  "2",   "10",
                                         "30",    "120",   "600",   "1800", "7200", "+Inf"};
    double before = 0, count = duration(text, task, "count", NULL);
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        double bucket = duration(text, task, "bucket", bounds[i]);
        if (bucket < before) fail_msg("%s: %g up to %s s, after %g", task, bucket, bounds[i], before);
        before = bucket;
    }
    assert_true(before == count);
    assert_true(count ==
                ends_in(text, task, "success") + ends_in(text, task, "failure") + ends_in(text, task, "retry"));
    assert_true(duration(text, task, "sum", NULL) >= 0);
}

/* ---- sending ---- */

static void send_many(const char *task, const char *args, int count)
{
    static int number;
    char id[32];
    for (int i = 0; i < count; i++) {
        snprintf(id, sizeof id, "t%d", number++);
        rig_send(&rig, "sync", task, id, args);
    }
}

static void send_expired(int count)
{
    for (int i = 0; i < count; i++) {
        char id[32];
        struct buf message = {0};
        snprintf(id, sizeof id, "expired%d", i);
        struct message_spec spec = {.task = NOOP, .id = id, .queue = "sync", .expires_us = 1000000};
        message_encode(&message, &spec);
        redisReply *reply = redisCommand(rig.redis, "LPUSH sync %b", message.data, message.len);
        assert_non_null(reply);
        freeReplyObject(reply);
        buf_free(&message);
    }
}

/* echo returns its keyword arguments. */
static void send_unsuccessful(void)
{
    struct buf message = {0};
    cJSON *kwargs = cJSON_Parse("{\"success\":false}");
    struct message_spec spec = {.task = ECHO, .id = "unsuccessful", .queue = "sync", .kwargs = kwargs};
    message_encode(&message, &spec);
    redisReply *reply = redisCommand(rig.redis, "LPUSH sync %b", message.data, message.len);
    assert_non_null(reply);
    freeReplyObject(reply);
    buf_free(&message);
    cJSON_Delete(kwargs);
}

/* ---- the tests ---- */

/* The text stays one that can be read, whatever queues are called. */
static void check_names_of_queues(void)
{
    static const char *const names[] = {"depth", "oldest_age_seconds", "paused"};
    char line[100], *text = scrape();
    for (int i = 0; i < 3; i++) {
        snprintf(line, sizeof line, "\nlogikald_queue_%s{queue=\"a\\\"b\\\\c\"} %d\n", names[i], i == 1 ? -1 : 0);
        if (!strstr(text, line)) fail_msg("no %s in %s", line, text);
    }
    free(text);
}

TEST(test_every_end_of_a_task_is_counted_once)
{
    start(&first, "first");
    send_many("noop", "[]", 300);
    send_many("fail", "[\"no\"]", 5);
    send_many("fail", "[\"again\", 1]", 2);
    send_many("sleep", "[0.12]", 3);
    send_many("crash", "[9]", 1);
    send_many("echo", "[]", 2);
    send_unsuccessful();
    send_many("tasks.of.somebody_else", "[]", 3);
    send_many("tasks.of.somebody_else_again", "[]", 2);
    rig_text(&rig, "LPUSH sync this-is-no-message");
    send_expired(4);

    WAIT_UNTIL(ends(NOOP, "success") == 300 && ends(NOOP, "revoked") == 4, 60000);
    WAIT_UNTIL(ends(FAIL, "failure") == 7 && ends(FAIL, "retry") == 2, 60000);
    WAIT_UNTIL(ends(SLEEP, "success") == 3 && ends(CRASH, "dead") == 1 && ends("other", "dead") == 6, 60000);

    WAIT_UNTIL(ends(ECHO, "success") == 2 && ends(ECHO, "failure") == 1, 60000);

    char *text = scrape();
    const char *const tasks[] = {NOOP, FAIL, SLEEP, ECHO};
    for (int i = 0; i < 4; i++) check_histogram(text, tasks[i]);
    assert_true(ends_in(text, NOOP, "failure") == 0 && ends_in(text, CRASH, "failure") == 0);
    assert_true(duration(text, SLEEP, "bucket", "0.1") == 0 && duration(text, SLEEP, "sum", NULL) > 0.35);
    assert_true(duration(text, CRASH, "count", NULL) == -1); /* it never came to its end */
    assert_null(strstr(text, "somebody_else"));              /* names from outside are not labels */
    assert_true(ends_in(text, "tasks.sync_tasks.full_sync_task", "failure") == 0); /* known before it happens */
    free(text);
    check_names_of_queues();
}

/* Counters never go back. */
static double slept(double least)
{
    double value = ends(SLEEP, "success");
    if (value < least) fail_msg("%g after %g", value, least);
    return value;
}

TEST(test_workers_add_up_and_a_restart_takes_nothing_away)
{
    start(&first, "first");
    start(&second, "second");
    send_many("sleep", "[0.2]", 12);
    WAIT_UNTIL(ends(SLEEP, "success") == 12, 30000);
    redisReply *keys = redisCommand(rig.redis, "KEYS logikald.counted.*");
    assert_int_equal(keys->elements, 2); /* both have told */
    freeReplyObject(keys);

    process_stop(&first); /* tells before it leaves */
    send_many("sleep", "[0]", 20);
    WAIT_UNTIL(rig_int(&rig, "LLEN sync") == 0 && rig_int(&rig, "HLEN unacked") == 0, 20000);
    process_stop(&second);
    assert_true(ends(SLEEP, "success") == 32);

    start(&first, "first");
    send_many("sleep", "[0]", 5);
    WAIT_UNTIL(slept(32) == 37, 20000);
    process_signal(&first, SIGKILL);
    process_wait(&first, 5000);
    start(&second, "second");
    send_many("sleep", "[0]", 1);
    WAIT_UNTIL(slept(37) == 38, 20000);
}

TEST(test_redis_that_was_away_or_forgot_has_the_counts_again)
{
    start(&first, "first");
    send_many("noop", "[]", 40);
    WAIT_UNTIL(ends(NOOP, "success") == 40, 20000);

    redis_server_kill(&rig.server);
    WAIT_UNTIL(process_logged(&first, "is not usable"), 20000);
    WAIT_UNTIL(ends(NOOP, "success") == -1, 20000); /* the rest is answered without them */
    redis_server_restart(&rig.server);
    rig_reconnect(&rig);
    send_many("noop", "[]", 10);
    WAIT_UNTIL(ends(NOOP, "success") == 50, 40000);

    rig_text(&rig, "FLUSHALL");
    send_many("noop", "[]", 1);
    WAIT_UNTIL(ends(NOOP, "success") == 51, 40000);
}

TEST(test_without_redis_a_web_process_counts_its_own_children)
{
    static const char *const env[] = {"METRICS_TOKEN=only-for-metrics", NULL};
    const char *task = "tasks.sync_tasks.force_sync_directories_task";
    web_servers(&web);
    web_run(&web, env, true);
    web_log_in(&web);
    assert_true(ends(task, "failure") == 0);

    int status = web_status(&web, "POST", "/api/v1/sync/force/directories", web.admin, NULL);

    if (status < 400) fail_msg("there is no upstream, and the sync is answered %d", status);
    char *text = scrape();
    assert_true(ends_in(text, task, "failure") == 1 && ends_in(text, task, "success") == 0);
    check_histogram(text, task);
    free(text);
    web_end(&web);
}

TEST(test_a_manual_sync_runs_in_a_worker_although_the_switch_is_off)
{
    static const char *const small[] = {"--preset", "field-case", NULL};
    static char redis_url[160], database[300], base_url[200];
    const char *task = "tasks.sync_tasks.full_sync_task";
    struct sim_server sim;
    memset(&first, 0, sizeof first);
    rig_open(&rig, NULL);
    web_servers(&web);
    sim_start(&sim, small);
    snprintf(redis_url, sizeof redis_url, "REDIS_URL=%s", rig.server.url);
    snprintf(database, sizeof database, "DATABASE_URL=%s", web.pg.url);
    snprintf(base_url, sizeof base_url, "LOGIKAL_API_BASE_URL=%s", sim.base_url);
    char *env[] = {redis_url,
                   database,
                   base_url,
                   "LOGIKAL_AUTH_USERNAME=demo",
                   "LOGIKAL_AUTH_PASSWORD=demo",
                   "BACKGROUND_SYNC_ENABLED=false",
                   "WORKER_CONCURRENCY=2",
                   NULL};
    const char *const for_web[] = {redis_url,
                                   base_url,
                                   "LOGIKAL_AUTH_USERNAME=demo",
                                   "LOGIKAL_AUTH_PASSWORD=demo",
                                   "BACKGROUND_SYNC_ENABLED=false",
                                   "METRICS_TOKEN=only-for-metrics",
                                   NULL};
    char *argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), "worker", NULL};
    process_start(&first, "first", argv, env);
    WAIT_UNTIL(rig_int(&rig, "ZCARD logikald.workers") == 1, 20000);
    web_run(&web, for_web, true);
    web_log_in(&web);
    WAIT_UNTIL(web_status(&web, "GET", "/api/v1/scheduler/workers", web.admin, NULL) == 200, 20000);

    assert_int_equal(web_status(&web, "POST", "/api/v1/sync/full", web.admin, NULL), 200);

    assert_int_equal(pg_int(&web.pg, "SELECT count(*) FROM elevations"), 17);
    assert_false(process_logged(&web.process, "runs as process"));
    WAIT_UNTIL(ends(task, "success") == 1, 20000);
    web_end(&web);
    process_stop(&first);
    rig_check(&first);
    sim_stop(&sim);
    rig_close(&rig);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(test_every_end_of_a_task_is_counted_once, set_up, tear_down),
    cmocka_unit_test_setup_teardown(test_workers_add_up_and_a_restart_takes_nothing_away, set_up, tear_down),
    cmocka_unit_test_setup_teardown(test_redis_that_was_away_or_forgot_has_the_counts_again, set_up, tear_down),
    cmocka_unit_test(test_without_redis_a_web_process_counts_its_own_children),
    cmocka_unit_test(test_a_manual_sync_runs_in_a_worker_although_the_switch_is_off),
};
TEST_MAIN(tests, NULL, NULL)
