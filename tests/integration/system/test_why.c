/* Why: one system of real servers and processes, in which each row stages a situation; what is told of it must name the
 * cause, what comes next and what to do, in words and values. Then without PostgreSQL and without Redis, and by the
 * command while web is down. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "conf/clock.h"
#include "tests/support/reasons.h"
#include "tests/support/rig.h"
#include "tests/support/stage.h"
#include "tests/integration/system/why_situations.h"

#define ID(n) "0000000" #n "-1111-4222-8333-444444444444"

static struct system sys;
static struct rig rig;

#define SAYS(...)   ((const char *[REASONS_WORDS]){__VA_ARGS__})
#define expect(...) reasons_expect(&sys, __VA_ARGS__)

/* ---- staging ---- */

static void send_with_eta(const char *id)
{
    struct message_spec spec = {
        .task = "tasks.diagnostics.noop", .id = id, .queue = "sync", .eta_us = wall_us() + 3600000000};
    rig_send_spec(&rig, &spec);
}

static void control(const char *method, const char *arguments)
{
    struct buf body = {0}, message = {0};
    buf_printf(&body,
               "{\"method\": \"%s\", \"arguments\": %s, \"destination\": null, \"pattern\": null, \"matcher\": null}",
               method, arguments);
    message_wrap(&message, body.data, body.len, "{\"clock\": 1, \"expires\": 0}", "celery.pidbox", "");
    freeReplyObject(redisCommand(rig.redis, "PUBLISH /0.celery.pidbox %b", message.data, message.len));
    buf_free(&body);
    buf_free(&message);
}

/* As after a first sync, whatever was staged. */
static void all_is_well(void)
{
    pg_exec(&sys.pg, "UPDATE object_sync_configs SET last_sync = now(), last_status = 'success', last_error = NULL,"
                     " last_finished_status = 'success', is_sync_enabled = true, retry_count = 0, next_retry_at = NULL,"
                     " sync_interval_minutes = 600, staleness_threshold_minutes = 900;"
                     "UPDATE directories SET exclude_from_sync = false; DELETE FROM sync_missing;"
                     "DELETE FROM sync_holds; DELETE FROM sync_runs; UPDATE project_cursors SET failures = 0");
    stage(&sys,
          "redis: del logikald.paused sync logikald.scheduled logikald.scheduled.messages logikald.scheduled.ids");
    static const char *const roles[] = {"web", "worker", "beat"};
    for (int i = 0; i < 3; i++) {
        char start[30];
        snprintf(start, sizeof start, "ctl: start %s", roles[i]);
        if (!system_child(&sys, roles[i])) stage(&sys, start);
    }
    WAIT_UNTIL(system_health(&sys) == 200, 20000);
}

/* ---- the rows ---- */

TEST(test_all_is_well)
{
    expect("project", "fine",
           SAYS("are fresh: synced", "Its interval of 600 min (Sync intervals) is not over",
                "It is synced with the first tick after that", "\"next_at\":\"20", "\"since\":\"20"));
    expect("type:Projects", "fine", SAYS("\"name\":\"Projects\"", "are fresh"));
    expect("queue:sync", "fine", SAYS("Queue sync is empty", "What is sent is taken at once: 0 of 2 runners are busy"));
    expect("worker.0", "fine", SAYS("worker.0 is ready", "up for", "\"because\":[]"));
    expect("web", "fine", SAYS("web.0 is ready"));
    expect("supervisor", "fine", SAYS("The supervisor is running, up for"));
}

