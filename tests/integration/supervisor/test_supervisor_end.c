/* The end of processes: no stop leaves anybody behind, whatever state a child is in and however the supervisor itself
 * goes. */
#include "tests/support/process/shimmed.h"
#include "tests/support/process/supervised.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/clock.h"

static struct supervised s;

/* One program that plays a part, beside web when roles says so. */
static void start(const char *part, const char *more, char *const env[])
{
    char config[1200];
    snprintf(config, sizeof config, "programs = ({ name = \"p\"; command = [\"%s\", \"--play\", %s]; %s });",
             supervised_program(), part, more);
    supervised_prepare(&s, config);
    supervised_start(&s, env);
    WAIT_UNTIL(supervised_is(&s, "p", "ready") && process_logged(&s.process, "plays"), 10000);
}

static void test_stop_ends_grandchildren_that_ignore_term_and_escapees(void **state)
{
    char *env[] = {"LOGIKALD_ROLES=p", NULL};
    (void)state;
    start("\"escape\"", "", env);
    WAIT_UNTIL(supervised_left(&s) >= 4, 5000);
    int64_t begin = mono_ms();
    supervised_stop(&s); /* nothing is left: checked there */
    assert_true(mono_ms() - begin < 9000);
}

static void test_ctl_stop_ends_the_whole_group_before_it_says_down(void **state)
{
    char *env[] = {"LOGIKALD_ROLES=web", NULL};
    (void)state;
    supervised_prepare(&s, " ");
    supervised_let(&s, "web", "child");
    supervised_start(&s, env);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 5000);
    WAIT_UNTIL(supervised_left(&s) == 3, 5000); /* web, what it left, and the guardian */
    assert_int_equal(supervised_ctl(&s, NULL, "stop", "web", NULL), 0);
    assert_true(supervised_is(&s, "web.0", "down"));
    WAIT_UNTIL(supervised_left(&s) == 1, 2000);
    supervised_stop(&s);
}

static void test_crash_takes_the_rest_of_the_group_along(void **state)
{
    char *env[] = {"LOGIKALD_ROLES=web", NULL};
    (void)state;
    supervised_prepare(&s, " ");
    supervised_let(&s, "web", "child");
    supervised_start(&s, env);
    WAIT_UNTIL(supervised_left(&s) == 3, 5000);
    supervised_let(&s, "web", "ready");
    supervised_kill(&s, "web.0", SIGSEGV);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready") && supervised_left(&s) == 2, 5000);
    supervised_stop(&s);
}

static void test_kill_9_of_the_supervisor_leaves_nothing(void **state)
{
    char *env[] = {"LOGIKALD_ROLES=p,web", NULL};
    (void)state;
    start("\"escape\"", "", env);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready") && supervised_left(&s) >= 6, 5000);
    process_signal(&s.process, SIGKILL);
    process_wait(&s.process, 2000);
    WAIT_UNTIL(supervised_left(&s) == 0, 3000);

    supervised_start(&s, env); /* and what it left in the run directory does not block the next one */
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 5000);
    supervised_stop(&s);
}

static int guardian_pid(void) /* 0 = there is none */
{
    char command[128], *output;
    snprintf(command, sizeof command, "pgrep -P %d logikald-guard", (int)s.process.pid);
    char *argv[] = {"sh", "-c", command, NULL};
    int pid = process_run(argv, NULL, &output) == 0 ? atoi(output) : 0;
    free(output);
    return pid;
}

