/* Children come up in order, become ready in each way there is, come back when they fail, and are given up when that
 * is asked for. */
#include "tests/support/process/supervised.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define PATIENCE_MS 60000 /* of whatever is to happen, on a machine that has much else to do */

static struct supervised s;

static char *format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static char *format(const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0) abort();
    va_end(ap);
    return text;
}

static void start(char *config, char *const env[])
{
    supervised_prepare(&s, config);
    free(config);
    supervised_start(&s, env);
}

/* The position of a text in the log; fails when it is not there. */
static size_t position(const char *text)
{
    char *log = process_log(&s.process), *at = strstr(log, text);
    if (!at) fail_msg("\"%s\" is not in: %s", text, log);
    size_t n = (size_t)(at - log);
    free(log);
    return n;
}

/* Where "NAME[PID] ready after" stands in the log; fails when it does not. */
static size_t ready_position(const char *name)
{
    char *log = process_log(&s.process), word[64], *at = log, *end;
    snprintf(word, sizeof word, "%s[", name);
    for (; (at = strstr(at, word)) != NULL; at++) {
        (void)strtol(at + strlen(word), &end, 10);
        if (strncmp(end, "] ready after", 13) == 0) break;
    }
    if (!at) fail_msg("%s was never ready: %s", name, log);
    size_t n = (size_t)(at - log);
    free(log);
    return n;
}

static void test_gate_off_runs_web_only_and_says_so(void **state)
{
    char *env[] = {"REDIS_URL=redis://127.0.0.1:1", "SECRET_KEY=0123456789abcdef0123456789abcdef",
                   "DATABASE_URL=postgres://u:p@127.0.0.1:1/d", NULL};
    (void)state;
    start(format("http = { max_connections = 100; };"), env);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), PATIENCE_MS);
    WAIT_UNTIL(supervised_is(&s, "migrate", "done"), PATIENCE_MS);
    assert_null(supervised_child(&s, "worker.0"));
    assert_null(supervised_child(&s, "beat"));
    WAIT_UNTIL(process_logged(&s.process, "Background sync is disabled, skipping worker and beat"), PATIENCE_MS);
    WAIT_UNTIL(process_logged(&s.process, "secrets SD"), PATIENCE_MS); /* web uses both */
    supervised_stop(&s);
}

static void test_gate_on_without_redis_says_what_to_set(void **state)
{
    char *env[] = {"BACKGROUND_SYNC_ENABLED=Yes", NULL};
    (void)state;
    start(format(" "), env);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), PATIENCE_MS);
    assert_null(supervised_child(&s, "worker.0"));
    WAIT_UNTIL(process_logged(&s.process, "set REDIS_URL or REDIS_HOST"), PATIENCE_MS);
    supervised_stop(&s);
}

static void test_roles_come_up_with_counts_and_only_their_secrets(void **state)
{
    char *env[] = {"BACKGROUND_SYNC_ENABLED=on",  "REDIS_URL=redis://127.0.0.1:1",
                   "WORKER_PROCESSES=2",          "SECRET_KEY=0123456789abcdef0123456789abcdef",
                   "DATABASE_URL=postgres://h/d", NULL};
    (void)state;
    start(format(" "), env);
    WAIT_UNTIL(supervised_is(&s, "worker.0", "ready") && supervised_is(&s, "worker.1", "ready"), PATIENCE_MS);
    WAIT_UNTIL(supervised_is(&s, "beat", "ready"), PATIENCE_MS);
    WAIT_UNTIL(process_logged(&s.process, "worker plays ready, previous none, secrets SD"), PATIENCE_MS);
    WAIT_UNTIL(process_logged(&s.process, "beat plays ready, previous none, secrets \n"), PATIENCE_MS);
    assert_true(position("migrate is done") < position("worker.0["));
    supervised_stop(&s);
}