TEST(test_tasks)
{
    rig_send(&rig, "sync", "sleep", ID(1), "[600]");
    rig_send(&rig, "sync", "sleep", ID(2), "[600]");
    expect(ID(1), "waits",
           SAYS("tasks.diagnostics.sleep is running", "Worker ", "runners busy",
                "It ends by itself, or at its time limit", "DELETE /api/v1/scheduler/tasks/" ID(1)));
    expect(ID(2), "waits", SAYS("is running"));
    rig_send(&rig, "sync", "sleep", ID(3), "[600]");
    rig_send(&rig, "sync", "noop", ID(4), "[]");
    rig_send(&rig, "sync", "noop", ID(5), "[]");
    expect(ID(5), "waits",
           SAYS("tasks.diagnostics.noop waits in queue sync", "2 others are before it",
                "All 2 runners of all workers are busy", "It begins when it is the next in line and a runner is free"));
    expect("queue:sync", "waits",
           SAYS("3 tasks wait in queue sync", "All 2 runners of all workers are busy",
                "WORKER_CONCURRENCY=2, set in the environment", "when a runner is free"));
    rig_text(&rig, "ZADD logikald.revoked %lld %s", (long long)(wall_ms() / 1000), ID(4));
    expect(ID(4), "waits", SAYS("It was revoked: no worker begins it", "1 other is before it"));
    stage(&sys, "redis: del sync");
    control("revoke", "{\"task_id\": [\"" ID(1) "\", \"" ID(2) "\"], \"terminate\": true, \"signal\": \"SIGTERM\"}");
    expect(ID(1), "fine", SAYS("The task was not done, or stopped: "));
    expect(ID(4), "fine", SAYS("but that it was revoked", "It was revoked: no worker begins it"));

    rig_send(&rig, "sync", "noop", ID(6), "[]");
    expect(ID(6), "fine",
           SAYS("The task is done, with success", "Its result is forgotten after a while",
                "RESULT_EXPIRES=3600, the default"));
    rig_send(&rig, "sync", "fail", ID(7), "[\"the roof leaks\"]");
    expect(ID(7), "stuck", SAYS("The task failed", "ValueError: the roof leaks", "send it again"));
    rig_send(&rig, "sync", "fail", ID(8), "[\"the roof leaks\", 500]");
    expect(ID(8), "waits",
           SAYS("tasks.diagnostics.fail waits for its time", "It failed, and is tried again (try ", "the roof leaks",
                "Then it goes into queue sync", "\"next_at\":\"20"));
    send_with_eta(ID(9));
    expect(ID(9), "waits",
           SAYS("Its sender asked for that time (eta)", "Then it goes into queue sync", "\"next_at\":\"20"));
    control("rate_limit", "{\"task_name\": \"tasks.diagnostics.echo\", \"rate_limit\": \"1/h\"}");
    rig_send(&rig, "sync", "echo", ID(10), "[1]");
    rig_send(&rig, "sync", "echo", "a0000011-1111-4222-8333-444444444444", "[1]");
    expect("a0000011-1111-4222-8333-444444444444", "waits",
           SAYS("tasks.diagnostics.echo waits for its time",
                "Its kind is limited in its rate (rate_limit, set by remote control)"));
    rig_push(&rig, "sync", "no message", 10);
    rig_send(&rig, "sync", "crash", "a0000012-1111-4222-8333-444444444444", "[9]");
    expect("a0000012-1111-4222-8333-444444444444", "stuck",
           SAYS("tasks.diagnostics.crash was given up, and is a dead letter", "its runner or worker died each time",
                "logikald queue retry a0000012-1111-4222-8333-444444444444"));
    rig_text(&rig,
             "SET celery-task-meta-a0000013-1111-4222-8333-444444444444 {\"status\":\"STARTED\",\"result\":null}");
    expect("a0000013-1111-4222-8333-444444444444", "stuck",
           SAYS("says STARTED, and neither a queue nor a worker has it: it is lost", "Send it again"));
    WAIT_UNTIL(pg_int(&sys.pg, "SELECT count(*) FROM task_history WHERE id = '" ID(7) "'") == 1, 20000);
    stage(&sys, "redis: del celery-task-meta-" ID(7));
    expect(ID(7), "stuck", SAYS("tasks.diagnostics.fail ended as fail", "on worker ", "the roof leaks", "/again"));
    expect("a0000014-1111-4222-8333-444444444444", "unknown",
           SAYS("Nothing is known of a task", "RESULT_EXPIRES=3600", "Is the id right"));
    expect("task:my own id", "unknown", SAYS("Nothing is known of a task my own id"));
}

