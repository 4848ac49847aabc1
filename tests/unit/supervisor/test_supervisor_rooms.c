/* The supervisor's rooms that touch no process: environments, words for exits, last lines, probe
 * targets, the run directory. */
#include "tests/support/support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/conf.h"
#include "supervisor/child/probe.h"
#include "supervisor/control/reexec.h"
#include "supervisor/log/line_ring.h"
#include "supervisor/plan/environment.h"
#include "supervisor/plan/exit_words.h"
#include "supervisor/system/run_dir.h"

/* NULL: no such name. */
static const char *value_in(const struct environment *e, const char *name)
{
    size_t len = strlen(name);
    for (int i = 0; i < e->count; i++)
        if (strncmp(e->list[i], name, len) == 0 && e->list[i][len] == '=') return e->list[i] + len + 1;
    return NULL;
}

static void test_environment_passes_only_the_secrets_that_a_child_uses(void **state)
{
    char *from[] = {"PATH=/bin",           "DATABASE_URL=postgres://u:p@h/d",
                    "SECRET_KEY=s",        "LOGIKAL_AUTH_PASSWORD=l",
                    "REDIS_URL=redis://x", "NOTIFY_SOCKET=/run/x",
                    "LISTEN_FDS=1",        "WATCHDOG_USEC=1",
                    "LOG_LEVEL=debug",     "ODD",
                    "ADMIN_PASSWORD=a",    NULL};
    struct environment e;
    (void)state;

    environment_start(&e, from, USER_BEAT);
    assert_null(value_in(&e, "DATABASE_URL"));
    assert_null(value_in(&e, "SECRET_KEY"));
    assert_null(value_in(&e, "ADMIN_PASSWORD"));
    assert_null(value_in(&e, "LOGIKAL_AUTH_PASSWORD"));
    assert_string_equal(value_in(&e, "REDIS_URL"), "redis://x");
    assert_string_equal(value_in(&e, "LOG_LEVEL"), "debug");
    assert_null(value_in(&e, "NOTIFY_SOCKET"));
    assert_null(value_in(&e, "LISTEN_FDS"));
    assert_null(value_in(&e, "WATCHDOG_USEC"));
    environment_free(&e);

    environment_start(&e, from, 0); /* a program */
    assert_null(value_in(&e, "REDIS_URL"));
    assert_null(value_in(&e, "DATABASE_URL"));
    assert_string_equal(value_in(&e, "PATH"), "/bin");
    environment_put(&e, "DATABASE_URL=mine");
    environment_set(&e, "PATH", "/usr/%s", "bin");
    assert_string_equal(value_in(&e, "DATABASE_URL"), "mine");
    assert_string_equal(value_in(&e, "PATH"), "/usr/bin");
    assert_false(e.failed);
    environment_free(&e);
}

TEST(test_every_secret_is_kept_from_programs)
{
    for (int i = 0; i < SET_COUNT; i++) {
        char entry[128];
        char *from[] = {entry, NULL};
        struct environment e;
        if (!settings[i].is_secret) continue;
        assert_true(settings[i].env[0]);
        snprintf(entry, sizeof entry, "%s=value", settings[i].env);
        environment_start(&e, from, 0);
        assert_int_equal(e.count, 0);
        environment_free(&e);
    }
}

static void test_exits_are_told_in_words(void **state)
{
    static const struct {
        struct exit_facts facts;
        const char *words;
    } rows[] = {
        {{.wait_status = 0, .state = CHILD_READY}, "exit status 0"},
        {{.wait_status = 1 << 8, .state = CHILD_READY}, "exit status 1"},
        {{.wait_status = 78 << 8, .state = CHILD_STARTING}, "exit status 78 (configuration refused)"},
        {{.wait_status = 127 << 8, .state = CHILD_STARTING}, "exit status 127 (could not be executed)"},
        {{.wait_status = SIGSEGV, .state = CHILD_READY}, "killed by SIGSEGV"},
        {{.wait_status = SIGSEGV | 0x80, .state = CHILD_READY}, "killed by SIGSEGV, core dumped"},
        {{.wait_status = SIGKILL, .state = CHILD_READY}, "killed by SIGKILL"},
        {{.wait_status = SIGKILL, .state = CHILD_READY, .is_oom = true}, "killed by SIGKILL (out of memory)"},
        {{.wait_status = 0, .state = CHILD_STOPPING}, "stopped as asked, exit status 0"},
        {{.wait_status = SIGKILL, .state = CHILD_KILLING}, "did not stop in time, killed by SIGKILL"},
        {{.wait_status = SIGABRT, .state = CHILD_DUMPING, .why = WHY_HUNG, .silent_ms = 15040},
         "hung: no ping for 15.0 s, killed by SIGABRT"},
        {{.wait_status = SIGKILL, .state = CHILD_KILLING, .why = WHY_HUNG, .silent_ms = 18000},
         "hung: no ping for 18.0 s, killed by SIGKILL"},
        {{.wait_status = SIGTERM, .state = CHILD_STOPPING, .why = WHY_NOT_READY},
         "not ready in time, killed by SIGTERM"},
    };
    char out[160];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(exit_words(&rows[i].facts, out, sizeof out), rows[i].words);
    assert_int_equal(signal_number("TERM"), SIGTERM);
    assert_int_equal(signal_number("sigusr1"), SIGUSR1);
    assert_int_equal(signal_number("9"), SIGKILL);
    assert_int_equal(signal_number("0"), -1);
    assert_int_equal(signal_number("999"), -1);
    assert_int_equal(signal_number(""), -1);
    assert_int_equal(signal_number("NOPE"), -1);
}

