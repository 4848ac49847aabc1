/* What happened to processes is a row each, exactly once, whatever dies in between: a process, PostgreSQL, the whole
 * container; and the timeline shows it beside syncs, faults, deployments and what administrators did. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cjson/cJSON.h>

#include "ipc/flight.h"
#include "tests/support/system.h"

#define SECRET "its-token-is-never-shown-0123456789"

static struct system sys;
static char admin[200];

static const char *const settings_used[] = {"BACKGROUND_SYNC_ENABLED=true", "SYNC_INTERVAL_SECONDS=86400",
                                            "METRICS_TOKEN=" SECRET, NULL};

/* ---- asking ---- */

static void log_in(void)
{
    char url[100];
    snprintf(url, sizeof url, "%s/api/v1/admin/login", sys.url);
    struct http_reply reply = http_request("POST", url, (const char *[]){"Content-Type: application/json", NULL},
                                           "{\"username\":\"admin\",\"password\":\"test-admin-password\"}");
    cJSON *json = cJSON_Parse(reply.body ? reply.body : "");
    const char *token = cJSON_GetStringValue(cJSON_GetObjectItem(json, "access_token"));
    if (!token) fail_msg("the login was answered %d %s", reply.status, reply.body);
    snprintf(admin, sizeof admin, "Authorization: Bearer %s", token);
    cJSON_Delete(json);
    http_reply_free(&reply);
}

static struct http_reply ask(const char *method, const char *path, const char *who)
{
    char url[400];
    snprintf(url, sizeof url, "%s%s", sys.url, path);
    return http_request(method, url, (const char *[]){who, NULL}, NULL);
}

/* The timeline of this query, the caller's to delete; NULL: not answered 200. */
static cJSON *timeline(const char *query)
{
    char path[300];
    snprintf(path, sizeof path, "/api/v1/timeline?%s", query);
    struct http_reply reply = ask("GET", path, "Authorization: Bearer " SECRET);
    cJSON *json = reply.status == 200 ? cJSON_Parse(reply.body) : NULL;
    http_reply_free(&reply);
    return json;
}

static const char *text_of(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(object, name));
    return text ? text : "";
}

/* How many events of the kind tell of this, in their text or detail. */
static int told(const char *kind, const char *what, const char *words)
{
    char query[60];
    int count = 0;
    snprintf(query, sizeof query, "limit=1000&kind=%s", kind);
    cJSON *json = timeline(query), *event;
    cJSON_ArrayForEach(event, cJSON_GetObjectItem(json, "events"))
        count += strcmp(text_of(event, "what"), what) == 0 &&
                 (strstr(text_of(event, "text"), words) || strstr(text_of(event, "detail"), words));
    cJSON_Delete(json);
    return count;
}

static int64_t rows(const char *condition)
{
    char sql[400];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM flight_events WHERE %s", condition);
    return pg_int(&sys.pg, sql);
}

static int64_t rows_of_pid(const char *event, int pid)
{
    char condition[100];
    snprintf(condition, sizeof condition, "event = '%s' AND pid = %d", event, pid);
    return rows(condition);
}

static void wait_up(void)
{
    static const char *const roles[] = {"web", "worker", "beat"};
    WAIT_UNTIL(system_health(&sys) == 200, 30000);
    for (int i = 0; i < 3; i++) WAIT_UNTIL(system_child(&sys, roles[i]) > 0, 30000);
}

FIXTURE(start)
{
    static const char *const tree[] = {"--directories", "1", "--projects", "1", "--phases", "1",
                                       "--elevations",  "2", NULL};
    system_servers(&sys, tree);
    system_run(&sys, "", settings_used);
    wait_up();
    log_in();
    return 0;
}

FIXTURE(stop)
{
    system_stop(&sys);
    system_end(&sys);
    return 0;
}

