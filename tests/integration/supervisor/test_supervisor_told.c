/* What is told is true: nobody forges lines, what is lost is counted, and an event comes before the end. */
#include "tests/support/process/supervised.h"

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "conf/clock.h"
#include "conf/text/utf8.h"

static struct supervised s;

/* ---- lines and where they go ---- */

TEST(test_lines_are_whole_prefixed_split_and_clean)
{
    char *env[] = {"LOGIKALD_ROLES=p,web", NULL}, mark[64];
    supervised_play(&s, "\"odd-lines\"", env);
    WAIT_UNTIL(process_logged(&s.process, "plays odd-lines"), 5000);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 5000);
    char *log = process_log(&s.process);
    snprintf(mark, sizeof mark, "p[%d]: ", supervised_pid(&s, "p"));
    int cuts = 0;
    for (char *line = log, *next; *line; line = next) {
        next = strchr(line, '\n');
        assert_non_null(next);
        *next++ = 0;
        if (!isdigit((unsigned char)line[0])) fail_msg("a line without a time: %.80s", line);
        for (char *c = line; *c; c++)
            if ((unsigned char)*c < 0x20 && *c != '\t') fail_msg("a control byte in: %.80s", line);
        if (strstr(line, "LLLL")) {
            assert_non_null(strstr(line, mark));
            assert_true(strlen(line) < 4400);
            cuts += strstr(line, " [cut]") != NULL;
        }
    }
    assert_int_equal(cuts, 2); /* 9 999 bytes are three pieces */
    free(log);
    supervised_stop(&s);
}

TEST(test_json_logs_are_json_whatever_children_write)
{
    char *env[] = {"LOGIKALD_ROLES=p,web", "LOG_FORMAT=json", NULL};
    supervised_play(&s, "\"odd-lines\"", env);
    WAIT_UNTIL(process_logged(&s.process, "plays odd-lines") && process_logged(&s.process, "bytes"), 5000);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 5000);
    char *log = process_log(&s.process);
    int lines = 0;
    for (char *line = log, *next; *line; line = next, lines++) {
        next = strchr(line, '\n');
        assert_non_null(next);
        *next++ = 0;
        cJSON *json = cJSON_Parse(line);
        if (!cJSON_IsObject(json)) fail_msg("not JSON: %.200s", line);
        assert_true(cJSON_IsString(cJSON_GetObjectItem(json, "role")));
        assert_true(cJSON_IsNumber(cJSON_GetObjectItem(json, "pid")));
        assert_true(cJSON_IsString(cJSON_GetObjectItem(json, "time")));
        cJSON_Delete(json);
    }
    assert_true(lines > 5);
    free(log);
    supervised_stop(&s);
}

TEST(test_log_file_rotates_and_usr1_reopens_it)
{
    char file[300], moved[320], rotated[320], entry[320];
    char *env[] = {"LOGIKALD_ROLES=p", entry, "LOG_ROTATE_BYTES=100000", "LOG_KEEP=2", NULL};
    struct stat st;
    snprintf(file, sizeof file, "%s/talk.log", support_dir());
    snprintf(moved, sizeof moved, "%s.moved", file);
    snprintf(rotated, sizeof rotated, "%s.2", file);
    snprintf(entry, sizeof entry, "LOG_FILE=%s", file);
    supervised_play(&s, "\"flood\", \"1000\"", env);
    WAIT_UNTIL(support_file_has(file, "plays flood") || support_file_has(rotated, "plays flood"), 10000);
    assert_int_equal(stat(rotated, &st), 0);
    assert_in_range(st.st_size, 90000, 100000);

    assert_int_equal(rename(file, moved), 0);
    process_signal(&s.process, SIGUSR1);
    WAIT_UNTIL(support_file_has(file, "log reopened"), 5000);
    supervised_stop(&s);
    assert_true(support_file_has(file, "stopped, exit status 0"));
}

