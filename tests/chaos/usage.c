/* What the system under test uses: its processes are those whose environment names one of its run directories. */
#include "tests/chaos/chaos.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/process/proc.h"

#define PIDS_MOST 256

const char *const chaos_roles[3] = {"web", "worker", "beat"};

int usage_processes(int64_t *pss_kib)
{
    char entry[300];
    int pids[PIDS_MOST];
    snprintf(entry, sizeof entry, "LOGIKALD_RUN_DIR=%.250s/run", support_dir());
    int count = proc_with(entry, pids, PIDS_MOST);
    for (int i = 0; pss_kib && i < count; i++) *pss_kib += proc_pss_kib(pids[i]);
    return count;
}

int usage_guardian(struct chaos *c)
{
    char entry[300], name[32];
    int pids[PIDS_MOST];
    snprintf(entry, sizeof entry, "LOGIKALD_RUN_DIR=%s", c->sys.run_dir);
    int count = proc_with(entry, pids, PIDS_MOST);
    for (int i = 0; i < count; i++) {
        proc_name(pids[i], name, sizeof name);
        if (strcmp(name, "logikald-guard") == 0 && proc_parent(pids[i]) == c->sys.logikald.pid) return pids[i];
    }
    return 0;
}

void usage_read(struct chaos *c, struct chaos_usage *out)
{
    out->supervisor_fds = proc_descriptors(c->sys.logikald.pid);
    for (int i = 0; i < 3; i++) out->role_fds[i] = proc_descriptors(system_child(&c->sys, chaos_roles[i]));
}
