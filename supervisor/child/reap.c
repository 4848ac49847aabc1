/* The end of processes: everything that ends under us is reaped here and nowhere else, so nobody steals the status of
 * another. See reap.h. */
#include "supervisor/child/reap.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "supervisor/child/child.h"
#include "supervisor/child/children.h"
#include "supervisor/child/kin.h"

#define REAP_A_TURN 1000

struct watched {
    LIST_ENTRY(watched) link;
    pid_t pid;
    reap_fn fn;
    void *arg;
};

static struct watched *watched_find(struct supervisor *s, pid_t pid)
{
    struct watched *w;
    LIST_FOREACH(w, &s->watched, link)
        if (w->pid == pid) return w;
    return NULL;
}

int reap_watch(struct supervisor *s, pid_t pid, reap_fn fn, void *arg)
{
    struct watched *w = malloc(sizeof *w);
    if (!w) return -1;
    *w = (struct watched){.pid = pid, .fn = fn, .arg = arg};
    LIST_INSERT_HEAD(&s->watched, w, link);
    return 0;
}

static void watched_free(struct watched *w)
{
    LIST_REMOVE(w, link);
    free(w);
}

void reap_abandon(struct supervisor *s, pid_t pid)
{
    struct watched *w = watched_find(s, pid);
    if (w) watched_free(w);
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL); /* it may not have made its group yet */
}

static void reap_one(struct supervisor *s, pid_t pid)
{
    struct child *c = children_by_pid(s, pid);
    struct watched *w = c ? NULL : watched_find(s, pid);
    int status = 0;
    if (c) child_ended(c);
    if (waitpid(pid, &status, WNOHANG) != pid) return;
    if (c) {
        child_reaped(c, status);
    } else if (w) {
        reap_fn fn = w->fn;
        void *arg = w->arg;
        watched_free(w);
        fn(arg, status);
    } else {
        s->orphans_reaped++;
        log_debug("reaped orphan %d", (int)pid);
    }
}

bool reap_some(struct supervisor *s)
{
    for (int i = 0; i < REAP_A_TURN; i++) {
        siginfo_t who = {0};
        if (waitid(P_ALL, 0, &who, WEXITED | WNOHANG | WNOWAIT) != 0 || who.si_pid == 0) {
            children_settle_soon(s);
            return false;
        }
        reap_one(s, who.si_pid);
    }
    return true;
}

bool reap_is_watched(struct supervisor *s, pid_t pid)
{
    return watched_find(s, pid) != NULL;
}

/* Signals every process whose parent we are; returns how many there are. As PID 1 that is everybody in time. */
static int signal_offspring(int sig)
{
    static pid_t pids[PROCESS_OFFSPRING_MAX];
    int count = process_offspring(pids, PROCESS_OFFSPRING_MAX);
    for (int i = 0; i < count; i++) {
        kill(pids[i], sig);
        if (sig == SIGTERM) kill(pids[i], SIGCONT);
    }
    return count;
}

void reap_all(struct supervisor *s, int64_t grace_ms)
{
    int64_t start = mono_ms();
    for (;;) {
        while (reap_some(s)) continue;
        int64_t past = mono_ms() - start;
        if (signal_offspring(past < grace_ms ? SIGTERM : SIGKILL) == 0) return;
        if (past > grace_ms + 3000) {
            log_error("a process does not end although it was killed: it is left to the system");
            return;
        }
        poll(NULL, 0, 5);
    }
}