TEST(test_flood_and_a_reader_that_stalls_never_block_supervision)
{
    char fifo[300], entry[320];
    char *env[] = {"LOGIKALD_ROLES=p,web", entry, "WATCHDOG_SECONDS=5", NULL};
    snprintf(fifo, sizeof fifo, "%s/stalled", support_dir());
    assert_int_equal(mkfifo(fifo, 0600), 0);
    int reader = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    snprintf(entry, sizeof entry, "LOG_FILE=%s", fifo);
    supervised_play(&s, "\"flood\", \"20000\"", env); /* 5 MB, and nobody reads */
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready"), 10000);
    WAIT_UNTIL(supervised_child(&s, "p") && s.status.log_lines_dropped > 10000, 20000);
    int web = supervised_pid(&s, "web.0");
    kill(web, SIGKILL);
    WAIT_UNTIL(supervised_is(&s, "web.0", "ready") && supervised_pid(&s, "web.0") != web, 10000);

    char *all = calloc(1, 8 << 20);
    size_t len = 0;
    int64_t deadline = support_deadline(10000);
    while (!strstr(all + (len > 300000 ? len - 300000 : 0), "log lines were dropped") && !support_late(deadline)) {
        ssize_t n = read(reader, all + len, (8 << 20) - 1 - len);
        if (n > 0) len += (size_t)n;
        if (n <= 0) { /* something new has to be said for the count to be told */
            if (supervised_is(&s, "web.0", "ready")) supervised_kill(&s, "web.0", SIGHUP);
            support_pause();
        }
    }
    assert_non_null(strstr(all, "log lines were dropped"));
    free(all);
    process_signal(&s.process, SIGTERM);
    int64_t begin = mono_ms();
    while (process_running(&s.process) && mono_ms() - begin < 10000) {
        char sink[4096];
        if (read(reader, sink, sizeof sink) <= 0) support_pause();
    }
    assert_int_equal(process_wait(&s.process, 1000), 0);
    close(reader);
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
        supervised_up(&s, FORGER, (char *[]){"LOGIKALD_ROLES=p", (char *)formats[f], NULL});
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
    supervised_up(
        &s,
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
    supervised_up(
        &s,
        "programs = ({ name = \"p\"; readiness = \"notify\"; command = [" NOTIFIER(
            "send(S, qq{READY=1\\\\nSTATUS=caf\\\\xe9 } . (qq{\\\\xc3\\\\xa9} x 100) . qq{\\\\x01\\\\x7f}, 0); sleep "
            "99\"") "]; });",
        (char *[]){"LOGIKALD_ROLES=p", NULL});
    WAIT_UNTIL(supervised_is(&s, "p", "ready"), 5000);
    WAIT_UNTIL(strstr(supervised_child(&s, "p")->status, "caf?"), 5000);
    snprintf(path, sizeof path, "%s/status.json", s.run_dir);
    WAIT_UNTIL(support_file_has(path, "caf?"), 10000);
    char *text = support_read_file(path);
    assert_true(utf8_is_valid(text, strlen(text)));
    free(text);

    supervised_config(&s, "log = { level = \"caf\xe9\"; };"); /* and a refusal that quotes the file */
    process_signal(&s.process, SIGHUP);
    WAIT_UNTIL(process_logged(&s.process, "reload refused"), 5000);
    WAIT_UNTIL(support_file_has(path, "caf?"), 10000);
    text = support_read_file(path);
    assert_true(utf8_is_valid(text, strlen(text)));
    free(text);
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
    WAIT_UNTIL(support_file_has(file, "log lines were dropped"), 10000);
    supervised_stop(&s);
    char *text = support_read_file(file);
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

/* What may not be written because of a limit of files (ulimit -f, LimitFSIZE=) is lost as on a full disk, and told:
 * nobody dies of it, whatever is written: the log, the status, a reload. */
TEST(test_a_limit_of_files_is_a_full_disk)
{
    char file[400], entry[450], *output = NULL;
    supervised_prepare(&s,
                       "programs = ({ name = \"p\"; command = [\"sh\", \"-c\", \"while :; do echo one more line; sleep "
                       "0.02; done\"]; });");
    snprintf(file, sizeof file, "%s/limited.log", s.dir);
    snprintf(entry, sizeof entry, "LOG_FILE=%s", file);
    supervised_start(&s, (char *[]){"LOGIKALD_ROLES=p,web", entry, NULL});
    WAIT_UNTIL(supervised_is(&s, "p", "ready") && supervised_is(&s, "web.0", "ready"), 10000);
    struct rlimit none = {0, RLIM_INFINITY}, enough = {RLIM_INFINITY, RLIM_INFINITY};
    int pid = s.process.pid, web = supervised_pid(&s, "web.0");

    assert_int_equal(prlimit(pid, RLIMIT_FSIZE, &none, NULL), 0);
    assert_int_equal(supervised_ctl(&s, &output, "set", "sync.interval_s", "77", NULL),
                     1); /* there is no room for what it would write */
    free(output);
    supervised_kill(&s, "p", SIGKILL);
    struct stat st;
    int64_t until = support_deadline(20000);
    for (int held = 0; held < 50 && !support_late(until); held++) { /* it goes on, and answers */
        assert_int_equal(supervised_ctl(&s, &output, "status", NULL), 0);
        bool is_told = strstr(output, "log lines dropped") != NULL;
        free(output);
        if (is_told) break;
        support_pause();
    }
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(prlimit(pid, RLIMIT_FSIZE, &enough, NULL), 0);

    WAIT_UNTIL(support_file_has(file, "log lines were dropped"), 20000);
    WAIT_UNTIL(supervised_is(&s, "p", "ready"), 20000);
    assert_int_equal(supervised_pid(&s, "web.0"), web);
    assert_int_equal(supervised_ctl(&s, &output, "set", "sync.interval_s", "77", NULL), 0);
    free(output);
    supervised_stop(&s);
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
    assert_true(support_file_has(out, "exit p\n"));
    WAIT_UNTIL(process_logged(&s.process, "hook says exit"), 5000);
    WAIT_UNTIL(process_logged(&s.process, "nonsense-command"), 5000);
    assert_true(support_file_has(out, "gave-up p\n"));
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
    WAIT_UNTIL(support_file_has(out, "hung web.0\n"), 15000);
    assert_int_equal(supervised_ctl(&s, &output, "stop", "web", NULL), 0);
    free(output);
    WAIT_UNTIL(support_file_has(out, "held web.0\n"), 5000);
    supervised_stop(&s);
    assert_true(support_file_has(out, "stop\n"));
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

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_lines_are_whole_prefixed_split_and_clean),
    cmocka_unit_test(test_json_logs_are_json_whatever_children_write),
    cmocka_unit_test(test_log_file_rotates_and_usr1_reopens_it),
    cmocka_unit_test(test_flood_and_a_reader_that_stalls_never_block_supervision),
    cmocka_unit_test(test_programs_cannot_forge_lines),
    cmocka_unit_test(test_standard_error_is_a_level_of_its_own),
    cmocka_unit_test(test_status_is_valid_utf8_whatever_children_say),
    cmocka_unit_test(test_lost_lines_are_told_as_many_as_they_were),
    cmocka_unit_test(test_a_limit_of_files_is_a_full_disk),
    cmocka_unit_test(test_events_come_before_the_end_and_the_hook_is_heard),
    cmocka_unit_test(test_hung_held_and_stop_are_events),
    cmocka_unit_test(test_real_role_that_crashes_or_hangs_tells_where),
};
SUPERVISED_MAIN(tests)
