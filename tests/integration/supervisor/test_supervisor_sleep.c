/* Nobody is judged by a time in which the supervisor itself slept. */
#include "tests/support/process/supervised.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/clock.h"

static struct supervised s;

static void pass(int64_t ms)
{
    for (int64_t until = mono_ms() + ms; mono_ms() < until;) support_pause();
}

static void freeze(const int *pids, int count, int64_t ms)
{
    kill(s.process.pid, SIGSTOP);
    for (int i = 0; i < count; i++) kill(pids[i], SIGSTOP);
    pass(ms);
    kill(s.process.pid, SIGCONT); /* it judges before the others can do anything */
    pass(300);
    for (int i = 0; i < count; i++) kill(pids[i], SIGCONT);
}

TEST(test_frozen_children_are_not_hung)
{
    supervised_up(&s, " ", (char *[]){"LOGIKALD_ROLES=web", "WATCHDOG_SECONDS=2", "WORKERS=2", NULL});
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready") && supervised_is(&s, "web.1", "ready"), 5000);
    int pids[] = {supervised_pid(&s, "web.0"), supervised_pid(&s, "web.1")};
    for (int i = 0; i < 3; i++) {
        freeze(pids, 2, 2500 + i * 700);
        pass(1000);
        assert_int_equal(supervised_pid(&s, "web.0"), pids[0]);
        assert_int_equal(supervised_pid(&s, "web.1"), pids[1]);
    }
    WAIT_UNTIL(process_logged(&s.process, "we were asleep for"), 5000);
    assert_false(process_logged(&s.process, "is hung"));
    supervised_stop(&s);
}

TEST(test_child_that_hangs_is_still_found_after_a_sleep)
{
    supervised_up(&s, " ", (char *[]){"LOGIKALD_ROLES=web", "WATCHDOG_SECONDS=2", NULL});
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 5000);
    int web = supervised_pid(&s, "web.0");
    kill(s.process.pid, SIGSTOP);
    kill(web, SIGSTOP);
    pass(2500);
    kill(s.process.pid, SIGCONT);
    WAIT_UNTIL(process_logged(&s.process, "is hung"), 10000);
    supervised_stop(&s);
}

TEST(test_start_and_stop_deadlines_do_not_run_while_frozen)
{
    supervised_up(
        &s,
        "programs = ({ name = \"slow\"; readiness = \"notify\"; start_timeout_s = 4; stop_timeout_s = 5;"
        " command = [\"sh\", \"-c\", \"trap 'sleep 0.7; echo saved; exit 0' TERM; echo armed; while :; do sleep 0.1; "
        "done\"]; });",
        (char *[]){"LOGIKALD_ROLES=slow", NULL});
    WAIT_UNTIL(supervised_is(&s, "slow", "starting") && process_logged(&s.process, "armed"), 5000);
    int pid = supervised_pid(&s, "slow");
    freeze(&pid, 1, 5000);
    assert_false(process_logged(&s.process, "is not ready after"));

    kill(s.process.pid, SIGTERM);
    WAIT_UNTIL(process_logged(&s.process, "stopping (SIGTERM)"), 5000);
    freeze(&pid, 1, 6000);
    process_wait(&s.process, 20000);
    WAIT_UNTIL(process_logged(&s.process, "saved"), 5000);
    assert_false(process_logged(&s.process, "did not stop in"));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_frozen_children_are_not_hung),
    cmocka_unit_test(test_child_that_hangs_is_still_found_after_a_sleep),
    cmocka_unit_test(test_start_and_stop_deadlines_do_not_run_while_frozen),
};
SUPERVISED_MAIN(tests)
