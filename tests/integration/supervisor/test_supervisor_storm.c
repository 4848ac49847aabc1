/* Storms: ten thousand orphans, a thousand crashes. Every end is seen, nothing is mixed up, nothing piles up. */
#include "tests/support/process/supervised.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct supervised s;

static int zombies_of(pid_t parent)
{
    char command[200], *output;
    snprintf(command, sizeof command, "ps -o stat= --ppid %d | grep -c Z || true", (int)parent);
    char *argv[] = {"sh", "-c", command, NULL};
    process_run(argv, NULL, &output);
    int count = atoi(output);
    free(output);
    return count;
}

static void test_ten_thousand_orphans_are_reaped_and_own_statuses_are_kept(void **state)
{
    char *env[] = {"LOGIKALD_ROLES=p,web", NULL};
    (void)state;
    char config[700];
    snprintf(config, sizeof config,
             "programs = ({ name = \"p\"; command = [\"%s\", \"--play\", \"orphans\", \"10000\"]; });",
             supervised_program());
    supervised_prepare(&s, config);
    supervised_start(&s, env);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 10000);
    int64_t deadline = support_deadline(40000);
    for (int restarts = 0; !process_logged(&s.process, "made 10000 orphans");) { /* own children end meanwhile, too */
        if (support_late(deadline)) fail_msg("the orphans take too long");
        int pid = supervised_pid(&s, "web.0");
        if (pid) kill(pid, SIGKILL);
        WAIT_UNTIL(supervised_pid(&s, "web.0") != pid, 20000);
        const struct snapshot_child *web = supervised_child(&s, "web.0");
        assert_non_null(web);
        if (pid && web->restarts > restarts) assert_string_equal(web->last_exit, "killed by SIGKILL");
        restarts = (int)web->restarts;
        poll(NULL, 0, 200);
    }
    WAIT_UNTIL(supervised_child(&s, "p") && s.status.orphans_reaped >= 10000, 10000);
    assert_int_equal(s.status.orphans_reaped, 10000);
    assert_int_equal(zombies_of(s.process.pid), 0);
    supervised_stop(&s);
}

static void test_a_thousand_crashes_leave_memory_flat(void **state)
{
    char *env[] = {"LOGIKALD_ROLES=p,q", "RESTART_BACKOFF_BASE_MS=1", "RESTART_BACKOFF_CAP_MS=1",
                   "LOG_LEVEL=error",    "CRASH_LOOP_COUNT=100",      NULL};
    (void)state;
    char config[600];
    snprintf(config, sizeof config,
             "programs = ({ name = \"p\"; command = [\"true\"]; }, { name = \"q\"; command = [\"false\"]; });");
    supervised_prepare(&s, config);
    supervised_start(&s, env);
    WAIT_UNTIL(supervised_child(&s, "p") && supervised_child(&s, "p")->restarts > 100, 100000);
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/statm", (int)s.process.pid);
    long size[2], resident[2];
    for (int round = 0; round < 2; round++) {
        FILE *f = fopen(path, "r");
        assert_non_null(f);
        assert_non_null(fgets(text, sizeof text, f));
        assert_int_equal(sscanf(text, "%ld %ld", &size[round], &resident[round]), 2);
        fclose(f);
        if (round == 0)
            WAIT_UNTIL(supervised_child(&s, "p")->restarts + supervised_child(&s, "q")->restarts >= 1000, 200000);
    }
    long grown_kb = (resident[1] - resident[0]) * (sysconf(_SC_PAGESIZE) / 1024);
    bool is_asan = strstr(support_program("logikald"), "asan") != NULL; /* its quarantine keeps what was freed */
    if (grown_kb > (is_asan ? 60000 : 300)) fail_msg("the crashes cost %ld kB", grown_kb);
    snprintf(path, sizeof path, "/proc/%d/fd", (int)s.process.pid);
    char command[128], *output;
    snprintf(command, sizeof command, "ls %s | wc -l", path);
    char *argv[] = {"sh", "-c", command, NULL};
    process_run(argv, NULL, &output);
    assert_true(atoi(output) < 40); /* no descriptor is kept of those that ended */
    free(output);
    supervised_stop(&s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_ten_thousand_orphans_are_reaped_and_own_statuses_are_kept),
    cmocka_unit_test(test_a_thousand_crashes_leave_memory_flat),
};
SUPERVISED_MAIN(tests)
