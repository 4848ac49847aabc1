/* What the system under test uses: its processes are those whose environment names one of its run directories. */
#include "tests/chaos/chaos.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const chaos_roles[3] = {"web", "worker", "beat"};

static bool is_ours(int pid, const char *entry)
{
    char path[64], text[16384];
    snprintf(path, sizeof path, "/proc/%d/environ", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;
    if (fd >= 0) close(fd);
    return n > 0 && memmem(text, (size_t)n, entry, strlen(entry)) != NULL;
}

static int64_t pss_of(int pid)
{
    char path[64], line[128];
    int64_t kib = 0;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    FILE *in = fopen(path, "re");
    while (in && fgets(line, sizeof line, in))
        if (strncmp(line, "Pss:", 4) == 0) kib = strtoll(line + 4, NULL, 10);
    if (in) fclose(in);
    return kib;
}

int usage_processes(struct chaos *c, int64_t *pss_kib)
{
    char entry[300];
    int count = 0;
    snprintf(entry, sizeof entry, "LOGIKALD_RUN_DIR=%.250s/run", support_dir());
    DIR *proc = opendir("/proc");
    for (struct dirent *e; proc && (e = readdir(proc));) {
        int pid = isdigit((unsigned char)e->d_name[0]) ? (int)strtol(e->d_name, NULL, 10) : 0;
        if (pid <= 0 || !is_ours(pid, entry)) continue;
        count++;
        if (pss_kib) *pss_kib += pss_of(pid);
    }
    if (proc) closedir(proc);
    (void)c;
    return count;
}

int usage_descriptors(int pid)
{
    char path[64];
    int n = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *dir = opendir(path);
    while (dir && readdir(dir)) n++;
    if (dir) closedir(dir);
    return n;
}

void usage_read(struct chaos *c, struct chaos_usage *out)
{
    out->supervisor_fds = usage_descriptors(c->sys.logikald.pid);
    for (int i = 0; i < 3; i++) out->role_fds[i] = usage_descriptors(system_child(&c->sys, chaos_roles[i]));
}
