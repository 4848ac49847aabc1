/* Births and deaths are never missed: programs that cannot be run, one-shots that others wait for, a parent that
 * ignored SIGCHLD, signals before we listen, no descriptors left. */
#include "tests/support/process/supervised.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/clock.h"

static struct supervised s;

static int64_t logged_at(const char *text) /* where in the log; -1 = not there */
{
    char *log = process_log(&s.process);
    const char *at = strstr(log, text);
    int64_t where = at ? at - log : -1;
    free(log);
    return where;
}

/* ---- what cannot be run, and what is done when it has ended ---- */

static void test_program_that_cannot_be_run_is_never_ready(void **state)
{
    static const char *const commands[] = {"[\"/nonexistent/prog\"]", "[\"nonexistent-prog-at-all\"]",
                                           "[\"/etc/passwd\"]", "[\"/\"]"};
    (void)state;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        char config[400];
        snprintf(
            config, sizeof config,
            "programs = ({ name = \"a\"; command = %s; }, { name = \"b\"; depends_on = [\"a\"]; command = [\"sleep\", "
            "\"99\"]; });",
            commands[i]);
        supervised_up(&s, config, (char *[]){"LOGIKALD_ROLES=a,b", NULL});
        WAIT_UNTIL(supervised_child(&s, "a")->restarts >= 2, 10000);
        assert_true(supervised_is(&s, "b", "waiting"));
        assert_true(logged_at("a[") >= 0);
        assert_false(process_logged(&s.process, "] ready after"));
        assert_true(strncmp(supervised_child(&s, "a")->last_exit, "exit status 127 (could not be executed): cannot run",
                            51) == 0);
        supervised_stop(&s);
    }
}

static void test_one_shot_is_waited_for(void **state)
{
    static const char *const how[] = {"restart = \"on-failure\";", "restart = \"never\";",
                                      "restart = \"never\"; readiness = \"exit\";"};
    (void)state;
    for (size_t i = 0; i < sizeof how / sizeof *how; i++) {
        char config[500];
        snprintf(
            config, sizeof config,
            "programs = ({ name = \"init\"; command = [\"sh\", \"-c\", \"sleep 1; echo init done\"]; %s },"
            "{ name = \"app\"; depends_on = [\"init\"]; command = [\"sh\", \"-c\", \"echo app runs; exec sleep 99\"]; "
            "});",
            how[i]);
        supervised_up(&s, config, (char *[]){"LOGIKALD_ROLES=init,app", "START_TIMEOUT_SECONDS=1", NULL});
        WAIT_UNTIL(process_logged(&s.process, "app runs"), 10000);
        assert_true(logged_at("init done") >= 0 && logged_at("init done") < logged_at("app runs"));
        supervised_stop(&s);
    }
}

TEST(test_on_failure_with_readiness_none_does_not_hold_others_up)
{
    supervised_up(
        &s,
        "programs = ({ name = \"server\"; command = [\"sleep\", \"99\"]; restart = \"on-failure\"; readiness = "
        "\"none\"; },"
        "{ name = \"app\"; depends_on = [\"server\"]; command = [\"sleep\", \"99\"]; });",
        (char *[]){"LOGIKALD_ROLES=server,app", NULL});
    WAIT_UNTIL(supervised_is(&s, "app", "ready"), 5000);
    supervised_stop(&s);
}

static void test_probes_that_are_given_up_leave_no_process(void **state)
{
    char *output, *argv[] = {"pgrep", "-fc", "--", "sleep 57[.]31", NULL};
    (void)state;
    supervised_up(&s, "programs = ({ name = \"p\"; command = [\"true\"]; readiness = \"command:sleep 57.31\"; });",
                  (char *[]){"LOGIKALD_ROLES=p", "RESTART_BACKOFF_BASE_MS=1", "RESTART_BACKOFF_CAP_MS=1", NULL});
    WAIT_UNTIL(supervised_child(&s, "p")->restarts > 300, 30000);
    assert_int_equal(supervised_ctl(&s, &output, "stop", "p", NULL), 0);
    free(output);
    for (bool is_gone = false; !is_gone; support_pause()) {
        process_run(argv, NULL, &output);
        is_gone = atoi(output) == 0;
        free(output);
        if (!is_gone) WAIT_UNTIL(supervised_is(&s, "p", "down"), 1000);
        static int tries;
        if (++tries > 300) fail_msg("probes are left");
    }
    supervised_stop(&s);
}