static void test_failing_migration_is_retried_while_web_serves_and_worker_waits(void **state)
{
    char *env[] = {"BACKGROUND_SYNC_ENABLED=1", "REDIS_URL=redis://127.0.0.1:1", "DATABASE_URL=postgres://h/d", NULL};
    (void)state;
    supervised_prepare(&s, " ");
    supervised_let(&s, "migrate", "exit 69");
    supervised_start(&s, env);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), PATIENCE_MS);
    WAIT_UNTIL(supervised_child(&s, "migrate") && supervised_child(&s, "migrate")->restarts >= 3, PATIENCE_MS);
    assert_true(supervised_is(&s, "worker.0", "waiting"));
    assert_string_equal(supervised_child(&s, "migrate")->last_exit,
                        "exit status 69 (something it needs is unavailable)");

    supervised_let(&s, "migrate", "ready");
    WAIT_UNTIL(supervised_is(&s, "worker.0", "ready"), PATIENCE_MS);
    assert_true(supervised_is(&s, "migrate", "done"));
    supervised_stop(&s);
}

static void test_programs_start_in_order_when_ready_and_stop_in_reverse(void **state)
{
    char *env[] = {"LOGIKALD_ROLES=low,middle,high", NULL};
    int low = support_free_port();
    (void)state;
    start(format("programs = ("
                 "{ name = \"high\"; command = [\"%s\", \"--play\", \"rest\"]; depends_on = [\"middle\"]; },"
                 "{ name = \"middle\"; command = [\"python3\", \"-c\", \"import socket,time; time.sleep(0.3); "
                 "s=socket.create_server(('127.0.0.1',%d)); time.sleep(99)\"]; depends_on = [\"low\"]; "
                 "readiness = \"tcp:127.0.0.1:%d\"; },"
                 "{ name = \"low\"; command = [\"%s\", \"--play\", \"rest\"]; });",
                 supervised_program(), low, low, supervised_program()),
          env);
    WAIT_UNTIL(supervised_is(&s, "high", "ready"), PATIENCE_MS);
    assert_true(position("low[") < position("middle["));
    assert_true(position("middle[") < position("high["));
    char *begin = process_log(&s.process), *ready = strstr(begin, "middle[");
    assert_non_null(strstr(ready, "ready after"));
    assert_true(strstr(ready, "ready after") < strstr(ready, "high["));
    free(begin);
    supervised_stop(&s);
    char *log = process_log(&s.process), *end = strstr(log, "stopping (SIGTERM)");
    assert_non_null(end);
    char *high = strstr(end, "high["), *middle = strstr(end, "middle["), *bottom = strstr(end, "low[");
    assert_true(high && middle && bottom && high < middle && middle < bottom);
    free(log);
}

static void test_every_kind_of_readiness(void **state)
{
    char *env[] = {"LOGIKALD_ROLES=notify,tcp,unix,http,command,none,after", NULL};
    int tcp = support_free_port(), http = support_free_port();
    (void)state;
    supervised_prepare(&s, " ");
    char *config = format(
        "programs = ("
        /* a foreign program that speaks systemd's protocol, from a helper process too */
        "{ name = \"notify\"; readiness = \"notify\"; command = [\"python3\", \"-c\", \"import os,socket,time\\n"
        "a=os.environ['NOTIFY_SOCKET']\\na='\\\\0'+a[1:] if a[0]=='@' else a\\n"
        "time.sleep(0.2)\\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\\ns.connect(a)\\n"
        "s.send(b'STATUS=Warming up')\\nif os.fork()==0:\\n s.send(b'READY=1\\\\nSTATUS=Serving\\\\nMAINPID=1')\\n "
        "os._exit(0)\\n"
        "time.sleep(99)\"]; },"
        "{ name = \"tcp\"; readiness = \"tcp:127.0.0.1:%d\"; command = [\"python3\", \"-c\", "
        "\"import socket,time; s=socket.create_server(('127.0.0.1',%d)); time.sleep(99)\"]; },"
        "{ name = \"unix\"; readiness = \"unix:%s/u.sock\"; command = [\"python3\", \"-c\", \"import socket,time; "
        "s=socket.socket(socket.AF_UNIX); s.bind('%s/u.sock'); s.listen(); time.sleep(99)\"]; },"
        "{ name = \"http\"; readiness = \"http:127.0.0.1:%d/up\"; command = [\"python3\", \"-c\", \"import http.server "
        "as h\\n"
        "import time\\nt=time.time()\\nclass H(h.BaseHTTPRequestHandler):\\n def do_GET(q):\\n"
        "  q.send_response(200 if q.path=='/up' and time.time()-t>0.3 else 503); q.end_headers()\\n"
        "h.HTTPServer(('127.0.0.1',%d),H).serve_forever()\"]; },"
        "{ name = \"command\"; readiness = \"command:test -e '%s/flag'\"; "
        "command = [\"sh\", \"-c\", \"sleep 0.3; touch %s/flag; exec sleep 99\"]; },"
        "{ name = \"none\"; command = [\"sleep\", \"99\"]; },"
        "{ name = \"after\"; command = [\"sleep\", \"99\"]; "
        "depends_on = [\"notify\", \"tcp\", \"unix\", \"http\", \"command\", \"none\"]; });",
        tcp, tcp, s.dir, s.dir, http, http, s.dir, s.dir);
    supervised_config(&s, config);
    free(config);
    supervised_start(&s, env);
    WAIT_UNTIL(supervised_is(&s, "after", "ready"), PATIENCE_MS);
    static const char *const before[] = {"notify", "tcp", "unix", "http", "command", "none"};
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        if (ready_position(before[i]) > position("after[")) fail_msg("after began before %s was ready", before[i]);
    }
    assert_string_equal(supervised_child(&s, "notify")->status, "Serving");
    supervised_stop(&s);
}

