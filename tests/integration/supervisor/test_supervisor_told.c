/* What is told is true: nobody forges lines, what is lost is counted, an event comes before the end, what cannot be
 * applied is refused at once, and an outer supervisor hears what it has to. */
#include "tests/support/supervised.h"

#include <ctype.h>
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
#include <sys/wait.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "conf/clock.h"
#include "conf/utf8.h"

static struct supervised s;

static void start(const char *config, char *const env[])
{
    supervised_prepare(&s, config);
    supervised_start(&s, env);
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = calloc(1, 4 << 20);
    if (!f) return text;
    text[fread(text, 1, (4 << 20) - 1, f)] = 0;
    fclose(f);
    return text;
}

static bool file_has(const char *path, const char *word)
{
    char *text = read_file(path);
    bool is_there = strstr(text, word) != NULL;
    free(text);
    return is_there;
}

/* ---- lines that nobody forges ---- */

#define FORGER                                                                                                         \
    "programs = ({ name = \"p\"; command = [\"sh\", \"-c\", \"printf '\\\\0362026-01-01T00:00:00.000Z critical "       \
    "logikald[1]: forged \\\\033[31mred\\\\n'; printf '\\\\036{\\\"time\\\":1}\\\\n'; head -c 100000 /dev/urandom; "   \
    "echo; echo done; exec sleep 99\"]; });"

static void test_programs_cannot_forge_lines(void **state)
{
    static const char *const formats[] = {"LOG_FORMAT=text", "LOG_FORMAT=json"};
    (void)state;
    for (int f = 0; f < 2; f++) {
        start(FORGER, (char *[]){"LOGIKALD_ROLES=p", (char *)formats[f], NULL});
        WAIT_UNTIL(process_logged(&s.process, "done"), 10000);
        char *log = process_log(&s.process);
        for (char *line = log, *next; *line; line = next) {
            next = strchr(line, '\n');
            assert_non_null(next);
            *next++ = 0;
            for (char *c = line; *c; c++)
                if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f) fail_msg("a control byte in: %.120s", line);
            if (f == 0) {
                if (strncmp(line, "2026-01-01", 10) == 0) fail_msg("forged: %s", line);
                continue;
            }
            cJSON *json = cJSON_Parse(line);
            if (!cJSON_IsObject(json) || !cJSON_IsString(cJSON_GetObjectItem(json, "time")) ||
                !utf8_is_valid(line, strlen(line)))
                fail_msg("not a line of ours: %.200s", line);
            cJSON_Delete(json);
        }
        free(log);
        supervised_stop(&s);
    }
}

TEST(test_standard_error_is_a_level_of_its_own)
{
    start(
        "programs = ({ name = \"p\"; command = [\"sh\", \"-c\", \"echo to out; echo to err >&2; exec sleep 99\"]; });",
        (char *[]){"LOGIKALD_ROLES=p", NULL});
    WAIT_UNTIL(process_logged(&s.process, "to err") && process_logged(&s.process, "to out"), 5000);
    char *log = process_log(&s.process);
    for (const char *word = "to out"; word; word = strcmp(word, "to out") == 0 ? "to err" : NULL) {
        const char *at = strstr(log, word), *line = at;
        while (line > log && line[-1] != '\n') line--;
        const char *level = strcmp(word, "to out") == 0 ? " info " : " warning ";
        char one[200];
        snprintf(one, sizeof one, "%.*s", (int)(at - line), line);
        if (!strstr(one, level)) fail_msg("%s", one);
    }
    free(log);
    supervised_stop(&s);
}

/* ---- status ---- */

#define NOTIFIER(words)                                                                                                \
    "\"perl\", \"-MSocket\", \"-e\", \"socket(S, AF_UNIX, SOCK_DGRAM, 0); my $p = $ENV{NOTIFY_SOCKET}; "               \
    "substr($p, 0, 1) = chr 0; connect(S, pack('Sa*', AF_UNIX, $p)); " words

static void test_status_is_valid_utf8_whatever_children_say(void **state)
{
    char path[400];
    (void)state;
    start("programs = ({ name = \"p\"; readiness = \"notify\"; command = [" NOTIFIER(
              "send(S, qq{READY=1\\\\nSTATUS=caf\\\\xe9 } . (qq{\\\\xc3\\\\xa9} x 100) . qq{\\\\x01\\\\x7f}, 0); sleep "
              "99\"") "]; });",
          (char *[]){"LOGIKALD_ROLES=p", NULL});
    WAIT_UNTIL(supervised_is(&s, "p", "ready"), 5000);
    WAIT_UNTIL(strstr(supervised_child(&s, "p")->status, "caf?"), 5000);
    snprintf(path, sizeof path, "%s/status.json", s.run_dir);
    WAIT_UNTIL(file_has(path, "caf?"), 10000);
    char *text = read_file(path);
    assert_true(utf8_is_valid(text, strlen(text)));
    free(text);

    supervised_config(&s, "log = { level = \"caf\xe9\"; };"); /* and a refusal that quotes the file */
    process_signal(&s.process, SIGHUP);
    WAIT_UNTIL(process_logged(&s.process, "reload refused"), 5000);
    WAIT_UNTIL(file_has(path, "caf?"), 10000);
    text = read_file(path);
    assert_true(utf8_is_valid(text, strlen(text)));
    free(text);
    supervised_stop(&s);
}

