/* Stopping always ends, and leaves nobody: zombies that nobody reaps, shell wrappers, daemons, rules that a reload has
 * changed meanwhile. */
#include "tests/support/process/supervised.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/clock.h"

static struct supervised s;

/* How many processes run whose command line holds this text. */
static int running(const char *text)
{
    char *output;
    char *argv[] = {"pgrep", "-fc", "--", (char *)text, NULL};
    process_run(argv, NULL, &output);
    int count = atoi(output);
    free(output);
    return count;
}

static int ctl(const char *command, const char *name)
{
    char *output;
    int rc = supervised_ctl(&s, &output, command, name, NULL);
    free(output);
    return rc;
}

/* ---- zombies of somebody else ---- */

#define ZOMBIE_CONFIG                                                                                                  \
    "programs = ({ name = \"a\"; stop_timeout_s = 2; depends_on = [\"db\"];"                                           \
    " command = [\"sh\", \"-c\", \"(sleep 0.3 & exec setsid sleep 1007.%s) & wait\"]; },"                              \
    " { name = \"db\"; command = [\"sh\", \"-c\", \"trap 'echo db saves its data; exit 0' TERM; while :; do sleep "    \
    "0.05; done\"]; });"

static void start_with_zombie(const char *mark)
{
    char config[1000];
    snprintf(config, sizeof config, ZOMBIE_CONFIG, mark);
    supervised_up(&s, config, (char *[]){"LOGIKALD_ROLES=a,db", NULL});
    WAIT_UNTIL(supervised_is(&s, "a", "ready"), 5000);
    for (int64_t until = mono_ms() + 800; mono_ms() < until;) support_pause(); /* the zombie is one now */
}

TEST(test_zombie_in_the_group_does_not_hold_a_stop_up)
{
    start_with_zombie("1");
    int64_t began = mono_ms();
    assert_int_equal(ctl("stop", "a"), 0);
    assert_true(mono_ms() - began < 8000);
    assert_int_equal(running("sleep 1007[.]1"), 0);
    assert_int_equal(ctl("start", "a"), 0);
    assert_int_equal(ctl("restart", "a"), 0);
    supervised_stop(&s);
}

TEST(test_zombie_in_the_group_does_not_keep_others_from_their_stop)
{
    start_with_zombie("2");
    process_signal(&s.process, SIGTERM);
    assert_int_equal(process_wait(&s.process, 10000), 0);
    WAIT_UNTIL(process_logged(&s.process, "db saves its data"), 5000);
    assert_int_equal(supervised_left(&s), 0);
}

TEST(test_whoever_is_hurried_still_gets_its_moment)
{
    supervised_up(
        &s,
        "programs = ({ name = \"deaf\"; depends_on = [\"db\"]; command = [\"sh\", \"-c\", \"trap '' TERM; while :; do "
        "sleep 0.1; done\"]; }, { name = \"db\"; command = [\"sh\", \"-c\", \"trap 'sleep 0.3; echo db saves its data; "
        "exit 0' TERM; while :; do sleep 0.05; done\"]; });",
        (char *[]){"LOGIKALD_ROLES=deaf,db", "STOP_TIMEOUT_SECONDS=60", NULL});
    WAIT_UNTIL(supervised_is(&s, "deaf", "ready"), 5000);
    process_signal(&s.process, SIGTERM);
    for (int64_t until = mono_ms() + 1500; mono_ms() < until;) support_pause();
    process_signal(&s.process, SIGTERM);
    assert_int_equal(process_wait(&s.process, 10000), 0);
    WAIT_UNTIL(process_logged(&s.process, "db saves its data"), 5000);
}

/* ---- shell wrappers ---- */

TEST(test_server_behind_a_shell_has_the_whole_stop_timeout)
{
    supervised_up(
        &s,
        "programs = ({ name = \"w\"; stop_timeout_s = 20; command = [\"bash\", \"-c\", \"bash -c \\\"trap 'sleep 3; "
        "echo "
        "data written; exit 0' TERM; echo server up; while :; do sleep 0.1; done\\\"; echo after\"]; });",
        (char *[]){"LOGIKALD_ROLES=w", NULL});
    WAIT_UNTIL(process_logged(&s.process, "server up"), 5000);
    assert_int_equal(ctl("stop", "w"), 0);
    WAIT_UNTIL(process_logged(&s.process, "data written"), 5000);
    supervised_stop(&s);
}

TEST(test_rest_of_a_group_that_does_not_stop_is_named_and_killed)
{
    supervised_up(
        &s,
        "programs = ({ name = \"w\"; stop_timeout_s = 2; command = [\"bash\", \"-c\", \"bash -c \\\"trap '' TERM; echo "
        "server up; while :; do sleep 0.1; done\\\" & wait\"]; });",
        (char *[]){"LOGIKALD_ROLES=w", NULL});
    WAIT_UNTIL(process_logged(&s.process, "server up"), 5000);
    assert_int_equal(ctl("stop", "w"), 0);
    WAIT_UNTIL(process_logged(&s.process, "w has ended, and "), 5000);
    WAIT_UNTIL(process_logged(&s.process, "(bash)"), 5000);
    supervised_stop(&s);
}