/* What stands still: processes and queues. */
TEST(test_each_situation_is_told_with_cause_next_and_advice)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        print_message("%s\n", rows[i].words[0]);
        stage(&sys, rows[i].before);
        expect(rows[i].of, rows[i].state, rows[i].words);
        stage(&sys, rows[i].after);
    }
}

TEST(test_a_frozen_worker)
{
    all_is_well();
    WAIT_UNTIL(system_child(&sys, "worker") > 0, 20000);
    int pid = system_child(&sys, "worker");
    rig_send(&rig, "sync", "noop", "a0000021-1111-4222-8333-444444444444", "[]");
    expect("a0000021-1111-4222-8333-444444444444", "fine", SAYS("is done"));
    kill(pid, SIGSTOP);
    expect("worker.0", "waits",
           SAYS("worker.0 is stopped by a signal (SIGSTOP) and does nothing",
                "It is killed and replaced when the watchdog's time is over", "WATCHDOG_SECONDS"));
    expect("queue:sync", "waits", SAYS("worker.0 is stopped by a signal (SIGSTOP)"));
    kill(pid, SIGCONT);
    expect("worker.0", "fine", SAYS("worker.0 is ready"));
    expect("queue:sync", "fine", SAYS("Queue sync is empty"));
}

TEST(test_what_can_be_several_things_is_asked_back)
{
    all_is_well();
    pg_exec(&sys.pg, "UPDATE elevations SET name = 'Pos. 77' WHERE id IN (1, 2);"
                     "UPDATE projects SET name = 'sync' WHERE id = 1");
    struct http_reply reply = reasons_ask(&sys, "/api/v1/why", "pos. 77");
    assert_int_equal(reply.status, 200);
    const char *const two[] = {"\"candidates\":[", "\"of\":\"elevation:#1\"", "\"of\":\"elevation:#2\"",
                               " > Pos. 77\""};
    for (size_t i = 0; i < 4; i++) assert_non_null(strstr(reply.body, two[i]));
    assert_null(strstr(reply.body, "\"chain\""));
    http_reply_free(&reply);
    reply = reasons_ask(&sys, "/api/v1/why", "sync");
    assert_non_null(strstr(reply.body, "\"of\":\"queue:sync\""));
    assert_non_null(strstr(reply.body, "\"of\":\"project:#1\""));
    http_reply_free(&reply);
    reply = reasons_ask(&sys, "/api/v1/why", "sqlite_parser");
    assert_non_null(strstr(reply.body, "\"of\":\"type:sqlite_parser\""));
    http_reply_free(&reply);
    pg_exec(&sys.pg, "UPDATE elevations SET deleted_at = now() WHERE id = 2"); /* what is gone is not meant */
    expect("pos. 77", "fine", SAYS("Elevation Pos. 77 is as it was read"));
    reply = reasons_ask(&sys, "/api/v1/why", "nobody's");
    assert_int_equal(reply.status, 404);
    const char *const accepted[] = {"nobody's",
                                    "a type (directory, project",
                                    "a queue (scheduler,sync,sqlite_parser)",
                                    "a process (supervisor, web",
                                    "a task's id",
                                    "KIND:NAME"};
    for (size_t i = 0; i < 6; i++) assert_non_null(strstr(reply.body, accepted[i]));
    http_reply_free(&reply);
}

/* ---- the command, and what is away ---- */

#define command_says(...) reasons_command_says(&sys, __VA_ARGS__)

TEST(test_the_command_answers_while_web_is_down)
{
    all_is_well();
    stage(&sys, "ctl: stop web");
    command_says("web", 0,
                 SAYS("process web: stuck\n", "web.0 was stopped by hand", ", since 20", " UTC\n",
                      "\n    do: Start it: logikald ctl start web.0"));
    command_says("type:project", 0,
                 SAYS("type Projects: fine\n", "are fresh: synced", "    because: Its interval of",
                      "    next: It is synced with the first tick after that, 20"));
    command_says("sqlite_parser", 1, SAYS("Ask again", "  type:sqlite_parser ", "  queue:sqlite_parser "));
    command_says("nobody", 66, SAYS("There is no thing of the name \"nobody\""));
    command_says("--nonsense", 64, SAYS("usage: logikald why"));
    stage(&sys, "ctl: start web");
}

