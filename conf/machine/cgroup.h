/* What the control groups of this process (version 2 or 1) let it have: memory and processors. */
#ifndef LOGIKALD_CONF_MACHINE_CGROUP_H
#define LOGIKALD_CONF_MACHINE_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cgroup_memory {
    int64_t limit_bytes; /* the least on the way up to the root; 0 = none */
    int64_t used_bytes;  /* where that limit is, without what can be dropped (page cache); 0 = not known */
    int64_t oom_kills, limit_hits, high_hits; /* kills, and how often the limits were met */
    int pressure_permille;                    /* of the last 10 s in which something waited for memory (PSI) */
};

/* The directory of our group with a controller ("memory", "cpu") into out; false when there is none. root: "" or a
 * directory that stands for "/" (tests). */
bool cgroup_find(const char *root, const char *controller, char *out, size_t size);
void cgroup_read_memory(const char *dir, struct cgroup_memory *out);
/* The least quota on the way up, in thousandths of a processor; 0 = none. */
int64_t cgroup_read_cpu(const char *dir);

#endif
