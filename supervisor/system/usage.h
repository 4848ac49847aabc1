/* What processes use, read from /proc: a process with all its descendants, and the cgroup that limits them. */
#ifndef LOGIKALD_SUPERVISOR_SYSTEM_USAGE_H
#define LOGIKALD_SUPERVISOR_SYSTEM_USAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct usage {
    int64_t rss_bytes, pss_bytes;
    int64_t cpu_ms; /* user and system, with descendants that have ended */
    int processes;
};

/* Of pid and its descendants (at most 256 processes); zero for what is gone. */
void usage_read_tree(pid_t pid, struct usage *out);
/* Of pid alone. */
void usage_read_one(pid_t pid, struct usage *out);

struct cgroup_memory {
    int64_t limit_bytes; /* the least on the way up to the root; 0 = none */
    int64_t used_bytes;  /* where that limit is, without what can be dropped (page cache); 0 = not known */
    int64_t oom_kills, limit_hits, high_hits; /* memory.events: kills, and how often the limits were met */
    int pressure_permille;                    /* of the last 10 s in which something waited for memory (PSI) */
};

/* The directory of our cgroup (version 2) into out; false when there is none with a memory controller. root: "" or a
 * directory that stands for "/" (tests). */
bool usage_find_cgroup(const char *root, char *out, size_t size);
void usage_read_cgroup(const char *dir, struct cgroup_memory *out);

/* Internal: a small file into text (NUL-terminated), false when it cannot be read; and the number after "name" at the
 * start of a line of it, 0 when it is not there. */
bool usage_slurp(const char *path, char *text, size_t size);
int64_t usage_number_after(const char *text, const char *name);

/* What to do about a child's memory. limit_bytes: the container's, 0 = none; a child may have at most three quarters of
 * it. Pure. */
enum guard { GUARD_FINE, GUARD_WARN, GUARD_REPLACE };
enum guard guard_decide(int64_t used_bytes, int64_t soft_bytes, int64_t hard_bytes, int64_t limit_bytes);

#endif