static void test_child_that_is_never_ready_is_stopped_and_tried_again(void **state)
{
    char *env[] = {"START_TIMEOUT_SECONDS=3", NULL}; /* in which one that can has to be ready */
    (void)state;
    supervised_prepare(&s, " ");
    supervised_let(&s, "web", "silent");
    supervised_start(&s, env);
    WAIT_UNTIL(supervised_child(&s, "web.0")->restarts >= 1, PATIENCE_MS);
    assert_string_equal(supervised_child(&s, "web.0")->last_exit, "not ready in time, exit status 0");
    supervised_let(&s, "web", "ready");
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), PATIENCE_MS);
    supervised_stop(&s);
}

static void test_killed_child_is_back_at_once_and_learns_of_its_predecessor(void **state)
{
    char expected[64];
    /* At once: one that waited as after further failures would not be back in time. */
    char *env[] = {"RESTART_BACKOFF_BASE_MS=60000", "RESTART_BACKOFF_CAP_MS=60000", NULL};
    (void)state;
    start(format(" "), env);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), PATIENCE_MS);
    int pid = supervised_pid(&s, "web.0");
    kill(pid, SIGKILL);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready") && supervised_pid(&s, "web.0") != pid, 25000);
    snprintf(expected, sizeof expected, "previous %d", pid);
    WAIT_UNTIL(process_logged(&s.process, expected), PATIENCE_MS);
    assert_string_equal(supervised_child(&s, "web.0")->last_exit, "killed by SIGKILL");
    assert_int_equal(supervised_child(&s, "web.0")->restarts, 1);
    supervised_stop(&s);
}

static void test_hung_child_is_dumped_killed_and_replaced(void **state)
{
    char *env[] = {"WATCHDOG_SECONDS=3", NULL}; /* pings may be late by half of it */
    (void)state;
    supervised_prepare(&s, " ");
    supervised_let(&s, "web", "hang");
    supervised_start(&s, env);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), PATIENCE_MS);
    supervised_let(&s, "web", "ready");
    WAIT_UNTIL(supervised_child(&s, "web.0")->restarts >= 1 && supervised_is(&s, "web.0", "ready"), PATIENCE_MS);
    const char *words = supervised_child(&s, "web.0")->last_exit;
    if (strncmp(words, "hung: no ping for ", 18) != 0 || strtol(words + 18, NULL, 10) < 3) fail_msg("%s", words);
    WAIT_UNTIL(process_logged(&s.process, "is hung: no ping"), PATIENCE_MS);
    int pid = supervised_pid(&s, "web.0");
    poll(NULL, 0, 3500); /* longer than the watchdog: one that pings is left alone */
    assert_int_equal(supervised_pid(&s, "web.0"), pid);
    assert_in_range(supervised_child(&s, "web.0")->watchdog_age_ms, 0, 2900);

    kill(pid, SIGSTOP); /* a frozen one cannot even abort */
    WAIT_UNTIL(supervised_pid(&s, "web.0") != pid && supervised_is(&s, "web.0", "ready"), PATIENCE_MS);
    assert_non_null(strstr(supervised_child(&s, "web.0")->last_exit, "killed by SIG"));
    supervised_stop(&s);
}

