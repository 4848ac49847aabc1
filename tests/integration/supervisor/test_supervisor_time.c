/* Which time counts: an essential child is missing while it is wanted and not up for good. */
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

static int gave_up(int64_t within_ms)
{
    int status = process_wait(&s.process, within_ms);
    assert_int_equal(supervised_left(&s), 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_child_that_was_held_is_missing_only_from_its_start_on(void **state)
{
    char *output;
    (void)state;
    supervised_up(&s, " ", (char *[]){"LOGIKALD_ROLES=web", "ESSENTIAL_TIMEOUT_SECONDS=2", NULL});
    assert_int_equal(supervised_ctl(&s, &output, "stop", "web", NULL), 0);
    free(output);
    pass(3000);
    assert_int_equal(supervised_ctl(&s, &output, "start", "web", NULL), 0);
    free(output);
    pass(1000);
    assert_true(supervised_is(&s, "web.0", "ready"));
    supervised_stop(&s);
}

static void test_restart_after_a_slow_stop_begins_anew(void **state)
{
    char *output;
    (void)state;
    supervised_up(&s,
                  "programs = ({ name = \"p\"; essential = true; stop_timeout_s = 3;"
                  " command = [\"sh\", \"-c\", \"trap '' TERM; echo well; while :; do sleep 0.1; done\"]; });",
                  (char *[]){"LOGIKALD_ROLES=p", "ESSENTIAL_TIMEOUT_SECONDS=2", NULL});
    WAIT_UNTIL(process_logged(&s.process, "well"), 5000);
    pass(2500);
    assert_int_equal(supervised_ctl(&s, &output, "restart", "p", NULL), 0); /* it takes longer than the timeout */
    free(output);
    assert_true(supervised_is(&s, "p", "ready"));
    assert_false(process_logged(&s.process, "giving up"));
    process_signal(&s.process, SIGTERM);
    process_wait(&s.process, 15000);
}

TEST(test_one_shot_that_is_done_and_changed_begins_anew)
{
    supervised_up(
        &s,
        "programs = ({ name = \"init\"; command = [\"sh\", \"-c\", \"exit 0\"]; restart = \"on-failure\"; essential = "
        "true; });",
        (char *[]){"LOGIKALD_ROLES=init", "ESSENTIAL_TIMEOUT_SECONDS=2", NULL});
    WAIT_UNTIL(supervised_is(&s, "init", "done"), 5000);
    pass(3000);
    supervised_config(&s, "programs = ({ name = \"init\"; command = [\"sh\", \"-c\", \"sleep 0.5; exit 0\"]; restart = "
                          "\"on-failure\"; essential = true; });");
    process_signal(&s.process, SIGHUP);
    WAIT_UNTIL(supervised_child(&s, "init")->restarts == 1 && supervised_is(&s, "init", "done"), 5000);
    supervised_stop(&s);
}

TEST(test_program_that_flaps_is_given_up)
{
    supervised_up(&s, "programs = ({ name = \"p\"; command = [\"false\"]; essential = true; });",
                  (char *[]){"LOGIKALD_ROLES=p", "ESSENTIAL_TIMEOUT_SECONDS=2", NULL});
    assert_int_equal(gave_up(15000), 70);
    WAIT_UNTIL(process_logged(&s.process, "p is essential and could not be kept up"), 5000);
}

static void test_web_that_says_ready_and_dies_again_and_again_is_given_up(void **state)
{
    int64_t end = mono_ms() + 20000;
    (void)state;
    supervised_up(&s, " ",
                  (char *[]){"LOGIKALD_ROLES=web", "ESSENTIAL_TIMEOUT_SECONDS=3", "RESTART_STABLE_SECONDS=20", NULL});
    while (process_running(&s.process) && mono_ms() < end) {
        struct snapshot_child const *web = supervised_child(&s, "web.0");
        if (web && web->pid && strcmp(web->state, "ready") == 0) kill(web->pid, SIGKILL);
        support_pause();
    }
    assert_int_equal(gave_up(1000), 70);
}

TEST(test_one_crash_after_a_long_time_is_no_reason_to_give_up)
{
    supervised_up(&s, " ",
                  (char *[]){"LOGIKALD_ROLES=web", "ESSENTIAL_TIMEOUT_SECONDS=2", "RESTART_STABLE_SECONDS=60", NULL});
    pass(3500); /* longer than the timeout, shorter than the stable time */
    int web = supervised_pid(&s, "web.0");
    supervised_kill(&s, "web.0", SIGKILL);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready") && supervised_pid(&s, "web.0") != web, 5000);
    assert_true(process_running(&s.process));
    supervised_stop(&s);
}

TEST(test_one_of_two_web_processes_is_enough)
{
    supervised_up(&s, " ", (char *[]){"LOGIKALD_ROLES=web", "WORKERS=2", "ESSENTIAL_TIMEOUT_SECONDS=2", NULL});
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready") && supervised_is(&s, "web.1", "ready"), 5000);
    pass(1500);
    supervised_let(&s, "web", "exit 1");
    supervised_kill(&s, "web.1", SIGKILL);
    pass(4000);
    assert_true(process_running(&s.process));
    supervised_kill(&s, "web.0", SIGKILL);
    assert_int_equal(gave_up(15000), 70);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_child_that_was_held_is_missing_only_from_its_start_on),
    cmocka_unit_test(test_restart_after_a_slow_stop_begins_anew),
    cmocka_unit_test(test_one_shot_that_is_done_and_changed_begins_anew),
    cmocka_unit_test(test_program_that_flaps_is_given_up),
    cmocka_unit_test(test_web_that_says_ready_and_dies_again_and_again_is_given_up),
    cmocka_unit_test(test_one_crash_after_a_long_time_is_no_reason_to_give_up),
    cmocka_unit_test(test_one_of_two_web_processes_is_enough),
};
SUPERVISED_MAIN(tests)
