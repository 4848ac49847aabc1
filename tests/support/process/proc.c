/* See proc.h. */
#include "tests/support/process/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int proc_parent(int pid)
{
    char path[64];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *in = fopen(path, "re");
    if (in && fscanf(in, "%*d (%*[^)]) %*c %d", &parent) != 1) parent = 0;
    if (in) fclose(in);
    return parent;
}

/* The number behind a name at the beginning of a line; -1 when there is no such file or line. */
static int64_t number_in(int pid, const char *file, const char *name)
{
    char path[64], line[256];
    int64_t n = -1;
    snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    FILE *in = fopen(path, "re");
    while (in && n < 0 && fgets(line, sizeof line, in))
        if (strncmp(line, name, strlen(name)) == 0) n = strtoll(line + strlen(name), NULL, 10);
    if (in) fclose(in);
    return n;
}

int64_t proc_pss_kib(int pid)
{
    int64_t kib = number_in(pid, "smaps_rollup", "Pss:");
    return kib > 0 ? kib : 0;
}

/* Whose a mapping of smaps is: an unnamed one that begins where a file's ends is the rest of that file's data. */
struct mapping {
    unsigned long start, end;
    bool is_mapped_file, is_own;
};

static bool mapping_next(struct mapping *m, const char *line, const char *program)
{
    struct mapping next = {0};
    int at = 0;
    if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &next.start, &next.end, &at) != 2 || at == 0) return false;
    const char *name = line + at;
    bool is_rest = *name == '\0' && m->is_mapped_file && m->end == next.start;
    next.is_mapped_file = *name == '/' || is_rest;
    next.is_own = is_rest ? m->is_own : *name != '/' || strncmp(name, program, strlen(program)) == 0;
    *m = next;
    return true;
}

int64_t proc_own_kib(int pid)
{
    char path[64], line[4300], program[4096] = "";
    int64_t sum = 0;
    struct mapping m = {0};
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    if (readlink(path, program, sizeof program - 1) <= 0) return 0;
    snprintf(path, sizeof path, "/proc/%d/smaps", pid);
    FILE *in = fopen(path, "re");
    while (in && fgets(line, sizeof line, in)) {
        line[strcspn(line, "\n")] = '\0';
        if (!mapping_next(&m, line, program) && m.is_own && strncmp(line, "Anonymous:", 10) == 0)
            sum += strtoll(line + 10, NULL, 10);
    }
    if (in) fclose(in);
    return sum;
}

int proc_descriptors(int pid)
{
    char path[64];
    int n = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) n += e->d_name[0] != '.';
    if (dir) closedir(dir);
    return n;
}

bool proc_use(int pid, struct proc_use *out)
{
    *out = (struct proc_use){.pss_kib = number_in(pid, "smaps_rollup", "Pss:"),
                             .rss_kib = number_in(pid, "smaps_rollup", "Rss:"),
                             .anonymous_kib = number_in(pid, "smaps_rollup", "Anonymous:"),
                             .descriptors = proc_descriptors(pid),
                             .threads = (int)number_in(pid, "status", "Threads:")};
    return out->pss_kib > 0 && out->rss_kib > 0 && out->anonymous_kib > 0 && out->threads > 0 && out->descriptors > 0;
}

static bool has_entry(int pid, const char *entry)
{
    char path[64], text[16384];
    snprintf(path, sizeof path, "/proc/%d/environ", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;
    if (fd >= 0) close(fd);
    return n > 0 && memmem(text, (size_t)n, entry, strlen(entry)) != NULL;
}

int proc_with(const char *entry, int pids[], int most)
{
    int count = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *e; proc && count < most && (e = readdir(proc));) {
        int pid = isdigit((unsigned char)e->d_name[0]) ? (int)strtol(e->d_name, NULL, 10) : 0;
        if (pid > 0 && has_entry(pid, entry)) pids[count++] = pid;
    }
    if (proc) closedir(proc);
    return count;
}

void proc_name(int pid, char *out, unsigned size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    FILE *in = fopen(path, "re");
    if (!in || !fgets(out, (int)size, in)) out[0] = 0;
    if (in) fclose(in);
    out[strcspn(out, "\n")] = 0;
}