/* All that the files hold is in PostgreSQL, and not twice (which the key says). */
static bool all_taken(void)
{
    cJSON *events = flight_read(sys.run_dir, NULL, NULL), *event;
    bool is_all = cJSON_GetArraySize(events) > 0;
    cJSON_ArrayForEach(event, events) {
        char condition[120];
        snprintf(condition, sizeof condition, "source = '%s' AND n = %.0f", text_of(event, "source"),
                 cJSON_GetObjectItem(event, "n")->valuedouble);
        is_all = is_all && rows(condition) == 1;
    }
    cJSON_Delete(events);
    return is_all;
}

/* ---- the tests ---- */

TEST(test_each_process_that_is_killed_is_one_row_with_its_reason)
{
    static const char *const roles[] = {"worker", "beat", "web"};
    int pids[3];
    for (int i = 0; i < 3; i++) {
        WAIT_UNTIL((pids[i] = system_child(&sys, roles[i])) > 0, 30000);
        assert_int_equal(kill(pids[i], SIGKILL), 0);
    }

    for (int i = 0; i < 3; i++) WAIT_UNTIL(rows_of_pid("exit", pids[i]) == 1, 30000);

    wait_up();
    assert_true(rows("event = 'exit' AND text LIKE 'killed by SIGKILL%' AND child IN ('worker.0','beat','web.0')") >=
                3);
    WAIT_UNTIL(all_taken(), 20000);
}

TEST(test_a_crash_leaves_stack_and_last_lines_without_secrets)
{
    int pid = system_child(&sys, "worker");
    assert_int_equal(kill(pid, SIGABRT), 0);

    WAIT_UNTIL(rows_of_pid("exit", pid) == 1, 30000);

    char sql[200];
    snprintf(sql, sizeof sql, "SELECT detail FROM flight_events WHERE event = 'exit' AND pid = %d", pid);
    char *detail = pg_value(&sys.pg, sql);
    assert_non_null(strstr(detail, "ended by SIGABRT at"));
    assert_non_null(strstr(detail, "logikald(+0x"));
    free(detail);
    wait_up();
}

TEST(test_garbage_in_the_file_loses_nothing_that_comes_after)
{
    char path[300];
    static const char garbage[] =
        "\n{\"source\":\n\xff\xfe\x01\n{\"source\":\"11111111-2222-4333-8444-555555555555\",\"n\":7,"
        "\"at_ms\":1e3,\"pid\":0,\"host\":\"\",\"version\":\"\",\"event\":\"old\",\"child\":\"\","
        "\"text\":\"\",\"detail\":\"\"}\n{\"torn\":";
    snprintf(path, sizeof path, "%s/" FLIGHT_FILE, sys.run_dir);
    int fd = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, garbage, sizeof garbage - 1), sizeof garbage - 1);
    close(fd);
    int pid = system_child(&sys, "beat");
    assert_int_equal(kill(pid, SIGKILL), 0);

    WAIT_UNTIL(rows_of_pid("exit", pid) == 1, 30000);

    assert_int_equal(rows("event = 'old'"), 0); /* of 1970: it would be swept at once */
    unlink(path);                               /* one that was removed is made again */
    wait_up();
    pid = system_child(&sys, "beat");
    assert_int_equal(kill(pid, SIGKILL), 0);
    WAIT_UNTIL(rows_of_pid("exit", pid) == 1, 30000);
    wait_up();
}

