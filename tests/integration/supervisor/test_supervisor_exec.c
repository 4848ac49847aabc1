/* `reload --exec` cannot take the system down: whatever lies in the place of the program or the configuration, the
 * children go on, and somebody supervises them. */
#include "tests/support/process/supervised.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/clock.h"

static struct supervised s;

static void write_text(const char *path, const char *text, mode_t mode)
{
    char fresh[700];
    snprintf(fresh, sizeof fresh, "%s.fresh", path);
    FILE *f = fopen(fresh, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    chmod(fresh, mode);
    assert_int_equal(rename(fresh, path), 0);
}

static int count_logged(const char *text)
{
    return process_log_count(&s.process, text);
}

/* ---- what lies there when it is executed ---- */

static void test_file_that_is_faulty_at_the_exec_is_not_read(void **state)
{
    char command[1200], run[320], *output;
    (void)state;
    supervised_up(&s, "log = { level = \"debug\"; };", NULL);
    int web = supervised_pid(&s, "web.0");
    snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%s", s.run_dir);
    snprintf(command, sizeof command, "'%s' ctl reload --exec & sleep 0.02; echo garbage > '%s'; wait",
             support_program("logikald"), s.config);
    char *argv[] = {"sh", "-c", command, NULL}, *env[] = {run, NULL};
    for (int i = 0; i < 5; i++) {
        supervised_config(&s, "log = { level = \"debug\"; };");
        process_run(argv, env, &output);
        free(output);
        assert_true(process_running(&s.process));
    }
    supervised_config(&s, "log = { level = \"debug\"; };");
    supervised_exec(&s);
    assert_int_equal(unlink(s.config), 0); /* and one that has gone does not matter at all */
    assert_int_equal(supervised_client(&s, "status", NULL), 0);
    assert_int_equal(supervised_pid(&s, "web.0"), web);
    supervised_stop(&s);
}

static void test_trial_that_hangs_is_ended(void **state)
{
    char path[300], good[310];
    (void)state;
    supervised_up(&s, " ", NULL);
    int web = supervised_pid(&s, "web.0");
    snprintf(path, sizeof path, "%s/bin/logikald", s.dir);
    snprintf(good, sizeof good, "%s.good", path);
    assert_int_equal(rename(path, good), 0);
    write_text(path, "#!/bin/sh\nexec sleep 300\n", 0755);
    assert_int_equal(supervised_client(&s, "reload", "--exec"), 1);
    WAIT_UNTIL(process_logged(&s.process, "has not ended within"), 5000);
    assert_int_equal(rename(good, path), 0); /* repaired, it works again */
    supervised_exec(&s);
    assert_int_equal(supervised_pid(&s, "web.0"), web);
    supervised_stop(&s);
}

static void test_no_program_at_all(void **state)
{
    static const char *const what[] = {"", "#!/bin/true\n",
                                       "\x7f"
                                       "ELF and then nothing",
                                       "#!/nonexistent/interpreter\n", NULL};
    char path[300], good[310];
    (void)state;
    supervised_up(&s, " ", NULL);
    int web = supervised_pid(&s, "web.0");
    snprintf(path, sizeof path, "%s/bin/logikald", s.dir);
    snprintf(good, sizeof good, "%s.good", path);
    assert_int_equal(rename(path, good), 0);
    for (size_t i = 0; i < sizeof what / sizeof *what; i++) {
        if (what[i])
            write_text(path, what[i], 0755);
        else
            unlink(path);
        assert_int_equal(supervised_client(&s, "reload", "--exec"), 1);
        assert_true(process_running(&s.process));
        assert_int_equal(supervised_pid(&s, "web.0"), web);
    }
    assert_int_equal(rename(good, path), 0);
    supervised_exec(&s);
    supervised_stop(&s);
}

/* A program that passes its trial and then cannot take over. */
static void test_new_program_that_cannot_take_over_goes_back_to_the_old_one(void **state)
{
    char path[300], good[310], text[2000];
    (void)state;
    supervised_up(&s, " ", (char *[]){"LOGIKALD_ROLES=web", NULL});
    int web = supervised_pid(&s, "web.0");
    snprintf(path, sizeof path, "%s/bin/logikald", s.dir);
    snprintf(good, sizeof good, "%s.good", path);
    assert_int_equal(rename(path, good), 0);
    snprintf(text, sizeof text,
             "#!/bin/sh\ncase \"$1\" in try-state) exec '%s' \"$@\" ;; esac\nexport LOGIKALD_RUN_DIR=/$(printf "
             "'%%0200d' 0)\nexec '%s' "
             "\"$@\"\n",
             good, good);
    write_text(path, text, 0755);
    for (int i = 1; i <= 3; i++) {
        supervised_client(&s, "reload", "--exec");
        WAIT_UNTIL(count_logged("this program cannot take over from the one before") == i, 20000);
        WAIT_UNTIL(count_logged(SUPERVISED_EXECUTED) == i, 20000); /* the one before, once more */
        assert_true(process_running(&s.process));
        assert_int_equal(supervised_pid(&s, "web.0"), web);
    }
    kill(web, SIGKILL); /* and it supervises */
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready") && supervised_pid(&s, "web.0") != web, 10000);
    assert_int_equal(rename(good, path), 0);
    supervised_exec(&s);
    supervised_stop(&s);
}

static void test_program_of_another_state_format_is_refused_by_its_trial(void **state)
{
    char path[300], good[310], text[2000];
    (void)state;
    supervised_up(&s, " ", NULL);
    int web = supervised_pid(&s, "web.0");
    snprintf(path, sizeof path, "%s/bin/logikald", s.dir);
    snprintf(good, sizeof good, "%s.good", path);
    assert_int_equal(rename(path, good), 0);
    snprintf(
        text, sizeof text,
        "#!/bin/sh\nexec 9<&3; perl -e 'local $/; open(F, \"<&=9\"); my $t = <F>; $t =~ s/\"format\":1/\"format\":2/; "
        "open(G, \">\", \"%s/state\"); print G $t'\nexec 3<'%s/state'\nexec '%s' \"$@\"\n",
        s.dir, s.dir, good);
    write_text(path, text, 0755);
    assert_int_equal(supervised_client(&s, "reload", "--exec"), 1);
    WAIT_UNTIL(process_logged(&s.process, "state of another format"), 5000);
    assert_int_equal(supervised_pid(&s, "web.0"), web);
    assert_true(process_running(&s.process));
    supervised_stop(&s);
}

/* ---- what fails afterwards ---- */

static void test_log_file_that_cannot_be_opened_any_more(void **state)
{
    char file[400], moved[400], place[300], entry[450], command[1100];
    (void)state;
    supervised_prepare(&s, "programs = ({ name = \"p\"; command = [\"sh\", \"-c\", \"while :; do echo tick; sleep 0.2; "
                           "done\"]; });");
    snprintf(place, sizeof place, "%s/lx", s.dir);
    snprintf(file, sizeof file, "%s/l.log", place);
    snprintf(moved, sizeof moved, "%s/moved", s.dir);
    snprintf(entry, sizeof entry, "LOG_FILE=%s", file);
    mkdir(place, 0755);
    supervised_start(&s, (char *[]){"LOGIKALD_ROLES=p", entry, NULL});
    int p = supervised_pid(&s, "p");
    assert_int_equal(rename(place, moved), 0);
    assert_int_equal(supervised_client(&s, "reload", "--exec"), 0);
    snprintf(command, sizeof command,
             "grep -q 'the log goes on in the file that was open' '%s/l.log' && grep -q '%s' "
             "'%s/l.log'",
             moved, SUPERVISED_EXECUTED, moved);
    char *argv[] = {"sh", "-c", command, NULL};
    WAIT_UNTIL(process_run(argv, NULL, NULL) == 0, 10000);
    assert_int_equal(supervised_pid(&s, "p"), p);
    supervised_stop(&s);
}

static void test_half_lines_times_of_failures_and_last_lines_go_over(void **state)
{
    char *output;
    (void)state;
    supervised_up(
        &s,
        "programs = ({ name = \"p\"; command = [\"sh\", \"-c\", \"echo before; printf 'first half '; printf 'err "
        "half ' "
        ">&2; sleep 4; echo second half; echo rest >&2; exec sleep 99\"]; });",
        (char *[]){"LOGIKALD_ROLES=p", NULL});
    WAIT_UNTIL(process_logged(&s.process, "before"), 5000);
    for (int i = 0; i < 3; i++) supervised_exec(&s);
    WAIT_UNTIL(process_logged(&s.process, "first half second half"), 10000);
    WAIT_UNTIL(process_logged(&s.process, "err half rest"), 10000);
    assert_int_equal(supervised_ctl(&s, &output, "tail", "p", NULL), 0);
    assert_non_null(strstr(output, "before"));
    assert_non_null(strstr(output, "first half second half"));
    free(output);
    supervised_stop(&s);
}

TEST(test_failures_before_an_exec_count_towards_a_crash_loop)
{
    supervised_up(&s, " ",
                  (char *[]){"LOGIKALD_ROLES=web", "CRASH_LOOP_COUNT=4", "CRASH_LOOP_WINDOW_SECONDS=600",
                             "RESTART_STABLE_SECONDS=600", NULL});
    for (int i = 0; i < 3; i++) {
        WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 10000);
        int web = supervised_pid(&s, "web.0");
        kill(web, SIGKILL);
        WAIT_UNTIL(supervised_pid(&s, "web.0") != web, 10000);
    }
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 10000);
    supervised_exec(&s);
    assert_false(process_logged(&s.process, "is in a crash loop"));
    supervised_kill(&s, "web.0", SIGKILL);
    WAIT_UNTIL(process_logged(&s.process, "web.0 is in a crash loop"), 10000);
    supervised_stop(&s);
}

