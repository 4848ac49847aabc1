/* Owners of leases: see owner.h. "host/pid/start task ID", where start is field 22 of /proc/PID/stat. */
#include "services/sync/owner.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* When a process began, in clock ticks since the boot; 0 = there is no such process. */
static unsigned long long start_of(int pid)
{
    char path[64], line[1024];
    unsigned long long start = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    char *text = fgets(line, sizeof(line), file);
    char *p = text ? strrchr(text, ')') : NULL; /* the name before it may hold anything */
    if (!p ||
        sscanf(p, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &start) != 1)
        start = 0;
    fclose(file);
    return start;
}

static void host_name(char out[64])
{
    memset(out, 0, 64);
    if (gethostname(out, 40) != 0 || !*out) strcpy(out, "localhost");
    for (char *c = out; *c; c++)
        if (*c == '/' || *c == ' ') *c = '-';
}

void owner_self(char out[LEASE_OWNER_SIZE], const char *task_id)
{
    char host[64];
    host_name(host);
    snprintf(out, LEASE_OWNER_SIZE, "%s/%d/%llu task %.40s", host, (int)getpid(), start_of(getpid()), task_id);
}

bool owner_is_dead(const char *owner)
{
    char host[64], theirs[64];
    int pid = 0;
    unsigned long long start = 0;
    host_name(host);
    if (sscanf(owner, "%63[^/]/%d/%llu task", theirs, &pid, &start) != 3 || pid <= 0 || start == 0) return false;
    return strcmp(host, theirs) == 0 && start_of(pid) != start;
}
