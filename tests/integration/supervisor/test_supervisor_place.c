/* Where a supervisor lives and what its children read: whoever cleans up its directory does not cut it off, no second
 * one takes its place, `ctl` finds it and no other, and what it has accepted its children accept. */
#include "tests/support/process/supervised.h"

#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/clock.h"

static struct supervised s, t;

__attribute__((format(printf, 1, 2))) static void shell(const char *fmt, ...)
{
    char command[2000];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    assert_int_equal(system(command), 0);
}

static int run_ctl(char *const env[], char **output, const char *config, const char *command)
{
    char *argv[] = {(char *)support_program("logikald"), "--config", (char *)config, "ctl", (char *)command, NULL};
    if (!config) argv[1] = "ctl", argv[2] = (char *)command, argv[3] = NULL;
    return process_run(argv, env, output);
}

static bool answers(void)
{
    char *output;
    int rc = supervised_ctl(&s, &output, "status", NULL);
    free(output);
    return rc == 0;
}

/* It is killed, and there is another one. */
static void replace_web(void)
{
    int web = supervised_pid(&s, "web.0");
    assert_true(web > 0);
    kill(web, SIGKILL);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready") && supervised_pid(&s, "web.0") != web, 10000);
}

/* ---- what is cleaned away ---- */

static bool is_there(const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "%.300s/%s", s.run_dir, name);
    return access(path, F_OK) == 0;
}

static void test_what_is_removed_comes_back(void **state)
{
    static const char *const what[] = {"\"$D\"/control.sock", "\"$D\"/supervisor.lock", "\"$D\"/web.*", "\"$D\"/*",
                                       "-r \"$D\""};
    (void)state;
    supervised_up(&s, "http = { max_connections = 77; };", (char *[]){"LOGIKALD_ROLES=web", NULL});
    for (size_t i = 0; i < sizeof what / sizeof *what; i++) {
        shell("D='%s'; rm -f %s || true", s.run_dir, what[i]);
        WAIT_UNTIL(answers(), 10000);
        replace_web();
        shell("grep -q 'max_connections = 77' '%s/web.cfg'", s.run_dir);
        WAIT_UNTIL(is_there("supervisor.lock") && is_there("control.sock"), 10000);
    }
    process_signal(&s.process, SIGHUP); /* and a reload works */
    WAIT_UNTIL(process_logged(&s.process, "configuration reloaded"), 5000);
    supervised_stop(&s);
}

static void test_second_supervisor_never_starts_on_it(void **state)
{
    static const char *const before[] = {":", "rm -f \"$D\"/supervisor.lock", "rm -f \"$D\"/*"};
    (void)state;
    supervised_up(&s, " ", (char *[]){"LOGIKALD_ROLES=web", NULL});
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        char run[320], *output;
        snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%s", s.run_dir);
        shell("D='%s'; %s", s.run_dir, before[i]);
        char *argv[] = {(char *)support_program("logikald"), NULL}, *env[] = {run, "PORT=0", NULL};
        assert_int_equal(process_run(argv, env, &output), 69);
        if (!strstr(output, "another supervisor runs on")) fail_msg("%s", output);
        free(output);
        WAIT_UNTIL(answers(), 10000);
    }
    supervised_stop(&s);
}