static void test_last_lines_are_bounded_and_whole(void **state)
{
    struct line_ring r = {0};
    size_t len;
    char line[64];
    (void)state;
    line_ring_last(&r, 5, &len);
    assert_int_equal(len, 0);
    for (int i = 0; i < 5000; i++) {
        int n = snprintf(line, sizeof line, "line %d", i);
        line_ring_add(&r, line, (size_t)n);
        assert_true(r.len <= LINE_RING_BYTES);
    }
    const char *last = line_ring_last(&r, 2, &len);
    assert_int_equal(len, strlen("line 4998\nline 4999\n"));
    assert_memory_equal(last, "line 4998\nline 4999\n", len);
    const char *all = line_ring_last(&r, 1000000, &len);
    assert_memory_equal(all, "line ", 5);
    assert_int_equal(len, r.len);

    char *huge = malloc(100000);
    memset(huge, 'x', 100000);
    for (int i = 0; i < 50; i++) line_ring_add(&r, huge, 100000);
    assert_true(r.len <= LINE_RING_BYTES);
    line_ring_add(&r, "", 0);
    last = line_ring_last(&r, 1, &len);
    assert_int_equal(len, 1);
    assert_int_equal(*last, '\n');
    free(huge);
    line_ring_free(&r);
}

#define MORE_WORDS " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20"

static void test_probe_targets_good_and_bad(void **state)
{
    static const struct {
        enum program_ready kind;
        const char *text;
        bool is_good;
    } rows[] = {
        {READY_TCP, "127.0.0.1:80", true},
        {READY_TCP, "localhost:6379", true},
        {READY_TCP, "[::1]:80", true},
        {READY_TCP, "127.0.0.1", false},
        {READY_TCP, "127.0.0.1:0", false},
        {READY_TCP, "127.0.0.1:70000", false},
        {READY_TCP, "db.example:5432", false},
        {READY_TCP, ":80", false},
        {READY_TCP, "127.0.0.1:80/x", false},
        {READY_TCP, NULL, false},
        {READY_HTTP, "127.0.0.1:80/health", true},
        {READY_HTTP, "127.0.0.1:80", true},
        {READY_UNIX, "/run/x.sock", true},
        {READY_UNIX, "", false},
        {READY_COMMAND, "true", true},
        {READY_COMMAND, "   ", false},
        {READY_COMMAND, "test 'a b", false},
        {READY_COMMAND, "test \"a b'", false},
        {READY_COMMAND, "a" MORE_WORDS MORE_WORDS MORE_WORDS " b c d", true}, /* 64 words */
        {READY_COMMAND, "a" MORE_WORDS MORE_WORDS MORE_WORDS " b c d e", false},
        {READY_TCP, "127.0.0.1:-1", false},
        {READY_TCP, "127.0.0.1:+80", false},
        {READY_TCP, "127.0.0.1: 80", false},
        {READY_NOTIFY, NULL, true},
    };
    struct probe_target t;
    char longest[300];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err = {0};
        int rc = probe_target_parse(rows[i].kind, rows[i].text, &t, &err);
        if ((rc == 0) != rows[i].is_good) fail_msg("\"%s\": %s", rows[i].text ? rows[i].text : "", err.text);
        if (rc == 0) probe_target_free(&t);
        if (rc != 0) assert_true(err.text[0]);
    }
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_int_not_equal(probe_target_parse(READY_UNIX, longest, &t, NULL), 0);
    memcpy(longest, "127.0.0.1:80/", 13);
    assert_int_not_equal(probe_target_parse(READY_HTTP, longest, &t, NULL), 0);
    longest[255 + 12] = 0; /* as long as one may be */
    assert_int_equal(probe_target_parse(READY_HTTP, longest, &t, NULL), 0);
    assert_int_equal(strlen(t.path), 255);
    assert_int_equal(probe_target_parse(READY_COMMAND, "pg_isready -h '/a b' \"c d\"e", &t, NULL), 0);
    assert_string_equal(t.command[0], "pg_isready");
    assert_string_equal(t.command[2], "/a b");
    assert_string_equal(t.command[3], "c de");
    assert_null(t.command[4]);
    probe_target_free(&t);
}

