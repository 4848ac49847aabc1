/* The supervisor's rooms that touch no process: environments, words for exits, last lines, memory limits, probe
 * targets, the run directory. */
#include "tests/support/support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/machine/cgroup.h"
#include "conf/conf.h"
#include "supervisor/child/probe.h"
#include "supervisor/log/line_ring.h"
#include "supervisor/plan/environment.h"
#include "supervisor/plan/exit_words.h"
#include "supervisor/system/run_dir.h"
#include "supervisor/system/usage.h"

/* NULL: no such name. */
static const char *value_in(const struct environment *e, const char *name)
{
    size_t len = strlen(name);
    for (int i = 0; i < e->count; i++)
        if (strncmp(e->list[i], name, len) == 0 && e->list[i][len] == '=') return e->list[i] + len + 1;
    return NULL;
}

static void test_environment_passes_only_the_secrets_that_a_child_uses(void **state)
{
    char *from[] = {"PATH=/bin",           "DATABASE_URL=postgres://u:p@h/d",
                    "SECRET_KEY=s",        "LOGIKAL_AUTH_PASSWORD=l",
                    "REDIS_URL=redis://x", "NOTIFY_SOCKET=/run/x",
                    "LISTEN_FDS=1",        "WATCHDOG_USEC=1",
                    "LOG_LEVEL=debug",     "ODD",
                    "ADMIN_PASSWORD=a",    NULL};
    struct environment e;
    (void)state;

    environment_start(&e, from, USER_BEAT);
    assert_null(value_in(&e, "DATABASE_URL"));
    assert_null(value_in(&e, "SECRET_KEY"));
    assert_null(value_in(&e, "ADMIN_PASSWORD"));
    assert_null(value_in(&e, "LOGIKAL_AUTH_PASSWORD"));
    assert_string_equal(value_in(&e, "REDIS_URL"), "redis://x");
    assert_string_equal(value_in(&e, "LOG_LEVEL"), "debug");
    assert_null(value_in(&e, "NOTIFY_SOCKET"));
    assert_null(value_in(&e, "LISTEN_FDS"));
    assert_null(value_in(&e, "WATCHDOG_USEC"));
    environment_free(&e);

    environment_start(&e, from, 0); /* a program */
    assert_null(value_in(&e, "REDIS_URL"));
    assert_null(value_in(&e, "DATABASE_URL"));
    assert_string_equal(value_in(&e, "PATH"), "/bin");
    environment_put(&e, "DATABASE_URL=mine");
    environment_set(&e, "PATH", "/usr/%s", "bin");
    assert_string_equal(value_in(&e, "DATABASE_URL"), "mine");
    assert_string_equal(value_in(&e, "PATH"), "/usr/bin");
    assert_false(e.failed);
    environment_free(&e);
}

TEST(test_every_secret_is_kept_from_programs)
{
    for (int i = 0; i < SET_COUNT; i++) {
        char entry[128];
        char *from[] = {entry, NULL};
        struct environment e;
        if (!settings[i].is_secret) continue;
        assert_true(settings[i].env[0]);
        snprintf(entry, sizeof entry, "%s=value", settings[i].env);
        environment_start(&e, from, 0);
        assert_int_equal(e.count, 0);
        environment_free(&e);
    }
}

