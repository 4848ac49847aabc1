/* What the supervisor can be asked and told: status, the control socket, signals, events, limits. Its logs:
 * test_supervisor_told.c. */
#include "tests/support/process/supervised.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "conf/clock.h"
#include "conf/version.h"
#include "ipc/control.h"

static struct supervised s;

/* ---- control ---- */

static void test_status_for_people_and_for_programs(void **state)
{
    char *env[] = {"LOGIKALD_ROLES=p,web", NULL}, *output;
    (void)state;
    supervised_play(&s, "\"rest\"", env);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 5000);
    WAIT_UNTIL(supervised_child(&s, "p") && supervised_child(&s, "p")->pss_bytes > 0, 8000);
    assert_int_equal(supervised_ctl(&s, &output, "status", NULL), 0);
    assert_non_null(strstr(output, "web.0          ready"));
    assert_non_null(strstr(output, "background sync off"));
    assert_non_null(strstr(output, "LAST EXIT"));
    assert_null(strstr(output, "\033")); /* no colours in a file */
    free(output);

    assert_int_equal(supervised_ctl(&s, &output, "status", "--json", NULL), 0);
    cJSON *json = cJSON_Parse(output);
    assert_true(cJSON_IsArray(cJSON_GetObjectItem(json, "children")));
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(json, "children")), 2);
    cJSON_Delete(json);
    free(output);

    struct snapshot snap;
    struct err err = {0};
    /* the file that web reads; what memory is used is known from the first measurement on */
    WAIT_UNTIL(snapshot_read(s.run_dir, &snap, &err) == 0 && snap.count == 2 && snap.pss_bytes > 0, 20000);
    assert_int_equal(snap.pid, s.process.pid);
    assert_false(snapshot_is_stale(&snap, wall_ms()));
    assert_true(snapshot_is_stale(&snap, wall_ms() + 60000));
    supervised_stop(&s);
    assert_int_equal(snapshot_read(s.run_dir, &snap, &err), -(int)ERR_NOT_FOUND);
}

/* In a mount namespace of its own, where there is the right to have one: the child's answer by its exit status. */
static int look_at_a_disk(unsigned long flags, bool is_filled)
{
    char path[300], zeros[4096] = {0};
    snprintf(path, sizeof path, "%s/small", support_dir());
    mkdir(path, 0700);
    if (unshare(CLONE_NEWNS) != 0) return 77;
    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
    if (mount("tmpfs", path, "tmpfs", flags, "size=16k") != 0) return 77;
    const char *before = snapshot_unwritable(path);
    snprintf(path, sizeof path, "%s/small/file", support_dir());
    int fd = is_filled ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
    while (fd >= 0 && write(fd, zeros, sizeof zeros) > 0) {
    }
    snprintf(path, sizeof path, "%s/small", support_dir());
    const char *now = snapshot_unwritable(path);
    if (flags & MS_RDONLY) return now && strcmp(now, "read-only") == 0 ? 0 : 1;
    return !before && (is_filled ? now && strcmp(now, "full") == 0 : !now) ? 0 : 1;
}

static void test_run_directory_that_is_full_or_read_only_is_known(void **state)
{
    static const struct {
        unsigned long flags;
        bool is_filled;
    } rows[] = {{0, false}, {0, true}, {MS_RDONLY, false}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int status = 0;
        pid_t pid = fork();
        if (pid == 0) _exit(look_at_a_disk(rows[i].flags, rows[i].is_filled));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
            print_message("no right to mount: row %zu was not tried\n", i);
        else if (status != 0)
            fail_msg("row %zu: %d", i, status);
    }
    assert_null(snapshot_unwritable("/proc")); /* has no blocks at all */
    assert_null(snapshot_unwritable("/nothing/there"));
    assert_null(snapshot_unwritable(support_dir()));
}