/* ---- what docs/operating.md shows ---- */

static char *section_of_document(void)
{
    char *text = calloc(1, 200000);
    FILE *f = fopen("docs/operating.md", "re");
    assert_non_null(f);
    text[fread(text, 1, 199999, f)] = '\0';
    fclose(f);
    char *begin = strstr(text, "## Why: `logikald why`"), *end = begin ? strstr(begin + 3, "\n## ") : NULL;
    assert_non_null(end);
    *end = '\0';
    char *section = strdup(begin);
    free(text);
    return section;
}

static const char *dirname_of_programs(void)
{
    static char dir[300];
    snprintf(dir, sizeof dir, "%s", support_program("logikald"));
    *strrchr(dir, '/') = '\0';
    return dir;
}

/* Times differ. */
static void mask_digits(char *text)
{
    for (char *at = strstr(text, "since "); at; at = strstr(at + 1, "since "))
        for (char *p = at; *p && *p != '\n'; p++)
            if (*p >= '0' && *p <= '9') *p = '#';
}

TEST(test_the_examples_of_the_document)
{
    char *section = section_of_document(), *rest = section, *line, *output, said[4000] = "";
    int count = 0;
    bool is_shown = false;
    all_is_well();
    pg_exec(&sys.pg, "UPDATE projects SET name = 'Smith & Sons', job_number = 'J-94609' WHERE id = 1");
    stage(&sys, "ctl: stop worker");
    stage(&sys, "redis: del sync"); /* what it has given back */
    while ((line = strsep(&rest, "\n"))) {
        if (strncmp(line, "    logikald ", 13) == 0) {
            char shell[500];
            snprintf(shell, sizeof shell, "exec %s/%s", dirname_of_programs(), line + 4);
            char run_dir[300];
            snprintf(run_dir, sizeof run_dir, "LOGIKALD_RUN_DIR=%s", sys.run_dir);
            int status = process_run((char *[]){"/bin/sh", "-c", shell, NULL}, (char *[]){run_dir, NULL}, &output);
            if (status != 0) fail_msg("%s: %d %s", line, status, output);
            free(output);
            count++;
        }
        if (is_shown && strncmp(line, "    ", 4) != 0) is_shown = false;
        if (is_shown) {
            strcat(said, line + 4);
            strcat(said, "\n");
        }
        if (strcmp(line, "    $ logikald why queue:sync") == 0) is_shown = true;
    }
    assert_true(count >= 7);
    assert_int_equal(reasons_command(&sys, "queue:sync", &output), 0);
    char *answer = strstr(output, "queue sync: ");
    assert_non_null(answer);
    mask_digits(said);
    mask_digits(answer);
    assert_string_equal(answer, said);
    free(output);
    free(section);
}

static bool has_secret(const char *text)
{
    return strstr(text, "test-admin-password") || strstr(text, "9b1de3c25f0c4a6e8d7f6a5b4c3d2e1f") ||
           strstr(text, REASONS_TOKEN);
}

TEST(test_without_redis)
{
    all_is_well();
    redis_server_kill(&sys.redis);
    expect("queue:sync", "stuck",
           SAYS("What waits in queue sync is not known", "Redis is not reachable: ", "REDIS_URL is right"));
    expect("type:project", "stuck", SAYS("are fresh", "Redis is not reachable: "));
    expect(ID(6), "stuck", SAYS("Where task " ID(6) " is is not known", "Redis is not reachable: "));
    expect("worker.0", "stuck", SAYS("worker.0 is ready", "Redis is not reachable: "));
    command_says("queue:sync", 0, SAYS("What waits in queue sync is not known", "Redis is not reachable"));
    redis_server_restart(&sys.redis);
    expect("type:project", "fine", SAYS("are fresh"));
    kill(sys.redis.process.pid, SIGSTOP); /* it is there, and says nothing */
    command_says("queue:sync", 0, SAYS("Redis is not reachable: it does not answer"));
    kill(sys.redis.process.pid, SIGCONT);
}