/* As the supervisor takes it: the directory, then the lock file in it. */
static int hold(const char *path, struct err *err)
{
    int dir_fd = run_dir_hold(path, err);
    if (dir_fd < 0) return -1;
    int fd = run_dir_lock(path, err);
    if (fd >= 0) close(fd);
    if (fd >= 0) return dir_fd;
    close(dir_fd);
    return -1;
}

static void test_run_dir_is_ours_alone_and_locked_once(void **state)
{
    char path[512], link[600];
    struct err err = {0};
    struct stat st;
    (void)state;
    snprintf(path, sizeof path, "%s/deep/er/run", support_dir());
    int fd = hold(path, &err);
    assert_true(fd >= 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    pid_t pid = fork();
    if (pid == 0) { /* another process: refused, and told who holds it */
        char holder[32];
        snprintf(holder, sizeof holder, "another supervisor runs on");
        _exit(hold(path, &err) == -1 && strstr(err.text, holder) ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    snprintf(link, sizeof link, "%s/supervisor.lock", path); /* the directory itself is held, whatever is in it */
    unlink(link);
    assert_int_equal(hold(path, &err), -1);
    assert_non_null(strstr(err.text, "another supervisor runs on"));
    close(fd);
    chmod(path, 0755);
    fd = hold(path, &err); /* what was left behind does not block, and is closed to others */
    assert_true(fd >= 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    close(fd);
    assert_int_equal(chmod(support_dir(), 0711), 0);
    assert_int_equal(hold(support_dir(), &err), -1); /* others work there: refused and left as it is */
    assert_non_null(strstr(err.text, "shared with others"));
    assert_int_equal(stat(support_dir(), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0711);
    snprintf(link, sizeof link, "%s/link", support_dir());
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(hold(link, &err), -1);
    assert_non_null(strstr(err.text, "not a directory"));
}

/* A state of another version, with one member changed: wrong names what it is refused for; NULL: it is taken. */
TEST(test_states_that_cannot_be_taken_over_are_refused)
{
    static const struct {
        const char *member, *value, *wrong;
        bool is_of_child;
    } rows[] = {{"pid", "4242", NULL, true},
                {"pid", "-1", "pid", true},
                {"pid", "1", "pid", true},
                {"group", "-4242", "group", true},
                {"group", "1", "group", true},
                {"previous_pid", "-1e300", "previous_pid", true},
                {"guardian_pid", "-1", "guardian_pid", false},
                {"machine.state", "11", "machine.state", true},
                {"machine.why", "4", "machine.why", true},
                {"spec.readiness", "-1", "spec.readiness", true},
                {"spec.policy.restart", "3", "spec.policy.restart", true},
                {"running_stop_signal", "65", "running_stop_signal", true},
                {"spec.name", "\"\"", "is not one", true},
                {"spec.name", "17", "is not one", true},
                {"program_inode", "1e300", NULL, true},
                {"program_inode", "\"9223372036854775807\"", NULL, true},
                {"what a newer one adds", "{}", NULL, true},
                {"format", "2", "another format", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err = {0};
        cJSON *json = cJSON_Parse("{\"format\":1,\"children\":[{\"spec.name\":\"web.0\",\"machine.state\":3}]}");
        cJSON *child = cJSON_GetObjectItem(json, "children")->child, *of = rows[i].is_of_child ? child : json;
        cJSON_DeleteItemFromObjectCaseSensitive(of, rows[i].member);
        cJSON_AddItemToObject(of, rows[i].member, cJSON_Parse(rows[i].value));
        int rc = reexec_check(json, &err);
        if (rc != (rows[i].wrong ? -ERR_INPUT : 0)) fail_msg("%s: %s: %s", rows[i].member, rows[i].value, err.text);
        if (rows[i].wrong && !strstr(err.text, rows[i].wrong)) fail_msg("%s: %s", rows[i].member, err.text);
        cJSON_Delete(json);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_states_that_cannot_be_taken_over_are_refused),
    cmocka_unit_test(test_environment_passes_only_the_secrets_that_a_child_uses),
    cmocka_unit_test(test_every_secret_is_kept_from_programs),
    cmocka_unit_test(test_exits_are_told_in_words),
    cmocka_unit_test(test_last_lines_are_bounded_and_whole),
    cmocka_unit_test(test_probe_targets_good_and_bad),
    cmocka_unit_test(test_run_dir_is_ours_alone_and_locked_once),
};
TEST_MAIN(tests, NULL, NULL)
