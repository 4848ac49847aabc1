/* What the supervisor knows of memory and processors: control groups of both versions, its guard, the usage of a
 * process. */
#include "tests/support/support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/machine/cgroup.h"
#include "supervisor/system/usage.h"

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

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_cgroup_limits_and_kills_are_read),
    cmocka_unit_test(test_only_our_part_of_the_cgroups_may_be_mounted),
    cmocka_unit_test(test_control_groups_of_version_1_are_read),
    cmocka_unit_test(test_processors_are_what_the_quota_allows),
    cmocka_unit_test(test_guard_decides_by_limits_and_container),
    cmocka_unit_test(test_usage_counts_a_process_with_its_descendants),
};
TEST_MAIN(tests, NULL, NULL)