static void test_crash_loop_is_told_shown_retried_and_forgotten_when_stable(void **state)
{
    char *env[] = {"CRASH_LOOP_COUNT=4", "CRASH_LOOP_WINDOW_SECONDS=30", NULL};
    (void)state;
    supervised_prepare(&s, " ");
    supervised_let(&s, "web", "exit 7");
    supervised_start(&s, env);
    WAIT_UNTIL(supervised_is(&s, "web.0", "crash-loop"), PATIENCE_MS);
    assert_true(supervised_child(&s, "web.0")->is_crash_loop);
    WAIT_UNTIL(process_logged(&s.process, "web.0 is in a crash loop: 4 failures"), PATIENCE_MS);
    WAIT_UNTIL(process_logged(&s.process, "exits, the latest first: exit status 7; exit status 7; exit status 7"),
               5000);
    WAIT_UNTIL(process_logged(&s.process, "web plays a failure"), PATIENCE_MS);
    int64_t restarts = supervised_child(&s, "web.0")->restarts;
    WAIT_UNTIL(supervised_child(&s, "web.0")->restarts >= restarts + 3, PATIENCE_MS); /* still tried */

    supervised_let(&s, "web", "ready");
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready") && !supervised_child(&s, "web.0")->is_crash_loop, PATIENCE_MS);
    WAIT_UNTIL(process_logged(&s.process, "its crash loop is over"), PATIENCE_MS);
    supervised_stop(&s);
}

static void test_missing_essential_child_makes_the_supervisor_give_up(void **state)
{
    char *env[] = {"ESSENTIAL_TIMEOUT_SECONDS=1", NULL};
    (void)state;
    supervised_prepare(&s, " ");
    supervised_let(&s, "web", "exit 1");
    supervised_start(&s, env);
    int status = process_wait(&s.process, PATIENCE_MS);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 70);
    WAIT_UNTIL(process_logged(&s.process, "web.0 is essential and could not be kept up"), PATIENCE_MS);
    assert_int_equal(supervised_left(&s), 0);
}

static void test_restart_policies_of_programs(void **state)
{
    char *env[] = {"LOGIKALD_ROLES= never, failure,clean ,missing", NULL};
    (void)state;
    start(format("programs = ("
                 "{ name = \"never\"; command = [\"%s\", \"--play\", \"exit\", \"3\"]; restart = \"never\"; },"
                 "{ name = \"failure\"; command = [\"%s\", \"--play\", \"exit\", \"3\"]; restart = \"on-failure\"; },"
                 "{ name = \"clean\"; command = [\"%s\", \"--play\", \"exit\", \"0\"]; restart = \"on-failure\"; },"
                 "{ name = \"missing\"; command = [\"/nonexistent/program\"]; });",
                 supervised_program(), supervised_program(), supervised_program()),
          env);
    WAIT_UNTIL(supervised_is(&s, "never", "done") && supervised_is(&s, "clean", "done"), PATIENCE_MS);
    WAIT_UNTIL(supervised_child(&s, "failure")->restarts >= 2, PATIENCE_MS);
    assert_int_equal(supervised_child(&s, "never")->restarts, 0);
    assert_int_equal(supervised_child(&s, "clean")->restarts, 0);
    WAIT_UNTIL(supervised_child(&s, "missing")->restarts >= 1, PATIENCE_MS);
    assert_string_equal(
        supervised_child(&s, "missing")->last_exit,
        "exit status 127 (could not be executed): cannot run /nonexistent/program: No such file or directory");
    WAIT_UNTIL(process_logged(&s.process, "cannot run /nonexistent/program: No such file or directory"), PATIENCE_MS);
    supervised_stop(&s);
}

