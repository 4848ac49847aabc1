/* Owners of leases: see owner.h. "host~place/pid/start task ID", where start is field 22 of /proc/PID/stat. The host is
 * for people: several containers, and machines, may have the same name. The place is where numbers of processes mean
 * the same: a boot of a kernel, and a namespace of processes in it. */
#include "services/store/owner.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/log.h"
#include "conf/text/copy.h"
#include "conf/text/hash.h"

#define HOST_SIZE 48

/* When a process began, in clock ticks since the boot; 0 = there is none, or it cannot be read. */
static unsigned long long start_of(long pid)
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    char *p = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL; /* the name before it may hold anything */
    fclose(file);
    for (int field = 2; p && field < 22; field++) {
        p = strchr(p + 1, ' ');
    }
    return p ? strtoull(p + 1, NULL, 10) : 0;
}

/* 0 = it cannot be told. */
static uint64_t place(void)
{
    static uint64_t known;
    char boot[64] = "", text[128];
    struct stat space;
    if (known) return known;
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    bool is_read = file && fgets(boot, sizeof boot, file);
    if (file) fclose(file);
    if (!is_read || stat("/proc/self/ns/pid", &space) != 0) return 0;
    snprintf(text, sizeof text, "%s %llu", boot, (unsigned long long)space.st_ino);
    return known = hash_text(text);
}

static void host_name(char out[HOST_SIZE])
{
    char name[256] = "";
    if (gethostname(name, sizeof name - 1) != 0 || !*name) text_copy(name, sizeof name, "localhost");
    for (char *c = name; *c; c++)
        if (*c == '/' || *c == ' ') *c = '-';
    snprintf(out, HOST_SIZE, "%.24s~%012llx", name, (unsigned long long)(place() & 0xffffffffffff));
}

void owner_self(char out[LEASE_OWNER_SIZE], const char *task_id)
{
    char host[HOST_SIZE];
    host_name(host);
    snprintf(out, LEASE_OWNER_SIZE, "%s/%d/%llu task %.40s", host, (int)getpid(), start_of(getpid()), task_id);
}

void owner_worker(char out[OWNER_WORKER_SIZE])
{
    char host[HOST_SIZE];
    host_name(host);
    snprintf(out, OWNER_WORKER_SIZE, "%s/%d/%llu", host, (int)getppid(), start_of(getppid()));
}

bool owner_is_dead(const char *owner)
{
    char host[HOST_SIZE];
    host_name(host);
    size_t len = strlen(host);
    if (!place() || strncmp(owner, host, len) != 0 || owner[len] != '/') return false;
    char *end = NULL;
    long pid = strtol(owner + len + 1, &end, 10);
    if (pid <= 0 || *end != '/') return false;
    unsigned long long start = strtoull(end + 1, NULL, 10), now = start_of(pid);
    /* No file to read may also be hidden from us (hidepid), or one file too many. */
    bool is_there = now || kill((pid_t)pid, 0) == 0 || errno != ESRCH;
    return start != 0 && (now ? now != start : !is_there);
}

int owner_take_lease(struct db *db, struct lease *lease, const char *name, const char *owner, int64_t ttl_ms,
                     struct err *err)
{
    char holder[LEASE_OWNER_SIZE];
    int rc = lease_acquire(db, lease, name, owner, ttl_ms, err);
    if (rc != -ERR_CONFLICT || lease_holder(db, name, holder, NULL) != 1 || !owner_is_dead(holder)) return rc;
    log_info("%s was held by a process that died; taking over", name);
    if (lease_break(db, name, holder, err) < 0) return -ERR_DB;
    return lease_acquire(db, lease, name, owner, ttl_ms, err);
}