/* ---- signals ---- */

static void test_deaths_are_noticed_whatever_was_inherited(void **state)
{
    char program[300], run[320], config[300];
    (void)state;
    supervised_prepare(&s, " ");
    snprintf(program, sizeof program, "%s/bin/logikald", s.dir);
    snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%s", s.run_dir);
    snprintf(config, sizeof config, "PLAY_DIR=%s", s.dir);
    char *argv[] = {"perl", "-e", "$SIG{CHLD} = $SIG{HUP} = 'IGNORE'; exec @ARGV", program, "--config", s.config, NULL};
    char *env[] = {run, config, "PORT=0", "HOST=127.0.0.1", "LOGIKALD_ROLES=web", NULL};
    process_start(&s.process, "logikald", argv, env);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 10000);
    int web = supervised_pid(&s, "web.0");
    kill(web, SIGKILL);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready") && supervised_pid(&s, "web.0") != web, 10000);
    supervised_stop(&s);
}

static void test_signals_before_it_listens_are_neither_fatal_nor_lost(void **state)
{
    char program[300], run[320], play[300];
    (void)state;
    supervised_prepare(&s, " ");
    snprintf(program, sizeof program, "%s/bin/logikald", s.dir);
    snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%s", s.run_dir);
    snprintf(play, sizeof play, "PLAY_DIR=%s", s.dir);
    /* The shell blocks them, as a parent would that sends at once; from main() on they are held by ourselves. */
    char *argv[] = {
        "perl",
        "-MPOSIX",
        "-e",
        "sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGHUP, SIGTERM)); kill 'HUP', $$; kill 'TERM', $$ if $ENV{T}; "
        "exec @ARGV",
        program,
        "--config",
        s.config,
        NULL};
    char *env[] = {run, play, "PORT=0", "HOST=127.0.0.1", "LOGIKALD_ROLES=web", NULL, NULL};
    process_start(&s.process, "logikald", argv, env);
    WAIT_UNTIL(process_logged(&s.process, "configuration reloaded"), 10000);
    supervised_stop(&s);

    env[5] = "T=1";
    process_start(&s.process, "logikald", argv, env);
    assert_int_equal(process_wait(&s.process, 10000), 0);
    WAIT_UNTIL(process_logged(&s.process, "stopping (SIGTERM)"), 5000);
}

/* ---- descriptors ---- */

static bool has_std_descriptors(int pid)
{
    char path[64];
    struct stat st;
    for (int fd = 0; fd < 3; fd++) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
        if (lstat(path, &st) != 0) return false;
    }
    return true;
}

/* Children that are their program by now: with their descriptors, and without. */
static void count_sleepers(int *whole, int *refused)
{
    *whole = *refused = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *e; (e = readdir(proc));) {
        char path[300], text[64] = "";
        snprintf(path, sizeof path, "/proc/%.20s/cmdline", e->d_name);
        FILE *f = fopen(path, "r");
        if (!f) continue;
        if (fread(text, 1, sizeof text - 1, f) > 0 && strcmp(text, "sleep") == 0) {
            snprintf(path, sizeof path, "/proc/%.20s/stat", e->d_name);
            FILE *stat_file = fopen(path, "r");
            int parent = 0;
            if (stat_file && fscanf(stat_file, "%*d %*s %*c %d", &parent) == 1 && parent == s.process.pid) {
                if (has_std_descriptors(atoi(e->d_name)))
                    (*whole)++;
                else
                    (*refused)++;
            }
            if (stat_file) fclose(stat_file);
        }
        fclose(f);
    }
    closedir(proc);
}

