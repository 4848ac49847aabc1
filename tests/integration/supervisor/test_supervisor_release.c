/* Programs that take the place of those that run: a release that a link leads to, what status says of children of
 * another one, and beat's own. */
#include "tests/support/process/supervised.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct supervised s;

static void link_release(const char *name)
{
    char fresh[400], current[400];
    snprintf(fresh, sizeof fresh, "%s/current.new", s.dir);
    snprintf(current, sizeof current, "%s/current", s.dir);
    assert_int_equal(symlink(name, fresh), 0);
    assert_int_equal(rename(fresh, current), 0);
}

static void make_release(const char *name)
{
    char command[1500];
    snprintf(command, sizeof command, "mkdir '%s/%s' && cp '%s' '%s/%s/logikald' && cp '%s' '%s/%s/logikald-roles'",
             s.dir, name, support_program("logikald"), s.dir, name, supervised_program(), s.dir, name);
    assert_int_equal(system(command), 0);
}

static bool runs(int pid, const char *release)
{
    char path[64], target[600] = "", expected[600];
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    if (readlink(path, target, sizeof target - 1) < 0) return false;
    snprintf(expected, sizeof expected, "%s/%s/", s.dir, release);
    return strncmp(target, expected, strlen(expected)) == 0;
}

static void test_link_to_a_release_is_followed_and_every_child_replaced(void **state)
{
    char program[400], run[320], play[300], command[400];
    (void)state;
    supervised_prepare(&s, " ");
    make_release("r1");
    make_release("r2");
    link_release("r1");
    snprintf(program, sizeof program, "%s/current/logikald", s.dir);
    snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%s", s.run_dir);
    snprintf(play, sizeof play, "PLAY_DIR=%s", s.dir);
    char *argv[] = {program, "--config", s.config, NULL};
    char *env[] = {run,
                   play,
                   "PORT=0",
                   "HOST=127.0.0.1",
                   "BACKGROUND_SYNC_ENABLED=1",
                   "REDIS_HOST=h",
                   "DATABASE_URL=postgresql://h/d",
                   NULL};
    process_start(&s.process, "logikald", argv, env);
    WAIT_UNTIL(supervised_is(&s, "worker.0", "ready") && supervised_is(&s, "web.0", "ready"), 20000);
    int web = supervised_pid(&s, "web.0"), worker = supervised_pid(&s, "worker.0");
    assert_true(runs(s.process.pid, "r1") && runs(web, "r1"));

    supervised_let(&s, "migrate", "slow 800");
    link_release("r2");
    supervised_exec(&s);
    WAIT_UNTIL(runs(s.process.pid, "r2"), 5000);
    WAIT_UNTIL(supervised_child(&s, "migrate")->restarts == 1 && supervised_is(&s, "migrate", "starting"), 5000);
    assert_int_equal(supervised_pid(&s, "web.0"), web); /* its schema is not there yet */
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready") && supervised_pid(&s, "web.0") != web, 15000);
    WAIT_UNTIL(supervised_is(&s, "worker.0", "ready") && supervised_pid(&s, "worker.0") != worker, 15000);
    assert_true(supervised_is(&s, "migrate", "done"));
    assert_true(runs(supervised_pid(&s, "web.0"), "r2") && runs(supervised_pid(&s, "worker.0"), "r2"));

    snprintf(command, sizeof command, "rm -rf '%s/r1'", s.dir);
    assert_int_equal(system(command), 0);
    web = supervised_pid(&s, "web.0");
    supervised_kill(&s, "web.0", SIGKILL);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready") && supervised_pid(&s, "web.0") != web, 15000);
    supervised_stop(&s);
}

static void test_status_marks_children_of_another_program(void **state)
{
    char command[1500], *output;
    (void)state;
    supervised_up(&s, " ", NULL);
    assert_int_equal(supervised_ctl(&s, &output, "status", NULL), 0);
    assert_null(strstr(output, "old program"));
    free(output);
    snprintf(command, sizeof command, "cp '%s' '%s/bin/roles.new' && mv '%s/bin/roles.new' '%s/bin/logikald-roles'",
             supervised_program(), s.dir, s.dir, s.dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(supervised_ctl(&s, &output, "status", NULL), 0);
    assert_non_null(strstr(output, "old program"));
    free(output);
    supervised_exec(&s);
    WAIT_UNTIL(supervised_ctl(&s, &output, "status", NULL) == 0 &&
                   (strstr(output, "old program") == NULL || (free(output), false)),
               15000);
    free(output);
    supervised_stop(&s);
}

/* Beat's own program counts where it stands beside the supervisor; without it, the one of all roles. */
static void test_beat_runs_its_own_program_where_there_is_one(void **state)
{
    char command[1500], exe[400] = "", link[64];
    char *env[] = {"BACKGROUND_SYNC_ENABLED=1", "REDIS_HOST=h", "DATABASE_URL=postgresql://h/d", NULL};
    (void)state;
    supervised_up(&s, " ", env);
    WAIT_UNTIL(supervised_is(&s, "beat", "ready") && supervised_is(&s, "web.0", "ready"), 20000);
    int beat = supervised_pid(&s, "beat"), web = supervised_pid(&s, "web.0");
    snprintf(command, sizeof command, "cp '%s' '%s/bin/beat.new' && mv '%s/bin/beat.new' '%s/bin/logikald-beat'",
             supervised_program(), s.dir, s.dir, s.dir);
    assert_int_equal(system(command), 0);
    supervised_exec(&s);
    WAIT_UNTIL(supervised_is(&s, "beat", "ready") && supervised_pid(&s, "beat") != beat, 15000);
    snprintf(link, sizeof link, "/proc/%d/exe", supervised_pid(&s, "beat"));
    assert_true(readlink(link, exe, sizeof exe - 1) > 0);
    if (!strstr(exe, "/bin/logikald-beat")) fail_msg("beat runs %s", exe);
    assert_int_equal(supervised_pid(&s, "web.0"), web);

    snprintf(command, sizeof command, "rm '%s/bin/logikald-beat'", s.dir);
    assert_int_equal(system(command), 0);
    beat = supervised_pid(&s, "beat");
    supervised_kill(&s, "beat", SIGKILL);
    WAIT_UNTIL(supervised_is(&s, "beat", "ready") && supervised_pid(&s, "beat") != beat, 15000);
    supervised_stop(&s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_link_to_a_release_is_followed_and_every_child_replaced),
    cmocka_unit_test(test_status_marks_children_of_another_program),
    cmocka_unit_test(test_beat_runs_its_own_program_where_there_is_one),
};
SUPERVISED_MAIN(tests)