static void test_start_stop_restart_signal_tail_and_mistakes(void **state)
{
    char *env[] = {"LOGIKALD_ROLES=p,web", NULL}, *output;
    (void)state;
    supervised_play(&s, "\"rest\"", env);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready") && process_logged(&s.process, "plays rest"), 5000);
    int p = supervised_pid(&s, "p"), web = supervised_pid(&s, "web.0");
    assert_int_equal(supervised_ctl(&s, NULL, "restart", "p", "web", NULL), 0);
    assert_int_not_equal(supervised_pid(&s, "p"), p);
    assert_int_not_equal(supervised_pid(&s, "web.0"), web);

    assert_int_equal(supervised_ctl(&s, NULL, "stop", "p", NULL), 0);
    assert_true(supervised_is(&s, "p", "down") && supervised_child(&s, "p")->is_held);
    process_signal(&s.process, SIGHUP); /* a reload does not start it */
    WAIT_UNTIL(process_logged(&s.process, "configuration reloaded"), 5000);
    assert_true(supervised_is(&s, "p", "down"));
    assert_int_equal(supervised_ctl(&s, NULL, "start", "p", NULL), 0);
    assert_true(supervised_is(&s, "p", "ready"));

    assert_int_equal(supervised_ctl(&s, NULL, "signal", "web.0", "HUP", NULL), 0);
    WAIT_UNTIL(process_logged(&s.process, "web heard HUP"), 3000);
    assert_int_equal(supervised_ctl(&s, &output, "tail", "web.0", "-n", "1", NULL), 0);
    assert_non_null(strstr(output, "web heard HUP"));
    free(output);
    assert_int_equal(supervised_ctl(&s, &output, "version", NULL), 0);
    assert_non_null(strstr(output, version_text));
    free(output);

    assert_int_equal(supervised_ctl(&s, &output, "stop", "nobody", NULL), 1);
    assert_non_null(strstr(output, "no child \"nobody\""));
    free(output);
    assert_int_equal(supervised_ctl(&s, NULL, "signal", "p", "NOPE", NULL), 1);
    assert_int_equal(supervised_ctl(&s, NULL, "signal", "p", NULL), 64);
    assert_int_equal(supervised_ctl(&s, NULL, "frobnicate", NULL), 64);
    assert_int_equal(supervised_ctl(&s, NULL, "shutdown", NULL), 0);
    assert_int_equal(process_wait(&s.process, 10000), 0);
    assert_int_equal(supervised_ctl(&s, &output, "status", NULL), 69);
    assert_non_null(strstr(output, "no supervisor runs on"));
    free(output);
}

static void test_restart_that_fails_is_told(void **state)
{
    char *env[] = {"LOGIKALD_ROLES=web", "RESTART_BACKOFF_BASE_MS=3000", "RESTART_BACKOFF_CAP_MS=5000", NULL}, *output;
    (void)state;
    supervised_prepare(&s, " ");
    supervised_start(&s, env);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 5000);
    supervised_let(&s, "web", "exit 5");
    assert_int_equal(supervised_ctl(&s, &output, "restart", "web", NULL), 1);
    assert_non_null(strstr(output, "exit status 5"));
    free(output);
    supervised_stop(&s);
}

static void test_tail_follows(void **state)
{
    char *env[] = {"LOGIKALD_ROLES=p", NULL};
    struct control_client client;
    struct err err = {0};
    char *words[] = {"p", "0", "follow"};
    (void)state;
    supervised_prepare(
        &s, "programs = ({ name = \"p\"; command = [\"sh\", \"-c\", \"while :; do echo tick; sleep 0.1; done\"]; });");
    supervised_start(&s, env);
    assert_int_equal(control_open(&client, s.run_dir, &err), 0);
    assert_int_equal(control_send(&client, "tail", 3, words, &err), 0);
    for (int i = 0; i < 5; i++) {
        cJSON *line = control_read(&client, 5000, &err);
        if (!line) fail_msg("%s", err.text);
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(line, "line")), "tick");
        cJSON_Delete(line);
    }
    control_close(&client);
    supervised_stop(&s);
}