static void test_exits_are_told_in_words(void **state)
{
    static const struct {
        struct exit_facts facts;
        const char *words;
    } rows[] = {
        {{.wait_status = 0, .state = CHILD_READY}, "exit status 0"},
        {{.wait_status = 1 << 8, .state = CHILD_READY}, "exit status 1"},
        {{.wait_status = 78 << 8, .state = CHILD_STARTING}, "exit status 78 (configuration refused)"},
        {{.wait_status = 127 << 8, .state = CHILD_STARTING}, "exit status 127 (could not be executed)"},
        {{.wait_status = SIGSEGV, .state = CHILD_READY}, "killed by SIGSEGV"},
        {{.wait_status = SIGSEGV | 0x80, .state = CHILD_READY}, "killed by SIGSEGV, core dumped"},
        {{.wait_status = SIGKILL, .state = CHILD_READY}, "killed by SIGKILL"},
        {{.wait_status = SIGKILL, .state = CHILD_READY, .is_oom = true}, "killed by SIGKILL (out of memory)"},
        {{.wait_status = 0, .state = CHILD_STOPPING}, "stopped as asked, exit status 0"},
        {{.wait_status = SIGKILL, .state = CHILD_KILLING}, "did not stop in time, killed by SIGKILL"},
        {{.wait_status = SIGABRT, .state = CHILD_DUMPING, .why = WHY_HUNG, .silent_ms = 15040},
         "hung: no ping for 15.0 s, killed by SIGABRT"},
        {{.wait_status = SIGKILL, .state = CHILD_KILLING, .why = WHY_HUNG, .silent_ms = 18000},
         "hung: no ping for 18.0 s, killed by SIGKILL"},
        {{.wait_status = SIGTERM, .state = CHILD_STOPPING, .why = WHY_NOT_READY},
         "not ready in time, killed by SIGTERM"},
    };
    char out[160];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(exit_words(&rows[i].facts, out, sizeof out), rows[i].words);
    assert_int_equal(signal_number("TERM"), SIGTERM);
    assert_int_equal(signal_number("sigusr1"), SIGUSR1);
    assert_int_equal(signal_number("9"), SIGKILL);
    assert_int_equal(signal_number("0"), -1);
    assert_int_equal(signal_number("999"), -1);
    assert_int_equal(signal_number(""), -1);
    assert_int_equal(signal_number("NOPE"), -1);
}

static void test_last_lines_are_bounded_and_whole(void **state)
{
    struct line_ring r = {0};
    size_t len;
    char line[64];
    (void)state;
    line_ring_last(&r, 5, &len);
    assert_int_equal(len, 0);
    for (int i = 0; i < 5000; i++) {
        int n = snprintf(line, sizeof line, "line %d", i);
        line_ring_add(&r, line, (size_t)n);
        assert_true(r.len <= LINE_RING_BYTES);
    }
    const char *last = line_ring_last(&r, 2, &len);
    assert_int_equal(len, strlen("line 4998\nline 4999\n"));
    assert_memory_equal(last, "line 4998\nline 4999\n", len);
    const char *all = line_ring_last(&r, 1000000, &len);
    assert_memory_equal(all, "line ", 5);
    assert_int_equal(len, r.len);

    char *huge = malloc(100000);
    memset(huge, 'x', 100000);
    for (int i = 0; i < 50; i++) line_ring_add(&r, huge, 100000);
    assert_true(r.len <= LINE_RING_BYTES);
    line_ring_add(&r, "", 0);
    last = line_ring_last(&r, 1, &len);
    assert_int_equal(len, 1);
    assert_int_equal(*last, '\n');
    free(huge);
    line_ring_free(&r);
}

/* ---- memory ---- */

static void put(const char *root, const char *name, const char *text)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *p = strchr(path + strlen(root) + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = 0;
        mkdir(path, 0755);
        *p = '/';
    }
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_cgroup_limits_and_kills_are_read(void **state)
{
    char root[512], dir[1024];
    struct cgroup_memory m;
    (void)state;
    snprintf(root, sizeof root, "%s/root", support_dir());
    mkdir(root, 0755);
    assert_false(cgroup_find(root, "memory", dir, sizeof dir));
    put(root, "proc/self/cgroup", "5:cpu:/old\n0::/pod/one\n");
    assert_false(cgroup_find(root, "memory", dir, sizeof dir)); /* no memory controller there */
    put(root, "sys/fs/cgroup/pod/one/memory.events", "low 0\nhigh 0\nmax 3\noom 2\noom_kill 2\n");
    put(root, "sys/fs/cgroup/pod/one/memory.max", "536870912\n");
    put(root, "sys/fs/cgroup/pod/one/memory.current", "1048576\n");
    assert_true(cgroup_find(root, "memory", dir, sizeof dir));
    cgroup_read_memory(dir, &m);
    assert_int_equal(m.limit_bytes, 536870912);
    assert_int_equal(m.used_bytes, 1048576);
    assert_int_equal(m.oom_kills, 2);
    put(root, "sys/fs/cgroup/pod/one/memory.max", "max\n");
    cgroup_read_memory(dir, &m);
    assert_int_equal(m.limit_bytes, 0);

    put(root, "sys/fs/cgroup/pod/memory.max", "268435456\n"); /* a level above has the limit: pod, slice */
    put(root, "sys/fs/cgroup/pod/memory.current", "200000000\n");
    put(root, "sys/fs/cgroup/pod/memory.stat", "anon 5\nfile 150000000\ninactive_file 120000000\nactive_file 3\n");
    put(root, "sys/fs/cgroup/pod/one/memory.pressure",
        "some avg10=12.34 avg60=0.00 avg300=0.00 total=5\nfull avg10=0.00\n");
    cgroup_read_memory(dir, &m);
    assert_int_equal(m.limit_bytes, 268435456);
    assert_int_equal(m.used_bytes, 80000000); /* without what can be dropped */
    assert_int_equal(m.pressure_permille, 123);
    assert_int_equal(m.limit_hits, 3);
    put(root, "sys/fs/cgroup/pod/one/memory.max", "100000\n"); /* the least counts */
    cgroup_read_memory(dir, &m);
    assert_int_equal(m.limit_bytes, 100000);
    assert_int_equal(m.used_bytes, 1048576);
}

