/* What is asked of the supervisor from outside: what it cannot do is refused at once, with words that help; an outer
 * supervisor hears what it has to; signals and terminals end it only when they are meant to. */
#include "tests/support/process/supervised.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "conf/clock.h"

static struct supervised s;

/* ---- refused at once ---- */

static void test_what_cannot_be_applied_is_refused_at_once(void **state)
{
    static const char *const files[] = {
        "log = { file = \"/nonexistent/dir/x.log\"; };",
        "log = { file = \"/\"; };",
        "programs = ({ name = \"a\"; command = [\"true\"]; user = \"no-such-user\"; });",
        "programs = ({ name = \"a\"; command = [\"true\"]; liveness = \"tcp:nowhere\"; });",
    };
    char *output, run[320];
    (void)state;
    supervised_up(&s, " ", NULL);
    assert_int_equal(supervised_ctl(&s, &output, "set", "log.file", "/nonexistent/dir/x.log", NULL), 1);
    assert_non_null(strstr(output, "log.file /nonexistent/dir/x.log"));
    free(output);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        supervised_config(&s, files[i]);
        assert_int_equal(supervised_ctl(&s, &output, "reload", NULL), 1);
        assert_non_null(strstr(output, "nothing was changed"));
        free(output);
    }
    supervised_stop(&s);
    snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%s", s.run_dir);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) { /* and at the start, by the same status */
        supervised_config(&s, files[i]);
        char *argv[] = {(char *)support_program("logikald"), "--config", s.config, NULL},
             *env[] = {run, "PORT=0", NULL};
        int status = process_run(argv, env, &output);
        if (status != 78) fail_msg("%d: %s", status, output);
        free(output);
    }
}

static int take_port(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    return ntohs(addr.sin_port);
}

static void test_address_that_cannot_be_listened_on_is_refused_at_once(void **state)
{
    char file[200], *output;
    const struct {
        const char *host;
        int port;
        const char *words; /* NULL = accepted */
    } rows[] = {
        {"127.0.0.1", take_port(), "another program does"},
        {"192.0.2.1", 8001, "cannot listen on 192.0.2.1"},
        {"no.such.name.invalid", 8001, "http.host"},
        {"2001:db8::1", 8001, "cannot listen on"},
        {"0.0.0.0", -1, NULL},
        /* the port is ours */ {"localhost", 0, NULL},
    };
    (void)state;
    supervised_prepare(&s, " ");
    snprintf(file, sizeof file, "http = { host = \"127.0.0.1\"; port = %d; };", s.port);
    supervised_config(&s, file);
    supervised_start(&s, (char *[]){"LOGIKALD_ROLES=web", "HOST=", "PORT=", NULL});
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(file, sizeof file, "http = { host = \"%s\"; port = %d; };", rows[i].host,
                 rows[i].port < 0 ? s.port : rows[i].port);
        supervised_config(&s, file);
        int status = supervised_ctl(&s, &output, "reload", NULL);
        if (rows[i].words ? status != 1 || !strstr(output, rows[i].words) : status != 0)
            fail_msg("%s: %d %s", file, status, output);
        free(output);
    }
    supervised_stop(&s);
}