static void test_control_socket_bears_nonsense_and_is_closed_to_others(void **state)
{
    static const char *const nonsense[] = {"\n",
                                           "{}\n",
                                           "[1,2]\n",
                                           "{\"command\":5}\n",
                                           "{\"command\":\"stop\",\"args\":[{}]}\n",
                                           "{\"command\":\"tail\",\"args\":[\"p\",\"-99999999999\"]}\n",
                                           "\xff\xfe\n",
                                           "{\"command\":\"status\"}{\"command\":\"status\"}\n"};
    char *env[] = {"LOGIKALD_ROLES=p", NULL};
    struct sockaddr_un addr;
    struct stat st;
    (void)state;
    supervised_play(&s, "\"rest\"", env);
    assert_int_equal(control_address(s.run_dir, &addr, NULL), 0);
    assert_int_equal(stat(addr.sun_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        struct control_client client;
        struct err err = {0};
        assert_int_equal(control_open(&client, s.run_dir, &err), 0);
        assert_int_equal(send(client.fd, nonsense[i], strlen(nonsense[i]), MSG_NOSIGNAL), strlen(nonsense[i]));
        cJSON *answer = control_read(&client, 5000, &err);
        assert_non_null(answer);
        cJSON_Delete(answer);
        control_close(&client);
    }
    int fds[40]; /* more connections than are served: the others are closed, nothing hangs */
    for (int i = 0; i < 40; i++) {
        fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (connect(fds[i], (struct sockaddr *)&addr, sizeof addr) != 0) support_pause();
        char junk[20000]; /* and a request without an end */
        memset(junk, '{', sizeof junk);
        if (send(fds[i], junk, sizeof junk, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) continue;
    }
    for (int i = 0; i < 40; i++) close(fds[i]);
    WAIT_UNTIL(supervised_is(&s, "p", "ready"), 5000);
    if (geteuid() == 0) { /* another user gets nowhere even where the permissions let him in */
        chmod(s.dir, 0755);
        chmod(support_dir(), 0755);
        chmod(s.run_dir, 0755);
        chmod(addr.sun_path, 0666);
        pid_t pid = fork();
        if (pid == 0) {
            struct control_client client;
            if (setgid(65534) != 0 || setuid(65534) != 0) _exit(9);
            if (control_open(&client, s.run_dir, NULL) != 0) _exit(8);
            control_send(&client, "shutdown", 0, NULL, NULL);
            _exit(control_read(&client, 3000, NULL) ? 7 : 0);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        WAIT_UNTIL(process_logged(&s.process, "control: refused user 65534"), 5000);
    }
    supervised_stop(&s);
}

static void test_usr2_logs_the_status(void **state)
{
    char *env[] = {"LOGIKALD_ROLES=p", NULL};
    (void)state;
    supervised_play(&s, "\"rest\"", env);
    WAIT_UNTIL(supervised_is(&s, "p", "ready"), 5000);
    process_signal(&s.process, SIGUSR2);
    WAIT_UNTIL(process_logged(&s.process, "status: p ready, pid "), 3000);
    supervised_stop(&s);
}

/* ---- events and limits ---- */

static void test_events_reach_the_hook_and_its_rate_is_bounded(void **state)
{
    char file[300], command[700];
    char *env[] = {"LOGIKALD_ROLES=web",
                   command,
                   "SECRET_KEY=not-for-the-hook-0123456789abcdef",
                   "RESTART_BACKOFF_BASE_MS=1",
                   "RESTART_BACKOFF_CAP_MS=2",
                   "CRASH_LOOP_COUNT=5",
                   NULL};
    (void)state;
    snprintf(file, sizeof file, "%s/events", support_dir());
    snprintf(command, sizeof command,
             "EVENTS_COMMAND=echo \"$LOGIKALD_EVENT/$LOGIKALD_EVENT_CHILD/$LOGIKALD_EVENT_TEXT/$SECRET_KEY\" >> %s",
             file);
    supervised_prepare(&s, " ");
    supervised_start(&s, env);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 5000);
    process_signal(&s.process, SIGHUP);
    WAIT_UNTIL(support_file_has(file, "reload//0 settings changed/\n"), 5000);
    supervised_kill(&s, "web.0", SIGKILL);
    WAIT_UNTIL(support_file_has(file, "exit/web.0/killed by SIGKILL; restarting now/\n"), 5000);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 5000);

    supervised_config(&s, "sync = { background_enabled = true; };");
    process_signal(&s.process, SIGHUP);
    WAIT_UNTIL(support_file_has(file, "gate//background_sync on/\n"), 5000);

    supervised_let(&s, "web", "exit 1");
    supervised_kill(&s, "web.0", SIGKILL);
    WAIT_UNTIL(support_file_has(file, "crash-loop/web.0/"), 20000);
    int64_t deadline = support_deadline(20000);
    while (supervised_count(&s, "web.0") < 0 || s.status.events_dropped == 0) { /* each HUP is an event */
        if (support_late(deadline)) fail_msg("no event was dropped");
        process_signal(&s.process, SIGHUP);
        poll(NULL, 0, 2);
    }
    assert_false(support_file_has(file, "not-for-the-hook"));
    supervised_stop(&s);
}

static void test_child_that_outgrows_its_limit_is_replaced_gracefully(void **state)
{
    char *env[] = {"LOGIKALD_ROLES=web", "MEMORY_HARD_BYTES=170000000", "MEMORY_SOFT_BYTES=160000000", NULL};
    (void)state;
    supervised_prepare(&s, " ");
    supervised_let(&s, "web", "grow 200");
    supervised_start(&s, env);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 10000);
    int web = supervised_pid(&s, "web.0");
    supervised_let(&s, "web", "ready");
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready") && supervised_pid(&s, "web.0") != web, 15000);
    WAIT_UNTIL(process_logged(&s.process, "more than its limit; it is replaced"), 5000);
    WAIT_UNTIL(process_logged(&s.process, "has taken over from"), 5000);
    supervised_stop(&s);
}

