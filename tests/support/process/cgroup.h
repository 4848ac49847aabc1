/* A control group of the test's own with a memory limit and a CPU quota, on either version of the interface. Where
 * there is none to be had (no root, or a read-only hierarchy) has_limits is false and nothing else changes. */
#ifndef LOGIKALD_TESTS_SUPPORT_PROCESS_CGROUP_H
#define LOGIKALD_TESTS_SUPPORT_PROCESS_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

struct cgroup {
    bool has_limits;
    char memory[256], cpu[256], cpuacct[256]; /* directories; the same one in version 2 */
    bool is_v2;
};

struct cgroup_report {
    int64_t peak_bytes;
    int64_t periods, throttled_periods;
    int64_t oom_kills;
    double cpu_s; /* of all that were in it */
};

void cgroup_make(struct cgroup *g, int64_t memory_bytes, int cpu_percent);
/* Shell text that moves the shell itself into the group; "" without limits. */
void cgroup_enter_text(const struct cgroup *g, char *out, int size);
struct cgroup_report cgroup_read(const struct cgroup *g);
void cgroup_remove(struct cgroup *g); /* its processes are gone by then */

#endif