static void test_program_gets_its_surroundings_and_no_secrets(void **state)
{
    char *env[] = {"LOGIKALD_ROLES=env,limits", "SECRET_KEY=do-not-tell-0123456789abcdef01234", "HELLO=there", NULL};
    (void)state;
    start(
        format(
            "programs = ("
            "{ name = \"env\"; command = [\"%s\", \"--play\", \"environment\"]; environment = [\"MINE=1\"]; },"
            "{ name = \"limits\"; command = [\"sh\", \"-c\", \"echo where $(pwd) $(umask) $(ulimit -n) $(ls "
            "/proc/self/fd | wc -l); exec sleep 99\"]; directory = \"/usr\"; umask = \"027\"; rlimit_nofile = 77; });",
            supervised_program()),
        env);
    WAIT_UNTIL(process_logged(&s.process, "env MINE=1"), PATIENCE_MS);
    WAIT_UNTIL(process_logged(&s.process, "where /usr 0027 77 4"), PATIENCE_MS); /* 0, 1, 2 and ls's own */
    WAIT_UNTIL(process_logged(&s.process, "env HELLO=there"), PATIENCE_MS);
    WAIT_UNTIL(process_logged(&s.process, "env LOGIKALD_INSTANCE=env"), PATIENCE_MS);
    assert_false(process_logged(&s.process, "do-not-tell"));
    supervised_stop(&s);
}

static void test_faulty_plans_are_refused_at_start(void **state)
{
    static const struct {
        const char *config, *complaint;
    } rows[] = {
        {"programs = ({ name = \"a\"; command = [\"x\"]; depends_on = [\"b\"]; });", "depends on \"b\""},
        {"programs = ({ name = \"a\"; command = [\"x\"]; depends_on = [\"b\"]; },"
         "{ name = \"b\"; command = [\"x\"]; depends_on = [\"a\"]; });",
         "depends on itself"},
        {"programs = ({ name = \"a\"; command = [\"x\"]; readiness = \"tcp:nowhere\"; });", "HOST:PORT"},
        {"programs = ({ name = \"beat\"; command = [\"x\"]; });", "not a role's own"},
        {"nonsense = 1;", "nonsense"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char program[300], run[320], *output;
        supervised_prepare(&s, rows[i].config);
        snprintf(program, sizeof program, "%s/bin/logikald", s.dir);
        snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%s", s.run_dir);
        char *argv[] = {program, "--config", s.config, NULL};
        char *env[] = {run, "PORT=0", "BACKGROUND_SYNC_ENABLED=1", "REDIS_HOST=h", NULL};
        int status = process_run(argv, env, &output);
        if (status != 78 || !strstr(output, rows[i].complaint)) fail_msg("%d: %s", status, output);
        free(output);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_gate_off_runs_web_only_and_says_so),
    cmocka_unit_test(test_gate_on_without_redis_says_what_to_set),
    cmocka_unit_test(test_roles_come_up_with_counts_and_only_their_secrets),
    cmocka_unit_test(test_failing_migration_is_retried_while_web_serves_and_worker_waits),
    cmocka_unit_test(test_programs_start_in_order_when_ready_and_stop_in_reverse),
    cmocka_unit_test(test_every_kind_of_readiness),
    cmocka_unit_test(test_child_that_is_never_ready_is_stopped_and_tried_again),
    cmocka_unit_test(test_killed_child_is_back_at_once_and_learns_of_its_predecessor),
    cmocka_unit_test(test_hung_child_is_dumped_killed_and_replaced),
    cmocka_unit_test(test_crash_loop_is_told_shown_retried_and_forgotten_when_stable),
    cmocka_unit_test(test_missing_essential_child_makes_the_supervisor_give_up),
    cmocka_unit_test(test_restart_policies_of_programs),
    cmocka_unit_test(test_program_gets_its_surroundings_and_no_secrets),
    cmocka_unit_test(test_faulty_plans_are_refused_at_start),
};
SUPERVISED_MAIN(tests)