static void test_near_the_descriptor_limit_children_are_whole_or_refused(void **state)
{
    enum { COUNT = 40 };
    static char config[COUNT * 120 + 40];
    char program[300], run[320];
    int whole, refused;
    size_t n = (size_t)snprintf(config, sizeof config, "programs = (");
    (void)state;
    for (int i = 0; i < COUNT; i++)
        n += (size_t)snprintf(config + n, sizeof config - n, "%s{ name = \"p%d\"; command = [\"sleep\", \"99\"]; }",
                              i ? "," : "", i);
    snprintf(config + n, sizeof config - n, ");");
    supervised_prepare(&s, config);
    snprintf(program, sizeof program, "%s/bin/logikald", s.dir);
    snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%s", s.run_dir);
    char *argv[] = {"sh", "-c", "ulimit -n 80; exec \"$0\" \"$@\"", program, "--config", s.config, NULL};
    char roles[COUNT * 5 + 20] = "LOGIKALD_ROLES=";
    for (int i = 0; i < COUNT; i++) snprintf(roles + strlen(roles), sizeof roles - strlen(roles), "p%d ", i);
    char *env[] = {run, roles, NULL};
    process_start(&s.process, "logikald", argv, env);
    WAIT_UNTIL(process_logged(&s.process, "no pipes for a child: Too many open files"), 10000);
    WAIT_UNTIL(process_logged(&s.process, "p0["), 10000);
    WAIT_UNTIL((count_sleepers(&whole, &refused), whole > 5), 10000); /* some have not become their program yet */
    assert_int_equal(refused, 0);
    process_signal(&s.process, SIGTERM);
    assert_int_equal(process_wait(&s.process, 20000), 0);
}

static int64_t cpu_ticks(int pid)
{
    char path[64];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (!f || fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2) user = 0;
    if (f) fclose(f);
    return (int64_t)(user + system);
}

static void test_no_descriptors_for_clients_does_not_make_it_spin(void **state)
{
    char program[300], run[320], socket[400], *output;
    struct process clients[6];
    (void)state;
    supervised_prepare(&s, "programs = ({ name = \"p\"; command = [\"sleep\", \"99\"]; });");
    snprintf(program, sizeof program, "%s/bin/logikald", s.dir);
    snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%s", s.run_dir);
    snprintf(socket, sizeof socket, "%s/control.sock", s.run_dir);
    char *argv[] = {program, "--config", s.config, NULL};
    char *env[] = {run, "LOGIKALD_ROLES=p", NULL};
    process_start(&s.process, "logikald", argv, env);
    WAIT_UNTIL(supervised_is(&s, "p", "ready"), 10000);
    struct rlimit few = {20, 20};
    assert_int_equal(prlimit(s.process.pid, RLIMIT_NOFILE, &few, NULL), 0);
    char *hold[] = {
        "perl",
        "-MSocket",
        "-e",
        "for (1..6) { socket(my $s, AF_UNIX, SOCK_STREAM, 0); connect($s, sockaddr_un($ARGV[0])); push @s, $s } "
        "print STDERR \"held\\n\"; sleep 99",
        socket,
        NULL};
    for (int i = 0; i < 2; i++) {
        process_start(&clients[i], "hold", hold, NULL);
        WAIT_UNTIL(process_logged(&clients[i], "held"), 10000);
    }
    WAIT_UNTIL(process_logged(&s.process, "control: no descriptor for another connection"), 10000);
    int64_t before = cpu_ticks(s.process.pid);
    for (int64_t until = mono_ms() + 2000; mono_ms() < until;) support_pause();
    assert_in_range(cpu_ticks(s.process.pid) - before, 0, sysconf(_SC_CLK_TCK) / 2);
    for (int i = 0; i < 2; i++) process_stop(&clients[i]);
    WAIT_UNTIL(supervised_ctl(&s, &output, "status", NULL) == 0 || (free(output), false), 20000);
    free(output);
    supervised_stop(&s);
}

/* ---- as other supervisors have it ---- */

static void test_without_autostart_it_waits_for_ctl_start(void **state)
{
    char *output;
    (void)state;
    supervised_up(
        &s,
        "programs = ({ name = \"a\"; command = [\"sleep\", \"99\"]; autostart = false; }, { name = \"b\"; command = "
        "[\"sleep\", \"99\"]; });",
        (char *[]){"LOGIKALD_ROLES=a,b", NULL});
    WAIT_UNTIL(supervised_is(&s, "b", "ready"), 5000);
    assert_true(supervised_is(&s, "a", "down"));
    process_signal(&s.process, SIGHUP);
    WAIT_UNTIL(process_logged(&s.process, "configuration reloaded"), 5000);
    assert_true(supervised_is(&s, "a", "down"));
    assert_int_equal(supervised_ctl(&s, &output, "start", "a", NULL), 0);
    free(output);
    assert_true(supervised_is(&s, "a", "ready"));
    supervised_stop(&s);
}

