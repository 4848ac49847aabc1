/* Control groups for tests: see cgroup.h. */
#include "tests/support/process/cgroup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/support_internal.h"

#define ROOT   "/sys/fs/cgroup"
#define WEIGHT 6 /* beside those who are in no group and weigh one each: as its processes would without it */

static bool put(const char *dir, const char *file, int64_t a, int64_t b)
{
    char path[400], text[64];
    support_format(path, sizeof path, "%s/%s", dir, file);
    if (b > 0)
        support_format(text, sizeof text, "%lld %lld", (long long)a, (long long)b);
    else
        support_format(text, sizeof text, "%lld", (long long)a);
    FILE *f = fopen(path, "we");
    if (!f) return false;
    bool is_written = fputs(text, f) >= 0;
    return fclose(f) == 0 && is_written;
}

/* The number behind a word in a file of "word number" lines, or the only number when word is NULL; 0 when absent. */
static int64_t get(const char *dir, const char *file, const char *word)
{
    char path[400];
    support_format(path, sizeof path, "%s/%s", dir, file);
    char *text = support_read_file(path), *at = text;
    size_t len = word ? strlen(word) : 0;
    while (word && at && !(strncmp(at, word, len) == 0 && at[len] == ' ')) {
        at = strchr(at, '\n');
        if (at) at++;
    }
    int64_t value = at ? strtoll(at + len, NULL, 10) : 0;
    free(text);
    return value;
}

void cgroup_make(struct cgroup *g, int64_t memory_bytes, int cpu_percent)
{
    memset(g, 0, sizeof *g);
    g->is_v2 = access(ROOT "/cgroup.controllers", F_OK) == 0;
    const char *name = "logikald-test";
    support_format(g->memory, sizeof g->memory, "%s/%s-%d", g->is_v2 ? ROOT : ROOT "/memory", name, (int)getpid());
    support_format(g->cpu, sizeof g->cpu, "%s/%s-%d", g->is_v2 ? ROOT : ROOT "/cpu", name, (int)getpid());
    support_format(g->cpuacct, sizeof g->cpuacct, "%s/%s-%d", g->is_v2 ? ROOT : ROOT "/cpuacct", name, (int)getpid());
    if (g->is_v2) {
        FILE *f = fopen(ROOT "/cgroup.subtree_control", "we");
        if (f) {
            fputs("+memory +cpu", f);
            fclose(f);
        }
    }
    bool is_made = mkdir(g->memory, 0755) == 0 && (g->is_v2 || mkdir(g->cpu, 0755) == 0);
    if (!g->is_v2) mkdir(g->cpuacct, 0755); /* the same as cpu where they are mounted together */
    if (g->is_v2) {
        put(g->memory, "memory.swap.max", 0, 0);
        g->has_limits = is_made && put(g->memory, "memory.max", memory_bytes, 0) &&
                        put(g->cpu, "cpu.max", cpu_percent * 1000LL, 100000);
    } else {
        g->has_limits = is_made && put(g->memory, "memory.limit_in_bytes", memory_bytes, 0) &&
                        put(g->cpu, "cpu.cfs_period_us", 100000, 0) &&
                        put(g->cpu, "cpu.cfs_quota_us", cpu_percent * 1000LL, 0);
    }
    if (g->has_limits) put(g->cpu, g->is_v2 ? "cpu.weight" : "cpu.shares", g->is_v2 ? WEIGHT * 100 : WEIGHT * 1024, 0);
    if (!g->has_limits) cgroup_remove(g);
}

void cgroup_enter_text(const struct cgroup *g, char *out, int size)
{
    out[0] = 0;
    if (g->has_limits)
        support_format(out, (size_t)size,
                       "echo $$ >%s/cgroup.procs && echo $$ >%s/cgroup.procs && echo $$ >%s/cgroup.procs && ",
                       g->memory, g->cpu, g->cpuacct);
}

struct cgroup_report cgroup_read(const struct cgroup *g)
{
    struct cgroup_report r = {0};
    if (!g->has_limits) return r;
    r.peak_bytes = get(g->memory, g->is_v2 ? "memory.peak" : "memory.max_usage_in_bytes", NULL);
    r.oom_kills = get(g->memory, g->is_v2 ? "memory.events" : "memory.oom_control", "oom_kill");
    r.periods = get(g->cpu, "cpu.stat", "nr_periods");
    r.throttled_periods = get(g->cpu, "cpu.stat", "nr_throttled");
    r.cpu_s = g->is_v2 ? (double)get(g->cpu, "cpu.stat", "usage_usec") / 1e6
                       : (double)get(g->cpuacct, "cpuacct.usage", NULL) / 1e9;
    return r;
}

void cgroup_remove(struct cgroup *g)
{
    rmdir(g->memory);
    if (!g->is_v2) rmdir(g->cpu), rmdir(g->cpuacct);
    g->has_limits = false;
}