TEST(test_while_postgresql_is_away_the_run_directory_tells_and_nothing_is_lost)
{
    int pid = system_child(&sys, "worker");
    pg_kill(&sys.pg);
    WAIT_UNTIL(system_child(&sys, "worker") == pid || system_child(&sys, "worker") == 0, 10000);
    kill(pid, SIGKILL);

    int64_t deadline = support_patience(30000);
    for (bool is_told = false; !is_told; support_pause()) {
        cJSON *json = timeline("kind=process&limit=1000"), *event;
        cJSON_ArrayForEach(event, cJSON_GetObjectItem(json, "events"))
            is_told = is_told || (strcmp(text_of(event, "what"), "exit") == 0 &&
                                  cJSON_IsFalse(cJSON_GetObjectItem(json, "is_whole")) &&
                                  strstr(text_of(json, "note"), "PostgreSQL"));
        if (!is_told && support_late(deadline)) fail_msg("not told: %s", cJSON_PrintUnformatted(json));
        cJSON_Delete(json);
    }
    int64_t lasted = support_deadline(6000); /* a fault is what lasts */
    while (!support_late(lasted)) support_pause();
    pg_restart(&sys.pg);

    wait_up();
    WAIT_UNTIL(rows_of_pid("exit", pid) == 1, 30000);
    WAIT_UNTIL(all_taken(), 20000);
    WAIT_UNTIL(
        pg_int(&sys.pg, "SELECT count(*) FROM problem_episodes WHERE part = 'PostgreSQL' AND seen_at > began_at") == 1,
        60000);
}

static bool is_in_file(const char *what, int pid)
{
    cJSON *events = flight_read(sys.run_dir, NULL, NULL), *event;
    bool is_there = false;
    cJSON_ArrayForEach(event, events)
        is_there = is_there ||
                   (strcmp(text_of(event, "event"), what) == 0 && cJSON_GetObjectItem(event, "pid")->valueint == pid);
    cJSON_Delete(events);
    return is_there;
}

/* The supervisor and all that it runs, at once: as when a container is killed. */
static void kill_container(void)
{
    struct snapshot *shot = test_malloc(sizeof *shot);
    assert_int_equal(snapshot_read(sys.run_dir, shot, NULL), 0);
    process_signal(&sys.logikald, SIGSTOP);
    for (int i = 0; i < shot->count; i++)
        if (shot->children[i].pid) kill(-shot->children[i].pid, SIGKILL);
    process_signal(&sys.logikald, SIGKILL);
    process_wait(&sys.logikald, 10000);
    test_free(shot);
}

TEST(test_the_death_of_the_container_is_one_row_and_what_was_before_stays)
{
    int pid = system_child(&sys, "beat");
    kill(pid, SIGKILL);
    WAIT_UNTIL(is_in_file("exit", pid), 20000);
    kill_container();
    int64_t died = rows("event = 'died'");

    system_again(&sys, settings_used);

    wait_up();
    WAIT_UNTIL(rows("event = 'died'") == died + 1, 20000);
    assert_int_equal(rows_of_pid("exit", pid), 1);
    WAIT_UNTIL(all_taken(), 20000);
    log_in();
}

