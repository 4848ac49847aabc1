/* What processes took of the processors: see sync_cpu.h. */
#include "tests/bench/sync_cpu.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Ticks of one process and of the children that it has waited for; *parent is set. 0 when it is gone. */
static long ticks_of(long pid, long *parent)
{
    char path[64], line[1024];
    unsigned long user = 0, system = 0;
    long waited_user = 0, waited_system = 0;
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "re");
    size_t n = file ? fread(line, 1, sizeof line - 1, file) : 0;
    if (file) fclose(file);
    line[n] = '\0';
    char *after_name = strrchr(line, ')');
    if (!after_name || sscanf(after_name + 1, " %*c %ld %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld", parent,
                              &user, &system, &waited_user, &waited_system) != 5)
        return 0;
    return (long)(user + system) + waited_user + waited_system;
}

double cpu_of_tree(pid_t root)
{
    long parent = 0, ticks = ticks_of(root, &parent);
    DIR *proc = opendir("/proc");
    for (const struct dirent *entry; proc && (entry = readdir(proc));) {
        long pid = strtol(entry->d_name, NULL, 10), of_child = pid > 0 ? ticks_of(pid, &parent) : 0;
        if (pid > 0 && parent == root) ticks += of_child;
    }
    if (proc) closedir(proc);
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

double cpu_of(int who)
{
    struct rusage used;
    if (getrusage(who, &used) != 0) return 0;
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}
