/* The supervisor's rooms without memory, descriptors, processes or a disk: each says so and takes nothing half. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/conf.h"
#include "supervisor/child/probe.h"
#include "supervisor/log/log_sink.h"
#include "supervisor/plan/environment.h"
#include "supervisor/plan/freeze.h"
#include "supervisor/system/listener.h"
#include "supervisor/system/run_dir.h"
#include "supervisor/system/spawn.h"
#include "tests/fault/fault.h"
#include "tests/support/test.h"

static char dir[] = "/tmp/test-fault-XXXXXX";

static const char *in_dir(const char *name)
{
    static char path[PATH_MAX];
    return run_dir_file(dir, name, path);
}

FIXTURE(make_dir)
{
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    char command[80];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command); /* NOLINT(cert-env33-c) */
}

static void write_text(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static void assert_text(const char *path, const char *wanted)
{
    char text[256] = "";
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    text[fread(text, 1, sizeof text - 1, in)] = 0;
    fclose(in);
    assert_string_equal(text, wanted);
}

static int make_environment(void *arg, struct err *err)
{
    char *from[] = {(char *)(uintptr_t) "PATH=/bin", (char *)(uintptr_t) "A=b", NULL};
    struct environment e;
    (void)arg, (void)err;
    environment_start(&e, from, 0);
    for (int i = 0; i < 40; i++) environment_set(&e, "N", "%d", i);
    environment_put(&e, "A=c");
    int rc = e.failed ? -1 : 0;
    if (rc == 0) assert_string_equal(e.list[1], "A=c");
    environment_free(&e);
    return rc;
}

static int parse_probe(void *arg, struct err *err)
{
    struct probe_target t;
    int rc = probe_target_parse(READY_COMMAND, arg, &t, err);
    if (rc == 0) assert_string_equal(t.command[1], "a b");
    probe_target_free(&t);
    return rc;
}

TEST(test_environments_and_probes_without_memory)
{
    fault_each("environment", FAULT_ALLOC, FAULT_RESULT, make_environment, NULL);
    fault_each("probe_target_parse", FAULT_ALLOC, FAULT_TEXT, parse_probe, (char *)(uintptr_t) "test 'a b' c");
}

static int lock_run_dir(void *arg, struct err *err)
{
    int dir_fd = run_dir_hold(arg, err);
    if (dir_fd < 0) return -1;
    int fd = run_dir_lock(arg, err);
    close(dir_fd);
    if (fd < 0) return -1;
    close(fd);
    return 0;
}

static void test_run_dir_that_cannot_be_made_or_locked(void **state)
{
    char path[PATH_MAX];
    (void)state;
    /* made by the first run; from then on mkdir finds it, so that only a failure of another kind counts */
    snprintf(path, sizeof path, "%s", in_dir("a/b"));
    fault_begin(FAULT_MOVE, 1, false);
    struct err err = {0};
    assert_int_equal(run_dir_hold(path, &err), -1);
    assert_true(fault_end());
    assert_non_null(strstr(err.text, "Permission denied"));
    fault_each("run_dir_lock", FAULT_OPEN, FAULT_TEXT, lock_run_dir, path);
}

static struct supervisor *sup;

static int freeze(void *arg, struct err *err)
{
    return freeze_accept(sup, arg, err);
}

static void assert_frozen(const char *words)
{
    char path[PATH_MAX];
    assert_text(freeze_path(sup, "web", FREEZE_FILE, path), words);
}

static struct conf *conf_of(const char *text)
{
    struct err err = {0};
    write_text(in_dir("a.cfg"), text);
    struct conf *conf = conf_load(&(struct conf_paths){.file = in_dir("a.cfg")}, &err);
    if (!conf) fail_msg("%s", err.text);
    return conf;
}

/* What was accepted before stays, whole, whatever fails while its successor is written. */
static void test_accepted_configuration_is_replaced_whole_or_not_at_all(void **state)
{
    static const char before[] = "http = {\nmax_connections = 100;\n};\n",
                      after[] = "http = {\nmax_connections = 200;\n};\n";
    static const int kinds[] = {FAULT_ALLOC, FAULT_OPEN, FAULT_WRITE, FAULT_MOVE};
    struct conf *old = conf_of("http = { max_connections = 100; };\n");
    struct conf *new = conf_of("http = { max_connections = 200; };\n");
    struct err err = {0};
    (void)state;
    sup = calloc(1, sizeof *sup);
    snprintf(sup->run_dir, sizeof sup->run_dir, "%s", dir);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (int n = 1;; n++) {
            if (kinds[i] == FAULT_MOVE && n > 1) break; /* between the files there is no undoing */
            assert_int_equal(freeze(old, &err), 0);
            fault_begin(kinds[i], n, true);
            int rc = freeze(new, &err);
            bool failed = fault_end();
            assert_int_equal(rc != 0, failed);
            assert_frozen(failed ? before : after);
            if (rc != 0 && strstr(err.text, "Success")) fail_msg("%s", err.text);
            if (rc == 0) break;
        }
    assert_int_equal(freeze(old, &err), 0);
    fault_begin(FAULT_SHORT, 1, true); /* the disk takes one byte at a time */
    assert_int_equal(freeze(new, &err), 0);
    assert_true(fault_end());
    assert_frozen(after);
    freeze_remove(sup);
    conf_free(old);
    conf_free(new);
    free(sup);
}

static int open_listener(void *arg, struct err *err)
{
    int fd = listener_open(arg, err);
    if (fd < 0) return -1;
    close(fd);
    return 0;
}

static int open_sink(void *arg, struct err *err)
{
    struct event_base *base = event_base_new();
    struct log_sink *s = log_sink_new(base);
    int rc = s ? log_sink_configure(s, arg, err) : err_set(err, ERR_NOMEM, "no sink");
    if (rc == 0) {
        log_sink_line(s, "a line\n", 7);
        log_sink_flush(s, 1000);
        if (log_sink_dropped(s) > 0) rc = err_set(err, ERR_NOMEM, "a line was dropped, and counted");
    }
    log_sink_free(s);
    event_base_free(base);
    return rc;
}

static void test_listening_and_logging_without_descriptors(void **state)
{
    struct conf_paths none = {0};
    struct err err = {0};
    (void)state;
    clearenv();
    setenv("HOST", "127.0.0.1", 1);
    setenv("PORT", "0", 1);
    setenv("LOG_FILE", in_dir("log"), 1);
    struct conf *conf = conf_load(&none, &err);
    assert_non_null(conf);
    fault_each("listener_open", FAULT_OPEN, FAULT_TEXT, open_listener, conf);
    fault_each("log_sink", FAULT_ALLOC, FAULT_TEXT, open_sink, conf);
    fault_begin(FAULT_OPEN, 1, true); /* standard output is duplicated, the file cannot be opened */
    assert_int_not_equal(open_sink(conf, &err), 0);
    assert_true(fault_end());
    assert_non_null(strstr(err.text, "log.file"));
    conf_free(conf);
}

static int spawn_true(void *arg, struct err *err)
{
    char *words[] = {(char *)(uintptr_t) "true", NULL}, *none[] = {NULL};
    struct spawn how = {
        .path = "/bin/true", .argv = words, .envp = none, .out_fd = -1, .err_fd = -1, .listen_fd = -1, .notify_fd = -1};
    (void)arg;
    pid_t pid = spawn(&how, err);
    if (pid < 0) return -1;
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

TEST(test_no_process_can_be_made)
{
    fault_each("spawn", FAULT_FORK, FAULT_TEXT, spawn_true, NULL);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_environments_and_probes_without_memory),
    cmocka_unit_test(test_run_dir_that_cannot_be_made_or_locked),
    cmocka_unit_test(test_accepted_configuration_is_replaced_whole_or_not_at_all),
    cmocka_unit_test(test_listening_and_logging_without_descriptors),
    cmocka_unit_test(test_no_process_can_be_made),
};
TEST_MAIN(tests, make_dir, remove_dir)