TEST(test_cpu_after_an_exec_is_that_of_the_last_interval)
{
    char config[700], end[400];
    supervised_prepare(&s, " ");
    snprintf(end, sizeof end, "%s/enough", s.dir);
    snprintf(
        config, sizeof config,
        "programs = ({ name = \"p\"; command = [\"sh\", \"-c\", \"timeout 60 sh -c 'while [ ! -e %s ]; do :; done'; "
        "exec sleep 99\"]; });",
        end);
    supervised_config(&s, config);
    supervised_start(&s, (char *[]){"LOGIKALD_ROLES=p", NULL});
    WAIT_UNTIL(supervised_child(&s, "p")->cpu_ms > 300, 30000);
    write_text(end, "", 0644);
    for (int i = 0; i < 2; i++) {
        supervised_exec(&s);
        for (int64_t until = mono_ms() + 900; mono_ms() < until;) {
            assert_in_range(supervised_child(&s, "p")->cpu_permille, 0, 1500);
            support_pause();
        }
    }
    supervised_stop(&s);
}

static void test_secrets_stay_hidden_and_runtime_settings_stay_set(void **state)
{
    char *output;
    (void)state;
    supervised_up(
        &s,
        "security = { secret_key = \"${MY_KEY}\"; };\nprograms = ({ name = \"p\"; command = [\"sh\", \"-c\", \"env | "
        "grep -c "
        "'^MY_KEY=' | sed 's/^/seen /'; exec sleep 99\"]; });",
        (char *[]){"LOGIKALD_ROLES=p", "MY_KEY=0123456789abcdef0123456789abcdef", NULL});
    WAIT_UNTIL(process_logged(&s.process, "seen 0"), 5000);
    assert_int_equal(supervised_ctl(&s, &output, "set", "log.level", "debug", NULL), 0);
    free(output);
    supervised_exec(&s);
    assert_int_equal(supervised_ctl(&s, &output, "status", NULL), 0);
    assert_non_null(strstr(output, "runtime setting: log.level = debug"));
    free(output);
    assert_int_equal(supervised_client(&s, "restart", "p"), 0);
    WAIT_UNTIL(count_logged("seen 0") == 2, 5000);
    supervised_stop(&s);
}