static void test_only_our_part_of_the_cgroups_may_be_mounted(void **state)
{
    char root[512], dir[1024];
    struct cgroup_memory m;
    (void)state;
    snprintf(root, sizeof root, "%s/part", support_dir());
    mkdir(root, 0755);
    put(root, "proc/self/cgroup", "0::/kubepods/pod1/c1\n");
    put(root, "sys/fs/cgroup/memory.events", "oom_kill 1\n");
    put(root, "sys/fs/cgroup/memory.max", "77\n");
    assert_true(cgroup_find(root, "memory", dir, sizeof dir));
    cgroup_read_memory(dir, &m);
    assert_int_equal(m.limit_bytes, 77);
    assert_int_equal(m.oom_kills, 1);
}

#define V1 "sys/fs/cgroup/memory/"

static void test_control_groups_of_version_1_are_read(void **state)
{
    char root[512], dir[1024];
    struct cgroup_memory m;
    (void)state;
    snprintf(root, sizeof root, "%s/v1", support_dir());
    mkdir(root, 0755);
    put(root, "proc/self/cgroup", "11:cpu,cpuacct:/pod/a\n4:hugetlb,memory:/pod/a\n1:name=systemd:/\n0::/\n");
    assert_false(cgroup_find(root, "memory", dir, sizeof dir));
    put(root, V1 "pod/a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
    put(root, V1 "pod/a/memory.failcnt", "17\n");
    put(root, V1 "pod/a/memory.limit_in_bytes", "9223372036854771712\n"); /* none */
    put(root, V1 "pod/a/memory.usage_in_bytes", "5000\n");
    put(root, V1 "pod/a/memory.stat", "inactive_file 1\ntotal_inactive_file 2000\n");
    assert_true(cgroup_find(root, "memory", dir, sizeof dir));
    cgroup_read_memory(dir, &m);
    assert_int_equal(m.limit_bytes, 0);
    assert_int_equal(m.used_bytes, 3000);
    assert_int_equal(m.oom_kills, 3);
    assert_int_equal(m.limit_hits, 17);
    put(root, V1 "pod/a/memory.stat", "hierarchical_memory_limit 9000\ntotal_inactive_file 2000\n");
    cgroup_read_memory(dir, &m);
    assert_int_equal(m.limit_bytes, 9000); /* of a group that is not mounted here */
    put(root, V1 "pod/memory.limit_in_bytes", "8000\n");
    put(root, V1 "pod/memory.usage_in_bytes", "7000\n");
    cgroup_read_memory(dir, &m);
    assert_int_equal(m.limit_bytes, 8000);
    assert_int_equal(m.used_bytes, 7000);
    put(root, V1 "pod/a/memory.limit_in_bytes", "6000\n");
    cgroup_read_memory(dir, &m);
    assert_int_equal(m.limit_bytes, 6000);
    assert_int_equal(m.used_bytes, 3000);
    put(root, "proc/self/cgroup", "4:memory:/docker/0123\n"); /* the host's path; ours is the root here */
    put(root, V1 "memory.oom_control", "oom_kill 1\n");
    put(root, V1 "memory.limit_in_bytes", "77\n");
    assert_true(cgroup_find(root, "memory", dir, sizeof dir));
    cgroup_read_memory(dir, &m);
    assert_int_equal(m.limit_bytes, 77);
}

static void test_processors_are_what_the_quota_allows(void **state)
{
    static const struct {
        const char *groups, *file, *text, *period_file, *period;
        int64_t milli;
    } rows[] = {
        {"0::/c/d\n", "c/d/cpu.max", "max 100000\n", "c/d/cpu.stat", "x\n", 0},
        {"0::/c/d\n", "c/d/cpu.max", "150000 100000\n", "c/d/cpu.stat", "x\n", 1500},
        {"0::/c/d\n", "c/cpu.max", "50000 100000\n", "c/d/cpu.stat", "x\n", 500},
        {"0::/c/d\n", "c/cpu.max", "400000 100000\n", "c/d/cpu.stat", "x\n", 1500},
        {"3:cpu,cpuacct:/e\n", "cpu,cpuacct/e/cpu.cfs_quota_us", "-1\n", "cpu,cpuacct/e/cpu.cfs_period_us", "100000\n",
         0},
        {"3:cpu,cpuacct:/e\n", "cpu,cpuacct/e/cpu.cfs_quota_us", "25000\n", "cpu,cpuacct/e/cpu.stat", "x\n", 250},
        {"3:cpuset:/e\n7:cpu:/f\n", "cpu/f/cpu.cfs_quota_us", "300000\n", "cpu/f/cpu.cfs_period_us", "100000\n", 3000},
    };
    char root[512], dir[1024], name[128];
    (void)state;
    snprintf(root, sizeof root, "%s/cpus", support_dir());
    mkdir(root, 0755);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        put(root, "proc/self/cgroup", rows[i].groups);
        snprintf(name, sizeof name, "sys/fs/cgroup/%s", rows[i].file);
        put(root, name, rows[i].text);
        snprintf(name, sizeof name, "sys/fs/cgroup/%s", rows[i].period_file);
        put(root, name, rows[i].period);
        assert_true(cgroup_find(root, "cpu", dir, sizeof dir));
        if (cgroup_read_cpu(dir) != rows[i].milli) fail_msg("row %zu: %ld", i, (long)cgroup_read_cpu(dir));
    }
}