TEST(test_program_of_another_user_is_heard)
{
    if (geteuid() != 0) skip();
    start("programs = ({ name = \"p\"; user = \"nobody\"; readiness = \"notify\"; command = [\"sh\", \"-c\", \"setsid "
          "perl "
          "-MSocket -e 'socket(S, AF_UNIX, SOCK_DGRAM, 0); my $p = $ENV{NOTIFY_SOCKET}; substr($p, 0, 1) = chr 0; "
          "connect(S, pack(q{Sa*}, AF_UNIX, $p)); send(S, q{READY=1}, 0);'; exec sleep 99\"]; });",
          (char *[]){"LOGIKALD_ROLES=p", NULL});
    WAIT_UNTIL(supervised_is(&s, "p", "ready"), 10000);
    supervised_stop(&s);
}

/* ---- lines that are lost ---- */

static void test_lost_lines_are_told_as_many_as_they_were(void **state)
{
    char place[300], file[400], entry[450], command[700];
    (void)state;
    if (geteuid() != 0) skip();
    supervised_prepare(
        &s, "programs = ({ name = \"p\"; command = [\"sh\", \"-c\", \"i=0; while :; do i=$((i + 1)); echo line "
            "$i of many that fill the disk very soon; [ $((i % 50)) != 0 ] || sleep 0.02; done\"]; });");
    snprintf(place, sizeof place, "%s/log", s.dir);
    snprintf(file, sizeof file, "%s/l", place);
    snprintf(entry, sizeof entry, "LOG_FILE=%s", file);
    mkdir(place, 0755);
    snprintf(command, sizeof command, "mount -t tmpfs -o size=64k none '%s'", place);
    if (system(command) != 0) skip();
    supervised_start(&s, (char *[]){"LOGIKALD_ROLES=p", entry, NULL});
    WAIT_UNTIL(supervised_child(&s, "p") && s.status.log_lines_dropped > 500, 20000);
    snprintf(command, sizeof command, "mount -o remount,size=64m '%s'", place);
    assert_int_equal(system(command), 0);
    WAIT_UNTIL(file_has(file, "log lines were dropped"), 10000);
    supervised_stop(&s);
    char *text = read_file(file);
    long long told = 0, first = 0, last = 0, missing = 0;
    for (char *line = text; *line; line += strcspn(line, "\n"), line += *line != 0) {
        char one[300];
        long long number;
        snprintf(one, sizeof one, "%.*s", (int)strcspn(line, "\n"), line);
        const char *dropped = strstr(one, " log lines were dropped");
        const char *at = strstr(one, ": line ");
        if (dropped) {
            while (dropped > one && isdigit((unsigned char)dropped[-1])) dropped--;
            told += atoll(dropped);
        }
        if (!at || sscanf(at, ": line %lld", &number) != 1 || !strstr(one, "very soon")) continue;
        if (!first) first = number;
        if (last) missing += number - last - 1;
        last = number;
    }
    free(text);
    assert_true(missing > 400);
    if (told < missing || told > missing + 30) fail_msg("%lld lines are missing, %lld were told", missing, told);
    snprintf(command, sizeof command, "umount '%s'", place);
    assert_int_equal(system(command), 0);
}

/* ---- events ---- */

static void test_events_come_before_the_end_and_the_hook_is_heard(void **state)
{
    char out[300], config[900];
    (void)state;
    supervised_prepare(&s, " ");
    snprintf(out, sizeof out, "%s/out", s.dir);
    snprintf(
        config, sizeof config,
        "supervisor = { events_command = \"sleep 0.2; echo $LOGIKALD_EVENT $LOGIKALD_EVENT_CHILD >> %s; echo hook says "
        "$LOGIKALD_EVENT; nonsense-command\"; };"
        "programs = ({ name = \"p\"; command = [\"false\"]; essential = true; });",
        out);
    supervised_config(&s, config);
    supervised_start(&s, (char *[]){"LOGIKALD_ROLES=p", "ESSENTIAL_TIMEOUT_SECONDS=1", NULL});
    int status = process_wait(&s.process, 20000);
    assert_int_equal(WEXITSTATUS(status), 70);
    assert_true(file_has(out, "exit p\n"));
    assert_true(process_logged(&s.process, "hook says exit"));
    assert_true(process_logged(&s.process, "nonsense-command"));
    assert_true(file_has(out, "gave-up p\n"));
}

