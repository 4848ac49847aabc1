/* What processes use, read from /proc: a process with all its descendants. */
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

/* What to do about a child's memory. limit_bytes: the container's, 0 = none; a child may have at most three quarters of
 * it. Pure. */
enum guard { GUARD_FINE, GUARD_WARN, GUARD_REPLACE };
enum guard guard_decide(int64_t used_bytes, int64_t soft_bytes, int64_t hard_bytes, int64_t limit_bytes);

#endif