static void test_roles_are_checked(void **state)
{
    static const char *const bad[] = {"wbe", "A", "web,", "web;worker", "web.0", "p q"};
    static const char *const good[] = {"web", " web ", "p , web", "web\tp", ",web,"};
    char run[320], roles[64], *output;
    (void)state;
    supervised_prepare(&s, "programs = ({ name = \"p\"; command = [\"sleep\", \"99\"]; });");
    snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%s", s.run_dir);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (strcmp(bad[i], "web,") == 0) continue; /* a comma too many is none */
        snprintf(roles, sizeof roles, "LOGIKALD_ROLES=%s", bad[i]);
        char *argv[] = {(char *)support_program("logikald"), "--config", s.config, NULL};
        char *env[] = {run, roles, "PORT=0", NULL};
        int status = process_run(argv, env, &output);
        if (status != 78 || !strstr(output, "LOGIKALD_ROLES names")) fail_msg("%s: %d %s", bad[i], status, output);
        free(output);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(roles, sizeof roles, "LOGIKALD_ROLES=%s", good[i]);
        supervised_start(&s, (char *[]){roles, NULL});
        WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 5000);
        assert_int_equal(s.status.count, strchr(good[i], 'p') ? 2 : 1);
        supervised_stop(&s);
    }
    supervised_start(
        &s, (char *[]){"LOGIKALD_ROLES=web, p", NULL}); /* what is taken out of the file later goes all the same */
    supervised_config(&s, " ");
    assert_int_equal(supervised_ctl(&s, &output, "reload", NULL), 0);
    free(output);
    WAIT_UNTIL(process_logged(&s.process, "LOGIKALD_ROLES names \"p\"") && supervised_count(&s, "p") == 0, 5000);
    supervised_stop(&s);
}

/* ---- an outer supervisor ---- */

static int outer_fd;

static void outer_open(char entry[400])
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path, sizeof addr.sun_path, "%.80s/outer", support_dir());
    unlink(addr.sun_path);
    outer_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(outer_fd, (struct sockaddr *)&addr, sizeof addr), 0);
    snprintf(entry, 400, "NOTIFY_SOCKET=%s", addr.sun_path);
}

static bool outer_heard(const char *word)
{
    static char all[65536];
    static size_t len;
    char text[4096];
    for (ssize_t n; (n = recv(outer_fd, text, sizeof text, 0)) > 0 && len + (size_t)n + 2 < sizeof all;) {
        memcpy(all + len, text, (size_t)n);
        len += (size_t)n;
        all[len++] = '\n';
        all[len] = 0;
    }
    if (!word) len = 0, all[0] = 0;
    return word && strstr(all, word) != NULL;
}

static void test_outer_supervisor_hears_ready_when_the_essential_are(void **state)
{
    char entry[400];
    (void)state;
    outer_open(entry);
    outer_heard(NULL);
    supervised_up(&s,
                  "programs = ({ name = \"never\"; command = [\"sleep\", \"99\"]; readiness = \"command:false\"; });",
                  (char *[]){"LOGIKALD_ROLES=web never", entry, "WATCHDOG_USEC=600000", NULL});
    WAIT_UNTIL(outer_heard("READY=1"), 5000);
    WAIT_UNTIL(outer_heard("STATUS=1 of 2 children are up"), 5000);
    for (int i = 0; i < 3; i++) { /* a reload has a beginning and an end, also when it is refused */
        outer_heard(NULL);
        if (i == 2) supervised_config(&s, "garbage");
        if (i == 1)
            process_signal(&s.process, SIGHUP);
        else
            assert_int_equal(supervised_ctl(&s, NULL, "reload", NULL), i == 2);
        WAIT_UNTIL(outer_heard("RELOADING=1\nMONOTONIC_USEC="), 2000);
        WAIT_UNTIL(outer_heard(i == 2 ? "READY=1\nSTATUS=reload refused" : "READY=1\nSTATUS=reloaded"), 2000);
    }
    outer_heard(NULL);
    for (int i = 0; i < 3; i++) { /* it pings in time */
        WAIT_UNTIL(outer_heard("WATCHDOG=1"), 600);
        outer_heard(NULL);
    }
    supervised_stop(&s);
    assert_true(outer_heard("STOPPING=1"));
    close(outer_fd);
}

/* ---- limits of talking ---- */