static void test_guard_decides_by_limits_and_container(void **state)
{
    static const struct {
        int64_t used, soft, hard, limit;
        enum guard guard;
    } rows[] = {
        {100, 0, 0, 0, GUARD_FINE},        {100, 200, 300, 0, GUARD_FINE},     {250, 200, 300, 0, GUARD_WARN},
        {301, 200, 300, 0, GUARD_REPLACE}, {301, 0, 300, 0, GUARD_REPLACE},    {301, 0, 0, 400, GUARD_REPLACE},
        {299, 0, 0, 400, GUARD_FINE},      {301, 0, 5000, 400, GUARD_REPLACE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(guard_decide(rows[i].used, rows[i].soft, rows[i].hard, rows[i].limit), rows[i].guard);
}

static void test_usage_counts_a_process_with_its_descendants(void **state)
{
    struct usage one, tree, gone;
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    usage_read_one(getpid(), &one);
    usage_read_tree(getpid(), &tree);
    assert_true(one.rss_bytes > 0 && one.pss_bytes > 0 && one.pss_bytes <= one.rss_bytes);
    assert_int_equal(one.processes, 1);
    assert_int_equal(tree.processes, 2);
    assert_true(tree.rss_bytes > one.rss_bytes);
    kill(pid, SIGKILL);
    usage_read_one(0x3ffffff, &gone);
    assert_int_equal(gone.processes, 0);
}

#define MORE_WORDS " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20"

static void test_probe_targets_good_and_bad(void **state)
{
    static const struct {
        enum program_ready kind;
        const char *text;
        bool is_good;
    } rows[] = {
        {READY_TCP, "127.0.0.1:80", true},
        {READY_TCP, "localhost:6379", true},
        {READY_TCP, "[::1]:80", true},
        {READY_TCP, "127.0.0.1", false},
        {READY_TCP, "127.0.0.1:0", false},
        {READY_TCP, "127.0.0.1:70000", false},
        {READY_TCP, "db.example:5432", false},
        {READY_TCP, ":80", false},
        {READY_TCP, "127.0.0.1:80/x", false},
        {READY_TCP, NULL, false},
        {READY_HTTP, "127.0.0.1:80/health", true},
        {READY_HTTP, "127.0.0.1:80", true},
        {READY_UNIX, "/run/x.sock", true},
        {READY_UNIX, "", false},
        {READY_COMMAND, "true", true},
        {READY_COMMAND, "   ", false},
        {READY_COMMAND, "test 'a b", false},
        {READY_COMMAND, "test \"a b'", false},
        {READY_COMMAND, "a" MORE_WORDS MORE_WORDS MORE_WORDS " b c d", true}, /* 64 words */
        {READY_COMMAND, "a" MORE_WORDS MORE_WORDS MORE_WORDS " b c d e", false},
        {READY_TCP, "127.0.0.1:-1", false},
        {READY_TCP, "127.0.0.1:+80", false},
        {READY_TCP, "127.0.0.1: 80", false},
        {READY_NOTIFY, NULL, true},
    };
    struct probe_target t;
    char longest[300];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err = {0};
        int rc = probe_target_parse(rows[i].kind, rows[i].text, &t, &err);
        if ((rc == 0) != rows[i].is_good) fail_msg("\"%s\": %s", rows[i].text ? rows[i].text : "", err.text);
        if (rc == 0) probe_target_free(&t);
        if (rc != 0) assert_true(err.text[0]);
    }
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_int_not_equal(probe_target_parse(READY_UNIX, longest, &t, NULL), 0);
    memcpy(longest, "127.0.0.1:80/", 13);
    assert_int_not_equal(probe_target_parse(READY_HTTP, longest, &t, NULL), 0);
    longest[255 + 12] = 0; /* as long as one may be */
    assert_int_equal(probe_target_parse(READY_HTTP, longest, &t, NULL), 0);
    assert_int_equal(strlen(t.path), 255);
    assert_int_equal(probe_target_parse(READY_COMMAND, "pg_isready -h '/a b' \"c d\"e", &t, NULL), 0);
    assert_string_equal(t.command[0], "pg_isready");
    assert_string_equal(t.command[2], "/a b");
    assert_string_equal(t.command[3], "c de");
    assert_null(t.command[4]);
    probe_target_free(&t);
}

/* As the supervisor takes it: the directory, then the lock file in it. */
static int hold(const char *path, struct err *err)
{
    int dir_fd = run_dir_hold(path, err);
    if (dir_fd < 0) return -1;
    int fd = run_dir_lock(path, err);
    if (fd >= 0) close(fd);
    if (fd >= 0) return dir_fd;
    close(dir_fd);
    return -1;
}

static void test_run_dir_is_ours_alone_and_locked_once(void **state)
{
    char path[512], link[600];
    struct err err = {0};
    struct stat st;
    (void)state;
    snprintf(path, sizeof path, "%s/deep/er/run", support_dir());
    int fd = hold(path, &err);
    assert_true(fd >= 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    pid_t pid = fork();
    if (pid == 0) { /* another process: refused, and told who holds it */
        char holder[32];
        snprintf(holder, sizeof holder, "another supervisor runs on");
        _exit(hold(path, &err) == -1 && strstr(err.text, holder) ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    snprintf(link, sizeof link, "%s/supervisor.lock", path); /* the directory itself is held, whatever is in it */
    unlink(link);
    assert_int_equal(hold(path, &err), -1);
    assert_non_null(strstr(err.text, "another supervisor runs on"));
    close(fd);
    chmod(path, 0755);
    fd = hold(path, &err); /* what was left behind does not block, and is closed to others */
    assert_true(fd >= 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    close(fd);
    assert_int_equal(chmod(support_dir(), 0711), 0);
    assert_int_equal(hold(support_dir(), &err), -1); /* others work there: refused and left as it is */
    assert_non_null(strstr(err.text, "shared with others"));
    assert_int_equal(stat(support_dir(), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0711);
    snprintf(link, sizeof link, "%s/link", support_dir());
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(hold(link, &err), -1);
    assert_non_null(strstr(err.text, "not a directory"));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_environment_passes_only_the_secrets_that_a_child_uses),
    cmocka_unit_test(test_every_secret_is_kept_from_programs),
    cmocka_unit_test(test_exits_are_told_in_words),
    cmocka_unit_test(test_last_lines_are_bounded_and_whole),
    cmocka_unit_test(test_cgroup_limits_and_kills_are_read),
    cmocka_unit_test(test_only_our_part_of_the_cgroups_may_be_mounted),
    cmocka_unit_test(test_control_groups_of_version_1_are_read),
    cmocka_unit_test(test_processors_are_what_the_quota_allows),
    cmocka_unit_test(test_guard_decides_by_limits_and_container),
    cmocka_unit_test(test_usage_counts_a_process_with_its_descendants),
    cmocka_unit_test(test_probe_targets_good_and_bad),
    cmocka_unit_test(test_run_dir_is_ours_alone_and_locked_once),
};
TEST_MAIN(tests, NULL, NULL)