TEST(test_without_postgresql)
{
    all_is_well();
    pg_kill(&sys.pg);
    expect("type:project", "stuck",
           SAYS("How fresh type project is is not known", "PostgreSQL is not reachable: ", "DATABASE_URL is right"));
    expect("queue:sync", "", SAYS("Queue sync is empty"));
    expect("web.0", "stuck", SAYS("web.0 is ready", "PostgreSQL is not reachable: "));
    struct http_reply reply = reasons_ask(&sys, "/api/v1/why", "Smith & Sons");
    assert_int_equal(reply.status, 503);
    assert_non_null(strstr(reply.body, "PostgreSQL is not reachable, so it is not known whether something is called"));
    assert_false(has_secret(reply.body));
    http_reply_free(&reply);
    command_says("type:project", 0, SAYS("PostgreSQL is not reachable: "));
    command_says("Smith", 69, SAYS("PostgreSQL is not reachable"));
    redis_server_kill(&sys.redis);
    expect("type:project", "stuck", SAYS("PostgreSQL is not reachable", "Redis is not reachable"));
    redis_server_restart(&sys.redis);
    pg_restart(&sys.pg);
    expect("type:project", "fine", SAYS("are fresh"));
}

/* ---- the world ---- */

static bool all_synced(void)
{
    return pg_int(&sys.pg,
                  "SELECT count(*) FROM object_sync_configs WHERE object_type IN"
                  " ('directory', 'project', 'phase', 'elevation') AND last_finished_status = 'success'") == 4 &&
           pg_int(&sys.pg, "SELECT count(*) FROM sync_runs WHERE state = 'running'") == 0;
}

FIXTURE(start)
{
    static const char *const tree[] = {"--directories", "1", "--depth",      "1", "--projects", "1",
                                       "--phases",      "1", "--elevations", "3", NULL};
    static const char *const env[] = {"METRICS_TOKEN=" REASONS_TOKEN,   "DIAGNOSTIC_TASKS=true",
                                      "WORKER_LEASE_SECONDS=3",         "TASK_MAX_DELIVERIES=1",
                                      "WEBHOOK_TICK_SECONDS=0",         "BEAT_HEALTH_INTERVAL_SECONDS=0",
                                      "BEAT_HOURLY_CRONTAB=0 0 29 2 *", "RATE_LIMIT_PER_MINUTE=0",
                                      "RATE_LIMIT_PER_HOUR=0",          NULL};
    system_servers(&sys, tree);
    system_run(&sys, "sync = { background_enabled = true; };\n", env);
    rig.server = sys.redis;
    rig_reconnect(&rig);
    WAIT_UNTIL(system_child(&sys, "worker") > 0 && system_child(&sys, "beat") > 0, 60000);
    WAIT_UNTIL(all_synced(), 60000);
    pg_exec(&sys.pg, "UPDATE object_sync_configs SET sync_interval_minutes = 600, staleness_threshold_minutes = 900,"
                     " last_sync = now()");
    return 0;
}

FIXTURE(stop)
{
    if (rig.redis) redisFree(rig.redis);
    system_stop(&sys);
    system_end(&sys);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_is_well),
        cmocka_unit_test(test_tasks),
        cmocka_unit_test(test_each_situation_is_told_with_cause_next_and_advice),
        cmocka_unit_test(test_a_frozen_worker),
        cmocka_unit_test(test_what_can_be_several_things_is_asked_back),
        cmocka_unit_test(test_the_command_answers_while_web_is_down),
        cmocka_unit_test(test_the_examples_of_the_document),
        cmocka_unit_test(test_without_redis),
        cmocka_unit_test(test_without_postgresql),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