/* ---- daemons ---- */

TEST(test_copies_of_a_program_that_daemonises_do_not_pile_up)
{
    supervised_up(&s,
                  "programs = ({ name = \"d\"; command = [\"sh\", \"-c\", \"setsid sleep 1017.3 & sleep 0.05\"]; });",
                  (char *[]){"LOGIKALD_ROLES=d", NULL});
    WAIT_UNTIL(supervised_child(&s, "d")->restarts >= 4, 15000);
    WAIT_UNTIL(process_logged(&s.process, "d has left process"), 5000);
    assert_int_equal(ctl("stop", "d"), 0);
    WAIT_UNTIL(running("sleep 1017[.]3") == 0, 10000);
    supervised_stop(&s);
}

static void test_stop_restart_and_reload_end_what_went_out_of_the_group(void **state)
{
    static const char *const how[] = {"stop", "restart", "reload"};
    (void)state;
    supervised_up(
        &s,
        "programs = ({ name = \"d\"; stop_timeout_s = 3; command = [\"sh\", \"-c\", \"setsid setsid sleep 1018.4 & "
        "sleep "
        "0.2; echo left; exec sleep 999\"]; });",
        (char *[]){"LOGIKALD_ROLES=d", NULL});
    for (size_t i = 0; i < sizeof how / sizeof *how; i++) {
        WAIT_UNTIL(running("sleep 1018[.]4") == 1, 5000);
        if (strcmp(how[i], "reload") == 0) {
            supervised_config(&s, "programs = ({ name = \"d\"; command = [\"sleep\", \"998\"]; });");
            process_signal(&s.process, SIGHUP);
        } else {
            assert_int_equal(ctl(how[i], "d"), 0);
        }
        if (strcmp(how[i], "stop") == 0) {
            assert_int_equal(running("sleep 1018[.]4"), 0); /* stopped means all of it */
            assert_int_equal(ctl("start", "d"), 0);
        }
    }
    WAIT_UNTIL(running("sleep 1018[.]4") == 0, 5000);
    supervised_stop(&s);
}

TEST(test_daemon_of_a_running_program_is_left_alone)
{
    supervised_up(
        &s, "programs = ({ name = \"d\"; command = [\"sh\", \"-c\", \"(setsid sleep 1019.5 &); exec sleep 999\"]; });",
        (char *[]){"LOGIKALD_ROLES=d", NULL});
    WAIT_UNTIL(running("sleep 1019[.]5") == 1, 5000);
    for (int64_t until = mono_ms() + 7000; mono_ms() < until;) support_pause(); /* longer than between two looks */
    assert_int_equal(running("sleep 1019[.]5"), 1);
    supervised_stop(&s);
}

/* ---- rules of the running process ---- */

TEST(test_old_process_is_stopped_by_its_own_rules)
{
    supervised_up(
        &s,
        "programs = ({ name = \"p\"; stop_signal = \"INT\"; stop_timeout_s = 30; command = [\"sh\", \"-c\", \"trap "
        "'sleep "
        "1.5; echo got INT; exit 0' INT; trap 'echo got USR1; exit 0' USR1; echo well; while :; do sleep 0.05; "
        "done\"]; });",
        (char *[]){"LOGIKALD_ROLES=p", NULL});
    WAIT_UNTIL(process_logged(&s.process, "well"), 5000);
    supervised_config(&s,
                      "programs = ({ name = \"p\"; stop_signal = \"USR1\"; stop_timeout_s = 1; command = [\"sleep\", "
                      "\"999\"]; });");
    process_signal(&s.process, SIGHUP);
    WAIT_UNTIL(process_logged(&s.process, "got INT"), 10000);
    WAIT_UNTIL(supervised_is(&s, "p", "ready"), 5000);
    assert_false(process_logged(&s.process, "got USR1"));
    assert_false(process_logged(&s.process, "did not stop in"));
    assert_int_equal(ctl("stop", "p"), 0); /* the new one by the new ones */
    WAIT_UNTIL(process_logged(&s.process, "killed by SIGUSR1"), 5000);
    supervised_stop(&s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_zombie_in_the_group_does_not_hold_a_stop_up),
    cmocka_unit_test(test_zombie_in_the_group_does_not_keep_others_from_their_stop),
    cmocka_unit_test(test_whoever_is_hurried_still_gets_its_moment),
    cmocka_unit_test(test_server_behind_a_shell_has_the_whole_stop_timeout),
    cmocka_unit_test(test_rest_of_a_group_that_does_not_stop_is_named_and_killed),
    cmocka_unit_test(test_copies_of_a_program_that_daemonises_do_not_pile_up),
    cmocka_unit_test(test_stop_restart_and_reload_end_what_went_out_of_the_group),
    cmocka_unit_test(test_daemon_of_a_running_program_is_left_alone),
    cmocka_unit_test(test_old_process_is_stopped_by_its_own_rules),
};
SUPERVISED_MAIN(tests)