/* One is there for a moment with each try. */
static bool is_none_half_written(void)
{
    char pattern[400];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%.300s/*.new", s.run_dir);
    int rc = glob(pattern, 0, NULL, &found);
    globfree(&found);
    return rc == GLOB_NOMATCH;
}

/* What is being replaced at the moment leaves room when it is. */
static void fill_disk(void)
{
    for (int i = 0; i < 5; i++) {
        shell("dd if=/dev/zero of='%s/fill.%d' bs=4k 2>/dev/null || true", s.run_dir, i);
        for (int k = 0; k < 20; k++) support_pause();
    }
}

static void test_full_disk_is_told_once_and_nothing_ends(void **state)
{
    char command[600], *output;
    (void)state;
    if (geteuid() != 0) skip();
    supervised_prepare(&s, " ");
    mkdir(s.run_dir, 0700);
    snprintf(command, sizeof command, "mount -t tmpfs -o size=256k,mode=700 none '%s'", s.run_dir);
    if (system(command) != 0) skip(); /* not allowed to mount here */
    supervised_start(&s, (char *[]){"LOGIKALD_ROLES=web", NULL});
    fill_disk();
    for (int64_t until = mono_ms() + 12000; mono_ms() < until;) support_pause();
    assert_int_equal(supervised_ctl(&s, &output, "set", "log.level", "debug", NULL), 1);
    free(output);
    replace_web();
    int told = process_log_count(&s.process, "status.json: No space left");
    assert_in_range(told, 1, 1 + process_log_count(&s.process, "the status is written again"));
    WAIT_UNTIL(is_none_half_written(), 5000);
    shell("rm '%s'/fill.*", s.run_dir);
    assert_int_equal(supervised_ctl(&s, &output, "set", "log.level", "debug", NULL), 0);
    free(output);
    supervised_stop(&s);
    shell("umount '%s'", s.run_dir);
}

/* ---- who is talked to ---- */

static void test_ctl_with_a_faulty_file_talks_to_the_supervisor_that_it_names(void **state)
{
    char config[700], xdg[400], place[300], *output, expected[64];
    (void)state;
    /* Somebody else's, where one goes by default. */
    supervised_prepare(&t, " ");
    snprintf(place, sizeof place, "%s/xdg", t.dir);
    mkdir(place, 0700);
    snprintf(t.run_dir, sizeof t.run_dir, "%.200s/xdg/logikald", t.dir);
    supervised_start(&t, (char *[]){"LOGIKALD_ROLES=web", NULL});
    snprintf(xdg, sizeof xdg, "XDG_RUNTIME_DIR=%s", place);

    supervised_prepare(&s, " ");
    snprintf(config, sizeof config, "supervisor: { run_dir = \"%s\"; };\n", s.run_dir);
    supervised_config(&s, config);
    supervised_start(&s, (char *[]){"LOGIKALD_ROLES=web", NULL});
    char *env[] = {xdg, NULL};
    strcat(config, "garbage\n");
    supervised_config(&s, config);

    assert_int_equal(run_ctl(env, &output, s.config, "status"), 0);
    snprintf(expected, sizeof expected, "pid %d", (int)s.process.pid);
    if (!strstr(output, expected)) fail_msg("%s", output);
    free(output);
    supervised_config(&s, "@include \"elsewhere.cfg\"\ngarbage\n"); /* it cannot be told */
    assert_int_equal(run_ctl(env, &output, s.config, "shutdown"), 78);
    assert_non_null(strstr(output, "LOGIKALD_RUN_DIR"));
    free(output);
    assert_true(process_running(&t.process) && process_running(&s.process));

    assert_int_equal(run_ctl(env, &output, NULL, "status"), 0); /* nothing named: the default one */
    snprintf(expected, sizeof expected, "pid %d", (int)t.process.pid);
    if (!strstr(output, expected)) fail_msg("%s", output);
    free(output);
    supervised_stop(&s);
    supervised_stop(&t);
}

static void test_default_place_is_that_of_the_user(void **state)
{
    char program[300], xdg[300], play[300], path[400], *output;
    struct stat st;
    (void)state;
    supervised_prepare(&s, " ");
    snprintf(program, sizeof program, "%s/bin/logikald", s.dir);
    snprintf(xdg, sizeof xdg, "XDG_RUNTIME_DIR=%s", s.dir);
    snprintf(play, sizeof play, "PLAY_DIR=%s", s.dir);
    snprintf(path, sizeof path, "%s/logikald/control.sock", s.dir);
    char *argv[] = {program, NULL}, *env[] = {xdg, play, "PORT=0", "LOGIKALD_ROLES=web", NULL};
    process_start(&s.process, "logikald", argv, env);
    WAIT_UNTIL(stat(path, &st) == 0 && S_ISSOCK(st.st_mode), 10000);
    WAIT_UNTIL(run_ctl(env, &output, NULL, "status") == 0 || (free(output), false), 10000);
    free(output);
    process_signal(&s.process, SIGTERM);
    assert_int_equal(process_wait(&s.process, 10000), 0);
}

static void test_files_beside_the_program_are_read_when_none_is_named(void **state)
{
    char program[300], run[320], play[300];
    (void)state;
    supervised_prepare(&s, " ");
    shell("echo 'http = { max_connections = 55; };' > '%s/bin/logikald.cfg'; echo ADMIN_USERNAME=joe > "
          "'%s/bin/logikald.env'",
          s.dir, s.dir);
    snprintf(program, sizeof program, "%s/bin/logikald", s.dir);
    snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%s", s.run_dir);
    snprintf(play, sizeof play, "PLAY_DIR=%s", s.dir);
    char *argv[] = {program, NULL}, *env[] = {run, play, "PORT=0", "LOGIKALD_ROLES=web", NULL};
    process_start(&s.process, "logikald", argv, env);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 10000);
    shell("grep -q 'max_connections = 55' '%s/web.cfg' && grep -q joe '%s/web.env'", s.run_dir, s.run_dir);
    WAIT_UNTIL(process_logged(&s.process, "bin/logikald.cfg"), 5000);
    shell("echo 'http = { max_connections = 56; };' > '%s/bin/logikald.cfg'", s.dir);
    process_signal(&s.process, SIGHUP); /* as README has it */
    WAIT_UNTIL(process_logged(&s.process, "http.max_connections is now \"56\""), 5000);
    supervised_stop(&s);
}

