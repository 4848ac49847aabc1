/* Owners of leases: see owner.h. "host/pid/start task ID", where start is field 22 of /proc/PID/stat. */
#include "services/store/owner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/log.h"

/* When a process began, in clock ticks since the boot; 0 = there is no such process. */
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

static void host_name(char out[64])
{
    memset(out, 0, 64);
    if (gethostname(out, 40) != 0 || !*out) memcpy(out, "localhost", sizeof "localhost");
    for (char *c = out; *c; c++)
        if (*c == '/' || *c == ' ') *c = '-';
}

void owner_self(char out[LEASE_OWNER_SIZE], const char *task_id)
{
    char host[64];
    host_name(host);
    snprintf(out, LEASE_OWNER_SIZE, "%s/%d/%llu task %.40s", host, (int)getpid(), start_of(getpid()), task_id);
}

void owner_worker(char out[OWNER_WORKER_SIZE])
{
    char host[64];
    host_name(host);
    snprintf(out, OWNER_WORKER_SIZE, "%s/%d/%llu", host, (int)getppid(), start_of(getppid()));
}

bool owner_is_dead(const char *owner)
{
    char host[64];
    host_name(host);
    size_t len = strlen(host);
    if (strncmp(owner, host, len) != 0 || owner[len] != '/') return false;
    char *end = NULL;
    long pid = strtol(owner + len + 1, &end, 10);
    if (pid <= 0 || *end != '/') return false;
    unsigned long long start = strtoull(end + 1, NULL, 10);
    return start != 0 && start_of(pid) != start;
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