TEST(test_user_signals_end_no_role)
{
    supervised_prepare(&s, " ");
    supervised_real_roles(&s);
    supervised_start(&s, (char *[]){"LOGIKALD_ROLES=web", NULL});
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 30000);
    int web = supervised_pid(&s, "web.0");
    assert_int_equal(supervised_ctl(&s, NULL, "signal", "web", "USR1", NULL), 0);
    assert_int_equal(supervised_ctl(&s, NULL, "signal", "web", "USR2", NULL), 0);
    assert_int_equal(supervised_ctl(&s, NULL, "signal", "web", "HUP", NULL), 0);
    WAIT_UNTIL(process_logged(&s.process, "web") && supervised_is(&s, "web.0", "ready"), 5000);
    assert_int_equal(supervised_pid(&s, "web.0"), web);
    supervised_stop(&s);
    assert_false(process_logged(&s.process, "killed by SIGUSR"));
}

static void test_followers_leave_room_for_commands(void **state)
{
    struct process followers[20];
    char program[300], run[320], *output;
    (void)state;
    supervised_up(&s, "programs = ({ name = \"p\"; command = [\"sleep\", \"99\"]; });",
                  (char *[]){"LOGIKALD_ROLES=p", NULL});
    snprintf(program, sizeof program, "%s/bin/logikald", s.dir);
    snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%s", s.run_dir);
    char *argv[] = {program, "ctl", "tail", "p", "-f", NULL}, *env[] = {run, NULL};
    for (int i = 0; i < 20; i++) process_start(&followers[i], "follower", argv, env);
    /* until it is heard what they want, those who come at once take every place for a moment */
    WAIT_UNTIL(supervised_ctl(&s, NULL, "status", NULL) == 0, 10000);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(supervised_ctl(&s, &output, "status", NULL), 0);
        free(output);
    }
    int running = 0;
    for (int i = 0; i < 20; i++) {
        running += process_running(&followers[i]);
        process_stop(&followers[i]);
    }
    assert_in_range(running, 8, 16);
    supervised_stop(&s);
}

static void test_wrong_words_of_ctl_are_told(void **state)
{
    static const char *const rows[][5] = {{"tail", "p", "-n", "abc", NULL},
                                          {"tail", "p", "--lines", "5", NULL},
                                          {"tail", "p", "q", NULL, NULL},
                                          {"tail", "-x", NULL, NULL, NULL}};
    char *output;
    (void)state;
    supervised_up(
        &s,
        "programs = ({ name = \"p\"; command = [\"sleep\", \"99\"]; depends_on = [\"db\"]; }, { name = \"db\"; "
        "command = "
        "[\"sleep\", \"99\"]; autostart = false; });",
        (char *[]){"LOGIKALD_ROLES=p db", NULL});
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int rc = supervised_ctl(&s, &output, rows[i][0], rows[i][1], rows[i][2], rows[i][3], NULL);
        if (rc != 64) fail_msg("row %zu: %d %s", i, rc, output);
        free(output);
    }
    int64_t began = mono_ms();
    assert_int_equal(supervised_ctl(&s, &output, "start", "p", NULL), 1); /* what it waits for comes by hand only */
    assert_non_null(strstr(output, "waits for db (down, held"));
    assert_true(mono_ms() - began < 5000);
    free(output);
    assert_int_equal(supervised_ctl(&s, &output, "start", "db", "p", NULL), 0);
    free(output);
    assert_int_equal(supervised_ctl(&s, &output, "set", "EVENTS_COMMAND", "echo 'x' \"y", NULL), 0);
    free(output);
    assert_int_equal(supervised_ctl(&s, &output, "status", NULL), 0);
    assert_non_null(strstr(output, "supervisor.events_command = echo 'x' \"y"));
    free(output);
    supervised_stop(&s);
}

/* ---- the terminal ---- */