static void second_shell_sees(const char *told)
{
    char run[320], *output;
    snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%s", s.run_dir);
    char *argv[] = {(char *)support_program("logikald"), "config", NULL};
    char *env[] = {run, "ADMIN_USERNAME=from-here", NULL};
    int64_t deadline = support_patience(10000);
    for (bool is_told = false; !is_told; free(is_told ? NULL : output)) {
        assert_int_equal(process_run(argv, env, &output), 0);
        is_told = strstr(output, told) != NULL; /* its answer may be late */
        if (!is_told && support_late(deadline)) fail_msg("%s", output);
    }
    static const char *const lines[][3] = {{"logikal.username", "from-file", "# file"},
                                           {"admin.viewer_username", "from-outside", "# environment"},
                                           {"admin.username", "from-here", "# environment"},
                                           {"log.level", "debug", "# runtime"}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const char *line = strstr(output, lines[i][0]);
        assert_non_null(line);
        char one[300];
        snprintf(one, sizeof one, "%.*s", (int)strcspn(line, "\n"), line);
        if (!strstr(one, lines[i][1]) || !strstr(one, lines[i][2])) fail_msg("%s", one);
    }
    free(output);
}

static void test_second_shell_sees_the_running_system(void **state)
{
    char *output;
    (void)state;
    supervised_up(&s, "logikal = { username = \"from-file\"; };",
                  (char *[]){"LOGIKALD_ROLES=web", "VIEWER_USERNAME=from-outside", NULL});
    assert_int_equal(supervised_ctl(&s, &output, "set", "log.level", "debug", NULL), 0);
    free(output);
    second_shell_sees("with the configuration of the supervisor on");
    process_signal(&s.process, SIGSTOP); /* never as if nothing was configured */
    second_shell_sees("does not answer: with the configuration that it gave to web");
    process_signal(&s.process, SIGCONT);
    supervised_stop(&s);
}

/* ---- what children read ---- */