static void test_hung_held_and_stop_are_events(void **state)
{
    char out[300], config[500], *output;
    (void)state;
    supervised_prepare(&s, " ");
    supervised_let(&s, "web", "hang");
    snprintf(out, sizeof out, "%s/out", s.dir);
    snprintf(config, sizeof config,
             "supervisor = { events_command = \"echo $LOGIKALD_EVENT $LOGIKALD_EVENT_CHILD >> %s\"; };", out);
    supervised_config(&s, config);
    supervised_start(&s, (char *[]){"LOGIKALD_ROLES=web", "WATCHDOG_SECONDS=1", NULL});
    WAIT_UNTIL(file_has(out, "hung web.0\n"), 15000);
    assert_int_equal(supervised_ctl(&s, &output, "stop", "web", NULL), 0);
    free(output);
    WAIT_UNTIL(file_has(out, "held web.0\n"), 5000);
    supervised_stop(&s);
    assert_true(file_has(out, "stop\n"));
}

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
    start(" ", NULL);
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
    start("programs = ({ name = \"never\"; command = [\"sleep\", \"99\"]; readiness = \"command:false\"; });",
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

/* ---- last words ---- */

static void test_real_role_that_crashes_or_hangs_tells_where(void **state)
{
    static const int how[] = {SIGABRT, SIGSEGV, SIGSTOP};
    (void)state;
    supervised_prepare(&s, " ");
    supervised_real_roles(&s);
    supervised_start(&s, (char *[]){"LOGIKALD_ROLES=web", "WATCHDOG_SECONDS=2", NULL});
    for (size_t i = 0; i < sizeof how / sizeof *how; i++) {
        char words[64];
        WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 30000);
        int web = supervised_pid(&s, "web.0");
#ifdef __SANITIZE_ADDRESS__
        if (how[i] == SIGSEGV) continue;
#endif
        kill(web, how[i]);
        if (how[i] == SIGSTOP) WAIT_UNTIL(supervised_is(&s, "web.0", "dumping") && kill(web, SIGCONT) == 0, 20000);
        snprintf(words, sizeof words, "[%d]: ended by SIG%s at", web, how[i] == SIGSEGV ? "SEGV" : "ABRT");
        WAIT_UNTIL(process_logged(&s.process, words), 20000);
        snprintf(words, sizeof words, "[%d]: ", web);
        WAIT_UNTIL(process_logged(&s.process, "(+0x"), 10000);
        WAIT_UNTIL(supervised_pid(&s, "web.0") != web, 20000);
        assert_non_null(strstr(supervised_child(&s, "web.0")->last_exit, how[i] == SIGSEGV ? "SIGSEGV" : "SIGABRT"));
    }
    supervised_stop(&s);
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
    start("programs = ({ name = \"p\"; command = [\"sleep\", \"99\"]; });", (char *[]){"LOGIKALD_ROLES=p", NULL});
    snprintf(program, sizeof program, "%s/bin/logikald", s.dir);
    snprintf(run, sizeof run, "LOGIKALD_RUN_DIR=%s", s.run_dir);
    char *argv[] = {program, "ctl", "tail", "p", "-f", NULL}, *env[] = {run, NULL};
    for (int i = 0; i < 20; i++) process_start(&followers[i], "follower", argv, env);
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
    start("programs = ({ name = \"p\"; command = [\"sleep\", \"99\"]; depends_on = [\"db\"]; }, { name = \"db\"; "
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

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_programs_cannot_forge_lines),
    cmocka_unit_test(test_standard_error_is_a_level_of_its_own),
    cmocka_unit_test(test_status_is_valid_utf8_whatever_children_say),
    cmocka_unit_test(test_program_of_another_user_is_heard),
    cmocka_unit_test(test_lost_lines_are_told_as_many_as_they_were),
    cmocka_unit_test(test_events_come_before_the_end_and_the_hook_is_heard),
    cmocka_unit_test(test_hung_held_and_stop_are_events),
    cmocka_unit_test(test_what_cannot_be_applied_is_refused_at_once),
    cmocka_unit_test(test_address_that_cannot_be_listened_on_is_refused_at_once),
    cmocka_unit_test(test_roles_are_checked),
    cmocka_unit_test(test_outer_supervisor_hears_ready_when_the_essential_are),
    cmocka_unit_test(test_real_role_that_crashes_or_hangs_tells_where),
    cmocka_unit_test(test_user_signals_end_no_role),
    cmocka_unit_test(test_followers_leave_room_for_commands),
    cmocka_unit_test(test_wrong_words_of_ctl_are_told),
    cmocka_unit_test(test_closed_terminal_ends_it_and_hup_with_one_does_not),
};
SUPERVISED_MAIN(tests)
