/* What processes use, read from /proc: a process with all its descendants. See usage.h. */
#include "supervisor/system/usage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/machine/file.h"

#define TREE_MAX 256

static int64_t cpu_ms_of(pid_t pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (file_read(AT_FDCWD, path, text, sizeof text) == 0) return 0;
    char *p = strrchr(text, ')'); /* the name before it may hold anything */
    unsigned long long sum = 0;   /* utime, stime, cutime, cstime: the 14th to 17th field; the state is the 3rd */
    int field = 3;
    for (p = p ? p + 1 : text + strlen(text); *p && field <= 17; field++) {
        while (*p == ' ') p++;
        if (field >= 14) sum += strtoull(p, NULL, 10);
        p += strcspn(p, " ");
    }
    long ticks = sysconf(_SC_CLK_TCK);
    return (int64_t)(sum * 1000 / (unsigned long long)ticks);
}

void usage_read_one(pid_t pid, struct usage *out)
{
    char path[64], text[4096];
    *out = (struct usage){0};
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    if (file_read(AT_FDCWD, path, text, sizeof text) == 0) return;
    out->rss_bytes = file_number_after(text, "Rss:") * 1024;
    out->pss_bytes = file_number_after(text, "Pss:") * 1024;
    out->cpu_ms = cpu_ms_of(pid);
    out->processes = 1;
}

/* Adds the children of pid (of its first thread: nothing here forks from others) to list. */
static int add_children(pid_t pid, pid_t *list, int count)
{
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    if (file_read(AT_FDCWD, path, text, sizeof text) == 0) return count;
    char *at = text, *end;
    for (long child; count < TREE_MAX && (child = strtol(at, &end, 10)) > 0 && end != at; at = end)
        list[count++] = (pid_t)child;
    return count;
}

void usage_read_tree(pid_t pid, struct usage *out)
{
    pid_t list[TREE_MAX] = {pid};
    int count = 1;
    *out = (struct usage){0};
    for (int i = 0; i < count; i++) {
        struct usage one;
        usage_read_one(list[i], &one);
        out->rss_bytes += one.rss_bytes;
        out->pss_bytes += one.pss_bytes;
        out->cpu_ms += one.cpu_ms;
        out->processes += one.processes;
        count = add_children(list[i], list, count);
    }
}

enum guard guard_decide(int64_t used_bytes, int64_t soft_bytes, int64_t hard_bytes, int64_t limit_bytes)
{
    int64_t most = limit_bytes > 0 ? limit_bytes / 4 * 3 : 0;
    if (most > 0 && (hard_bytes == 0 || hard_bytes > most)) hard_bytes = most;
    if (hard_bytes > 0 && used_bytes > hard_bytes) return GUARD_REPLACE;
    if (soft_bytes > 0 && used_bytes > soft_bytes) return GUARD_WARN;
    return GUARD_FINE;
}