static void test_completion_knows_commands_and_children(void **state)
{
    char script[1200], *output;
    char *env[] = {"LOGIKALD_ROLES=p", NULL};
    (void)state;
    supervised_play(&s, "\"rest\"", env);
    WAIT_UNTIL(supervised_is(&s, "p", "ready"), 5000);
    snprintf(script, sizeof script,
             "source supervisor/completion.bash; export LOGIKALD_RUN_DIR=%s; L=%s/bin/logikald;"
             "try() { COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _logikald; echo \"[${COMPREPLY[*]}]\"; };"
             "try $L ct; try $L ctl sta; try $L ctl restart p; try $L ctl set log.lev; try $L ctl reload ''",
             s.run_dir, s.dir);
    char *argv[] = {"bash", "-c", script, NULL};
    assert_int_equal(process_run(argv, NULL, &output), 0);
    assert_string_equal(output, "[ctl]\n[status start]\n[p]\n[log.level]\n[--exec]\n");
    free(output);
    supervised_stop(&s);
}

/* ---- an upgrade that is none ---- */

/* This build under another version, as `s.dir`/bin/logikald. */
static void put_older_program(void)
{
    char command[1200];
    int n = (int)strcspn(version_text, "+");
    snprintf(command, sizeof command,
             "LC_ALL=C sed 's/%.*s[+]dev/%.*s+old/g' '%s' > '%s/bin/new' && chmod 755 '%s/bin/new' && mv '%s/bin/new' "
             "'%s/bin/logikald'",
             n, version_text, n, version_text, support_program("logikald"), s.dir, s.dir, s.dir, s.dir);
    assert_int_equal(system(command), 0);
}

/* By the program that stands somewhere else than where the supervisor's own does. */
static int exec_by_the_new_program(char **output)
{
    char run[320], *env[] = {run, NULL};
    char *argv[] = {(char *)support_program("logikald"), "ctl", "reload", "--exec", NULL};
    snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%s", s.run_dir);
    return process_run(argv, env, output);
}

static void test_exec_that_leads_to_no_other_program_is_told(void **state)
{
    char *env[] = {"LOGIKALD_ROLES=web", NULL}, *output, command[900];
    (void)state;
    supervised_prepare(&s, " ");
    put_older_program();
    supervised_start(&s, env);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 10000);
    assert_int_equal(exec_by_the_new_program(&output), 1); /* it was put where nobody looks */
    assert_non_null(strstr(output, "nothing is upgraded"));
    assert_non_null(strstr(output, "+old, and this program is"));
    assert_non_null(strstr(output, "/bin/logikald: put the new programs there"));
    free(output);
    assert_int_equal(supervised_ctl(&s, &output, "reload", "--exec", NULL), 0); /* the same, and meant to be */
    assert_null(strstr(output, "upgraded"));
    free(output);
    assert_int_equal(supervised_ctl(&s, &output, "reload", NULL), 0);
    free(output);

    snprintf(command, sizeof command, "cp '%s' '%s/bin/new' && mv '%s/bin/new' '%s/bin/logikald'",
             support_program("logikald"), s.dir, s.dir, s.dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(exec_by_the_new_program(&output), 0);
    assert_non_null(strstr(output, "+dev now, and was "));
    free(output);
    put_older_program(); /* and back, by a program that is neither before nor after another one */
    assert_int_equal(exec_by_the_new_program(&output), 0);
    assert_null(strstr(output, "nothing is upgraded"));
    free(output);
    supervised_stop(&s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_status_for_people_and_for_programs),
    cmocka_unit_test(test_run_directory_that_is_full_or_read_only_is_known),
    cmocka_unit_test(test_start_stop_restart_signal_tail_and_mistakes),
    cmocka_unit_test(test_restart_that_fails_is_told),
    cmocka_unit_test(test_tail_follows),
    cmocka_unit_test(test_control_socket_bears_nonsense_and_is_closed_to_others),
    cmocka_unit_test(test_usr2_logs_the_status),
    cmocka_unit_test(test_events_reach_the_hook_and_its_rate_is_bounded),
    cmocka_unit_test(test_child_that_outgrows_its_limit_is_replaced_gracefully),
    cmocka_unit_test(test_completion_knows_commands_and_children),
    cmocka_unit_test(test_exec_that_leads_to_no_other_program_is_told),
};
SUPERVISED_MAIN(tests)