static void test_closed_terminal_ends_it_and_hup_with_one_does_not(void **state)
{
    char program[300], run[320], play[300], drained[4096];
    int master;
    (void)state;
    supervised_prepare(&s, " ");
    snprintf(program, sizeof program, "%s/bin/logikald", s.dir);
    snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%s", s.run_dir);
    snprintf(play, sizeof play, "PLAY_DIR=%s", s.dir);
    pid_t pid = forkpty(&master, NULL, NULL, NULL);
    assert_true(pid >= 0);
    if (pid == 0) {
        char *argv[] = {program, "--config", s.config, NULL};
        putenv(run), putenv(play), putenv("PORT=0"), putenv("HOST=127.0.0.1"), putenv("LOGIKALD_ROLES=web");
        execv(program, argv);
        _exit(1);
    }
    memset(&s.process, 0, sizeof s.process);
    s.process.pid = pid;
    s.process.is_running = true;
    fcntl(master, F_SETFL, O_NONBLOCK);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 15000);
    kill(pid, SIGHUP);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready") && s.status.reloads == 1, 10000);
    while (read(master, drained, sizeof drained) > 0) continue;
    close(master); /* the window is closed */
    assert_int_equal(process_wait(&s.process, 15000), 0);
    assert_int_equal(supervised_left(&s), 0);
}

/* ---- how it is started ---- */

static int by_shell(const char *script, char **output)
{
    char *argv[] = {"sh", "-c", (char *)(uintptr_t)script, (char *)support_program("logikald"), NULL};
    char *env[] = {"LOGIKALD_RUN_DIR=/nonexistent/of/nobody", NULL};
    return process_run(argv, env, output);
}

static void test_what_cannot_be_printed_is_an_error(void **state)
{
    static const struct {
        const char *script;
        int status;
        const char *said;
    } rows[] = {
        {"\"$0\" defaults >/dev/full", 1, "standard output: No space left"},
        {"\"$0\" config >/dev/full", 1, "standard output: No space left"},
        {"\"$0\" --help >/dev/full", 1, "standard output: No space left"},
        {"\"$0\" task tasks.scheduler_tasks.smart_sync_scheduler >/dev/full", 1, "standard output"},
        {"\"$0\" defaults | head -n 1", 0, ""},
        {"{ \"$0\" task tasks.scheduler_tasks.smart_sync_scheduler; echo \"ended $?\" >&2; } | :", 0, "ended 0"},
        {"\"$0\" config >&-", 0, ""},
        {"\"$0\" config <&- | wc -l", 0, ""},
        {"\"$0\" task tasks.scheduler_tasks.smart_sync_scheduler >&- 2>&- <&-", 0, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *output;
        int status = by_shell(rows[i].script, &output);
        if (status != rows[i].status || !strstr(output, rows[i].said))
            fail_msg("%s: %d, %s", rows[i].script, status, output);
        free(output);
    }
}

static void test_its_own_files_are_its_own_whatever_the_umask(void **state)
{
    char run[320], play[300], script[700];
    struct stat st;
    (void)state;
    supervised_prepare(&s, " ");
    snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%s", s.run_dir);
    snprintf(play, sizeof play, "PLAY_DIR=%s", s.dir);
    snprintf(script, sizeof script, "umask 0777; exec '%s/bin/logikald' --config '%s'", s.dir, s.config);
    char *argv[] = {"sh", "-c", script, NULL},
         *env[] = {run, play, "PORT=0", "HOST=127.0.0.1", "LOGIKALD_ROLES=web", NULL};
    process_start(&s.process, "supervisor", argv, env);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 15000);
    assert_int_equal(stat(s.run_dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    supervised_stop(&s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_what_cannot_be_applied_is_refused_at_once),
    cmocka_unit_test(test_address_that_cannot_be_listened_on_is_refused_at_once),
    cmocka_unit_test(test_roles_are_checked),
    cmocka_unit_test(test_outer_supervisor_hears_ready_when_the_essential_are),
    cmocka_unit_test(test_user_signals_end_no_role),
    cmocka_unit_test(test_followers_leave_room_for_commands),
    cmocka_unit_test(test_wrong_words_of_ctl_are_told),
    cmocka_unit_test(test_closed_terminal_ends_it_and_hup_with_one_does_not),
    cmocka_unit_test(test_what_cannot_be_printed_is_an_error),
    cmocka_unit_test(test_its_own_files_are_its_own_whatever_the_umask),
};
SUPERVISED_MAIN(tests)