static void test_every_secret_by_placeholder_with_all_real_roles(void **state)
{
    static const char *const secrets[] = {"k1-0123456789abcdef0123456789abcd",
                                          "k2-0123456789abcdef0123456789abcd",
                                          "k3-admin-0123456789",
                                          "k4-viewer-0123456789",
                                          "k5-metrics-0123456789",
                                          "k6-logikal-0123456789",
                                          "k7-0123456789"};
    char config[3000], db[300], redis_url[160];
    struct redis_server redis;
    struct pg_server pg;
    (void)state;
    redis_server_start(&redis, NULL);
    pg_start(&pg);
    snprintf(config, sizeof config,
             "security: { secret_key = \"${SECRET_KEY}\"; jwt_secret_key = \"${OWN_JWT}\"; };\n"
             "admin: { password = \"${ADMIN_PASSWORD}\"; viewer_password = \"${OWN_VIEWER}\"; };\n"
             "database: { url = \"${OWN_DB}\"; };\nredis: { url = \"${OWN_REDIS}\"; };\n"
             "logikal: { password = \"${LOGIKAL_AUTH_PASSWORD}\"; };\n"
             "sync: { background_enabled = true; };\n"
             "supervisor: { events_command = \"echo told $${LOGIKALD_EVENT}\"; };\n"
             "programs = ( { name = \"helper\"; command = [ \"sh\", \"-c\", \"echo helper $${JWT_SECRET_KEY} "
             "$${OWN_JWT:-none} "
             "$${OWN_VIEWER:-none}; exec sleep 99\" ]; environment = [ \"JWT_SECRET_KEY=${OWN_JWT}\", "
             "\"BRACES=$${x}\" ]; } );\n");
    supervised_prepare(&s, config);
    supervised_real_roles(&s);
    char entries[7][300];
    snprintf(entries[0], 300, "SECRET_KEY=%s", secrets[0]);
    snprintf(entries[1], 300, "OWN_JWT=%s", secrets[1]);
    snprintf(entries[2], 300, "ADMIN_PASSWORD=%s", secrets[2]);
    snprintf(entries[3], 300, "OWN_VIEWER=%s", secrets[3]);
    snprintf(entries[4], 300, "LOGIKAL_AUTH_PASSWORD=%s", secrets[5]);
    snprintf(db, sizeof db, "OWN_DB=%s", pg.url);
    snprintf(redis_url, sizeof redis_url, "OWN_REDIS=%s", redis.url);
    char *env[] = {entries[0], entries[1], entries[2], entries[3], entries[4], db, redis_url, NULL};
    supervised_start(&s, env);
    WAIT_UNTIL(supervised_is(&s, "migrate", "done"), 60000);
    WAIT_UNTIL(supervised_is(&s, "worker.0", "ready") && supervised_is(&s, "beat", "ready") &&
                   supervised_is(&s, "web.0", "ready"),
               60000);
    WAIT_UNTIL(process_logged(&s.process, "helper k2-0123456789abcdef0123456789abcd none none"), 5000);

    /* Nobody has what it has no use for, in its environment or in the files that it reads. */
    static const struct {
        const char *child, *role;
        int mine; /* bits of secrets */
    } rows[] = {{"worker.0", "worker", 1 << 5 | 1 << 0}, {"beat", "beat", 0}, {"helper", NULL, 1 << 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char command[700], *output;
        snprintf(command, sizeof command, "cat /proc/%d/environ%s%s%s%s", supervised_pid(&s, rows[i].child),
                 rows[i].role ? " " : "", rows[i].role ? s.run_dir : "", rows[i].role ? "/" : "",
                 rows[i].role ? rows[i].role : "");
        if (rows[i].role) strcat(command, ".*");
        strcat(command, " | tr '\\0' '\\n'");
        char *argv[] = {"sh", "-c", command, NULL};
        assert_int_equal(process_run(argv, NULL, &output), 0);
        for (int k = 0; k < 7; k++) {
            bool is_there = strstr(output, secrets[k]) != NULL;
            if (is_there && !(rows[i].mine & 1 << k)) fail_msg("%s sees %s", rows[i].child, secrets[k]);
        }
        free(output);
    }
    process_signal(&s.process, SIGHUP);
    WAIT_UNTIL(process_logged(&s.process, "events command: told reload"), 10000);
    supervised_stop(&s);
    pg_stop(&pg);
    redis_server_stop(&redis);
}

static void test_included_files_are_frozen_as_well(void **state)
{
    char part[400];
    (void)state;
    supervised_prepare(&s, "http = {\n@include \"part.inc\"\n};\n");
    snprintf(part, sizeof part, "%s/part.inc", s.dir);
    shell("echo 'max_connections = 123;' > '%s'", part);
    supervised_start(&s, (char *[]){"LOGIKALD_ROLES=web", NULL});
    shell("echo garbage > '%s'", part);
    replace_web();
    shell("grep -q 'max_connections = 123' '%s/web.cfg'", s.run_dir);
    supervised_stop(&s);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_what_is_removed_comes_back),
    cmocka_unit_test(test_second_supervisor_never_starts_on_it),
    cmocka_unit_test(test_full_disk_is_told_once_and_nothing_ends),
    cmocka_unit_test(test_ctl_with_a_faulty_file_talks_to_the_supervisor_that_it_names),
    cmocka_unit_test(test_default_place_is_that_of_the_user),
    cmocka_unit_test(test_files_beside_the_program_are_read_when_none_is_named),
    cmocka_unit_test(test_second_shell_sees_the_running_system),
    cmocka_unit_test(test_every_secret_by_placeholder_with_all_real_roles),
    cmocka_unit_test(test_included_files_are_frozen_as_well),
};
SUPERVISED_MAIN(tests)