static void test_all_means_everybody(void **state)
{
    char *output;
    (void)state;
    supervised_up(&s,
                  "programs = ({ name = \"a\"; command = [\"sleep\", \"99\"]; }, { name = \"b\"; command = [\"sleep\", "
                  "\"99\"]; });",
                  (char *[]){"LOGIKALD_ROLES=a,b,web", NULL});
    WAIT_UNTIL(supervised_is(&s, "b", "ready") && supervised_is(&s, "web.0", "ready"), 5000);
    int b = supervised_pid(&s, "b");
    assert_int_equal(supervised_ctl(&s, &output, "restart", "all", NULL), 0);
    free(output);
    assert_int_not_equal(supervised_pid(&s, "b"), b);
    assert_int_equal(supervised_ctl(&s, &output, "stop", "all", NULL), 0);
    free(output);
    assert_true(supervised_is(&s, "a", "down") && supervised_is(&s, "b", "down") && supervised_is(&s, "web.0", "down"));
    assert_int_equal(supervised_ctl(&s, &output, "start", "all", NULL), 0);
    free(output);
    assert_true(supervised_is(&s, "a", "ready") && supervised_is(&s, "web.0", "ready"));
    supervised_stop(&s);
}

static void test_liveness_and_pings_of_programs(void **state)
{
    char config[2000], flag[400];
    (void)state;
    supervised_prepare(&s, " ");
    snprintf(flag, sizeof flag, "%s/well", s.dir);
    snprintf(config, sizeof config,
             "programs = ({ name = \"asked\"; command = [\"sh\", \"-c\", \"touch %s; exec sleep 99\"]; liveness = "
             "\"command:test -e %s\"; liveness_interval_s = 1; liveness_failures = 2; },"
             "{ name = \"pings\"; readiness = \"notify\"; watchdog_s = 2; command = [\"perl\", \"-MSocket\", \"-e\","
             "\"socket(S, AF_UNIX, SOCK_DGRAM, 0); my $p = $ENV{NOTIFY_SOCKET}; substr($p, 0, 1) = chr 0;"
             "connect(S, pack('Sa*', AF_UNIX, $p)); send(S, 'READY=1', 0); $| = 1; print $ENV{WATCHDOG_USEC}, qq{\\n};"
             "for (1..6) { send(S, 'WATCHDOG=1', 0); select(undef, undef, undef, 0.5) } sleep 99\"]; });",
             flag, flag);
    supervised_config(&s, config);
    supervised_start(&s, (char *[]){"LOGIKALD_ROLES=asked,pings", NULL});
    WAIT_UNTIL(supervised_is(&s, "asked", "ready") && supervised_is(&s, "pings", "ready"), 5000);
    WAIT_UNTIL(process_logged(&s.process, "2000000"), 10000);
    WAIT_UNTIL(process_logged(&s.process, "pings[") && process_logged(&s.process, "is hung: no ping"), 15000);
    WAIT_UNTIL(supervised_child(&s, "pings")->restarts >= 1, 10000);
    assert_int_equal(supervised_child(&s, "asked")->restarts, 0);
    unlink(flag);
    WAIT_UNTIL(supervised_child(&s, "asked")->restarts == 1, 10000);
    WAIT_UNTIL(process_logged(&s.process, "did not answer its liveness probe"), 5000);
    supervised_stop(&s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_program_that_cannot_be_run_is_never_ready),
    cmocka_unit_test(test_one_shot_is_waited_for),
    cmocka_unit_test(test_on_failure_with_readiness_none_does_not_hold_others_up),
    cmocka_unit_test(test_probes_that_are_given_up_leave_no_process),
    cmocka_unit_test(test_deaths_are_noticed_whatever_was_inherited),
    cmocka_unit_test(test_signals_before_it_listens_are_neither_fatal_nor_lost),
    cmocka_unit_test(test_near_the_descriptor_limit_children_are_whole_or_refused),
    cmocka_unit_test(test_no_descriptors_for_clients_does_not_make_it_spin),
    cmocka_unit_test(test_without_autostart_it_waits_for_ctl_start),
    cmocka_unit_test(test_all_means_everybody),
    cmocka_unit_test(test_liveness_and_pings_of_programs),
};
SUPERVISED_MAIN(tests)