static long resident_kb(int pid)
{
    char path[64];
    long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", pid);
    FILE *in = fopen(path, "re");
    assert_non_null(in);
    assert_int_equal(fscanf(in, "%*d %ld", &pages), 1);
    fclose(in);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

TEST(test_waiting_guardian_is_a_few_pages)
{
    start("\"rest\"", "", (char *[]){"LOGIKALD_ROLES=p", NULL});
    int pid = guardian_pid();
    assert_true(pid > 1);

    WAIT_UNTIL(resident_kb(pid) <= 64, 5000);

    for (int sig = 1; sig < NSIG; sig++)
        if (sig != SIGKILL && sig != SIGSTOP)
            kill(pid, sig); /* it has no handler, and no library that would have one */
    supervised_stop(&s);
    assert_false(process_logged(&s.process, "the guardian has ended"));
}

static void test_guardian_is_made_when_there_is_a_process_for_it_again(void **state)
{
    struct shimmed shim;
    (void)state;
    shimmed_open(&shim);
    start("\"rest\"", "", (char *[]){"LOGIKALD_ROLES=p", shim.preload, shim.file, shim.sanitizer, NULL});
    int pid = guardian_pid();
    assert_true(pid > 1);
    __atomic_store_n(&shim.shim->fork_fails, 1, __ATOMIC_RELAXED);

    kill(pid, SIGKILL);

    WAIT_UNTIL(process_logged(&s.process, "no process for the guardian"), 5000);
    WAIT_UNTIL(guardian_pid() > 1, 10000);
    supervised_stop(&s);
}

static void test_killed_guardian_is_made_anew_and_still_guards(void **state)
{
    char *env[] = {"LOGIKALD_ROLES=p", NULL};
    (void)state;
    start("\"escape\"", "", env);
    int pid = guardian_pid();
    assert_true(pid > 1);
    kill(pid, SIGKILL);
    WAIT_UNTIL(process_logged(&s.process, "the guardian has ended"), 3000);
    process_signal(&s.process, SIGKILL);
    process_wait(&s.process, 2000);
    WAIT_UNTIL(supervised_left(&s) == 0, 3000);
}

static void test_second_supervisor_is_refused_with_the_first_ones_pid(void **state)
{
    char program[300], run[320], *output, expected[64];
    (void)state;
    start("\"rest\"", "", (char *[]){"LOGIKALD_ROLES=p", NULL});
    snprintf(program, sizeof program, "%s/bin/logikald", s.dir);
    snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%s", s.run_dir);
    char *argv[] = {program, NULL}, *env[] = {run, "PORT=0", NULL};
    int status = process_run(argv, env, &output);
    snprintf(expected, sizeof expected, "pid %d holds it", (int)s.process.pid);
    if (status != 69 || !strstr(output, expected)) fail_msg("%d: %s", status, output);
    free(output);
    assert_true(supervised_is(&s, "p", "ready"));
    supervised_stop(&s);
}

static void test_run_directory_of_another_is_refused(void **state)
{
    char program[300], run[320], dir[300], *output;
    char *env[] = {run, "PORT=0", NULL};
    (void)state;
    supervised_prepare(&s, " ");
    snprintf(dir, sizeof dir, "%s/foreign", s.dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    bool is_root = geteuid() == 0;
    if (is_root) assert_int_equal(chown(dir, 65534, 65534), 0);
    snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%s", is_root ? dir : "/etc");
    snprintf(program, sizeof program, "%s/bin/logikald", s.dir);
    char *argv[] = {program, NULL};
    int status = process_run(argv, env, &output);
    if (status != 78 || !strstr(output, "belongs to user")) fail_msg("%d: %s", status, output);
    free(output);
}

static void test_child_that_ignores_term_is_killed_at_its_deadline(void **state)
{
    char *env[] = {"LOGIKALD_ROLES=p", "STOP_TIMEOUT_SECONDS=1", NULL};
    (void)state;
    start("\"deaf\"", "", env);
    int64_t begin = mono_ms();
    supervised_stop(&s);
    assert_in_range(mono_ms() - begin, 900, 4000);
    WAIT_UNTIL(process_logged(&s.process, "did not stop in time, killed by SIGKILL"), 5000);
}

static void test_second_term_hurries(void **state)
{
    char *env[] = {"LOGIKALD_ROLES=p", "STOP_TIMEOUT_SECONDS=60", NULL};
    (void)state;
    start("\"deaf\"", "", env);
    int64_t begin = mono_ms();
    process_signal(&s.process, SIGTERM);
    WAIT_UNTIL(process_logged(&s.process, "stopping (SIGTERM)"), 2000);
    process_signal(&s.process, SIGTERM); /* the same request once more: to the group, say */
    WAIT_UNTIL(mono_ms() - begin > 1000, 3000);
    assert_true(process_running(&s.process));
    process_signal(&s.process, SIGINT);
    assert_int_equal(process_wait(&s.process, 5000), 0);
    assert_true(mono_ms() - begin < 5000);
    assert_int_equal(supervised_left(&s), 0);
}

/* Brings a child into a state, then TERM: the supervisor ends with status 0 in time, and nothing is left. */
static void test_term_in_every_state(void **state)
{
    static const struct {
        const char *act, *state;
        const char *env;
    } rows[] = {
        {"silent", "starting", "LOG_LEVEL=info"},
        {"ready", "ready", "LOG_LEVEL=info"},
        {"exit 1", "backoff", "RESTART_BACKOFF_BASE_MS=30000"},
        {"exit 1", "crash-loop", "CRASH_LOOP_COUNT=2"},
        {"hang", "dumping", "WATCHDOG_SECONDS=1"},
        {"deaf", "stopping", "STOP_TIMEOUT_SECONDS=2"},
        {"deaf", "killing", "STOP_TIMEOUT_SECONDS=1"},
        {"child", "lingering", "LOG_LEVEL=info"},
        {"ready", "down", "LOG_LEVEL=info"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *env[] = {"LOGIKALD_ROLES=web", "RESTART_BACKOFF_CAP_MS=30000", (char *)rows[i].env, NULL};
        const char *want = rows[i].state;
        supervised_prepare(&s, " ");
        supervised_let(&s, "web", rows[i].act);
        supervised_start(&s, env);
        bool is_stop = strcmp(want, "stopping") == 0 || strcmp(want, "killing") == 0 ||
                       strcmp(want, "lingering") == 0 || strcmp(want, "down") == 0;
        if (is_stop) {
            WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 5000);
            supervised_ctl(&s, NULL, "stop", "--no-wait", "web", NULL);
        }
        if (strcmp(want, "killing") == 0 || strcmp(want, "dumping") == 0)
            poll(NULL, 0, 900); /* these pass quickly: TERM comes about when they begin */
        else
            WAIT_UNTIL(supervised_is(&s, "web.0", want), 5000);
        int64_t begin = mono_ms();
        supervised_stop(&s);
        if (mono_ms() - begin > 7500) fail_msg("TERM in state %s took %lld ms", want, (long long)(mono_ms() - begin));
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_stop_ends_grandchildren_that_ignore_term_and_escapees),
    cmocka_unit_test(test_ctl_stop_ends_the_whole_group_before_it_says_down),
    cmocka_unit_test(test_crash_takes_the_rest_of_the_group_along),
    cmocka_unit_test(test_kill_9_of_the_supervisor_leaves_nothing),
    cmocka_unit_test(test_killed_guardian_is_made_anew_and_still_guards),
    cmocka_unit_test(test_waiting_guardian_is_a_few_pages),
    cmocka_unit_test(test_guardian_is_made_when_there_is_a_process_for_it_again),
    cmocka_unit_test(test_second_supervisor_is_refused_with_the_first_ones_pid),
    cmocka_unit_test(test_run_directory_of_another_is_refused),
    cmocka_unit_test(test_child_that_ignores_term_is_killed_at_its_deadline),
    cmocka_unit_test(test_second_term_hurries),
    cmocka_unit_test(test_term_in_every_state),
};
SUPERVISED_MAIN(tests)