static void test_hook_that_runs_ends_before_an_exec(void **state)
{
    char config[500], out[300];
    (void)state;
    supervised_prepare(&s, " ");
    snprintf(out, sizeof out, "%s/out", s.dir);
    snprintf(config, sizeof config,
             "supervisor = { events_command = \"sleep 0.3; echo hook heard $LOGIKALD_EVENT && echo $LOGIKALD_EVENT >> "
             "%s\"; };",
             out);
    supervised_config(&s, config);
    supervised_start(&s, (char *[]){"LOGIKALD_ROLES=web", NULL});
    supervised_exec(&s); /* its reload is an event */
    char command[400];
    snprintf(command, sizeof command, "grep -q reload '%s'", out);
    char *argv[] = {"sh", "-c", command, NULL};
    WAIT_UNTIL(process_run(argv, NULL, NULL) == 0, 10000);
    WAIT_UNTIL(process_logged(&s.process, "hook heard reload"), 5000);
    supervised_stop(&s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_file_that_is_faulty_at_the_exec_is_not_read),
    cmocka_unit_test(test_trial_that_hangs_is_ended),
    cmocka_unit_test(test_no_program_at_all),
    cmocka_unit_test(test_new_program_that_cannot_take_over_goes_back_to_the_old_one),
    cmocka_unit_test(test_program_of_another_state_format_is_refused_by_its_trial),
    cmocka_unit_test(test_log_file_that_cannot_be_opened_any_more),
    cmocka_unit_test(test_half_lines_times_of_failures_and_last_lines_go_over),
    cmocka_unit_test(test_failures_before_an_exec_count_towards_a_crash_loop),
    cmocka_unit_test(test_cpu_after_an_exec_is_that_of_the_last_interval),
    cmocka_unit_test(test_secrets_stay_hidden_and_runtime_settings_stay_set),
    cmocka_unit_test(test_hook_that_runs_ends_before_an_exec),
};
SUPERVISED_MAIN(tests)