TEST(test_the_timeline_has_all_kinds_and_pages_through_them_once)
{
    struct http_reply asked = ask("POST", "/api/v1/sync/directories", admin);
    http_reply_free(&asked);
    WAIT_UNTIL(pg_int(&sys.pg, "SELECT count(*) FROM sync_runs") > 0, 30000);
    WAIT_UNTIL(pg_int(&sys.pg, "SELECT count(*) FROM admin_actions") > 0, 30000);
    pg_exec(
        &sys.pg,
        "INSERT INTO alert_log (kind, key, text, channel, error) VALUES ('problem', 'k', 'wrong it is', 'mail', 'no')");
    pg_exec(&sys.pg, "INSERT INTO problem_episodes (key, severity, part, cause, began_at, seen_at, ended_at) VALUES"
                     " ('been', 'wrong', 'Mail', 'What has been', now() - interval '2 min', now() - interval '1 min',"
                     " now() - interval '1 min')");
    WAIT_UNTIL(all_taken(), 20000);
    static const char *const kinds[] = {"process", "memory", "sync", "fault", "deployment", "admin"};
    for (int i = 0; i < 6; i++) {
        char query[60];
        snprintf(query, sizeof query, "kind=%s", kinds[i]);
        cJSON *json = timeline(query), *event;
        if (!cJSON_GetObjectItem(json, "events")->child) fail_msg("nothing of kind %s", kinds[i]);
        cJSON_ArrayForEach(event, cJSON_GetObjectItem(json, "events"))
            assert_string_equal(text_of(event, "kind"), kinds[i]);
        cJSON_Delete(json);
    }
    assert_int_equal(told("fault", "alarm", "wrong it is"), 1);
    assert_int_equal(told("fault", "over", "What has been"), 1);
    assert_int_equal(told("fault", "open", "What has been"), 0);
    WAIT_UNTIL(told("fault", "over", "PostgreSQL") >= 1, 40000);
    assert_true(told("deployment", "start", "supervises") >= 1);
    assert_true(told("deployment", "migrate", "migrations were applied") >= 1);

    cJSON *all = timeline("limit=1000&until=2100-01-01T00:00:00Z"), *list = cJSON_GetObjectItem(all, "events"),
          *next = list->child;
    char before[200] = "", query[300];
    for (int pages = 0; next; pages++) {
        snprintf(query, sizeof query, "limit=7&until=2100-01-01T00:00:00Z&before=%s", before);
        cJSON *page = timeline(query), *event;
        assert_non_null(page);
        cJSON_ArrayForEach(event, cJSON_GetObjectItem(page, "events")) {
            if (!pages && strcmp(text_of(event, "id"), text_of(next, "id")) != 0) continue; /* newer than the list */
            if (!next) break;
            assert_string_equal(text_of(event, "id"), text_of(next, "id"));
            next = next->next;
        }
        snprintf(before, sizeof before, "%s", text_of(page, "next"));
        if (!before[0]) assert_null(next);
        cJSON_Delete(page);
    }
    cJSON_Delete(all);
    struct http_reply reply = ask("GET", "/api/v1/timeline?before=1-x:nonsense", admin);
    assert_int_equal(reply.status, 422);
    http_reply_free(&reply);
}

TEST(test_what_is_old_is_swept_and_the_rest_stays)
{
    char run_dir[300], *output = NULL;
    int64_t young = rows("at > now() - interval '80 days'");
    pg_exec(&sys.pg,
            "INSERT INTO flight_events SELECT gen_random_uuid(), n, now() - interval '91 days', 'h', 'v', 'exit', 'c',"
            " 1, 't', '' FROM generate_series(1, 6000) n;"
            "INSERT INTO problem_episodes (key, severity, part, cause, began_at, seen_at, ended_at)"
            " SELECT 'old', 'wrong', 'p', 'c', d, d, d FROM (SELECT now() - interval '91 days') AS x (d)");
    snprintf(run_dir, sizeof run_dir, "LOGIKALD_RUN_DIR=%s", sys.run_dir);
    char *argv[] = {(char *)(uintptr_t)support_program("logikald"), "task", "tasks.scheduler_tasks.cleanup_old_tasks",
                    NULL};

    int status = process_run(argv, (char *[]){run_dir, NULL}, &output);

    if (status != 0 || !strstr(output, "\"events_deleted\"")) fail_msg("%d %s", status, output);
    free(output);
    assert_int_equal(rows("at < now() - interval '90 days'"), 0);
    assert_int_equal(pg_int(&sys.pg, "SELECT count(*) FROM problem_episodes WHERE key = 'old'"), 0);
    assert_true(rows("at > now() - interval '80 days'") >= young);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_process_that_is_killed_is_one_row_with_its_reason),
        cmocka_unit_test(test_a_crash_leaves_stack_and_last_lines_without_secrets),
        cmocka_unit_test(test_garbage_in_the_file_loses_nothing_that_comes_after),
        cmocka_unit_test(test_while_postgresql_is_away_the_run_directory_tells_and_nothing_is_lost),
        cmocka_unit_test(test_the_death_of_the_container_is_one_row_and_what_was_before_stays),
        cmocka_unit_test(test_the_timeline_has_all_kinds_and_pages_through_them_once),
        cmocka_unit_test(test_what_is_old_is_swept_and_the_rest_stays),
    };
    cmocka_set_test_filter(getenv("TEST_FILTER"));
    return cmocka_run_group_tests(tests, start, stop);
}
