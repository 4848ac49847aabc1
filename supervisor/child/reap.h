/* The end of processes: everything that ends under us is reaped here and nowhere else, so nobody steals the status of
 * another. Children of the plan and watched processes get theirs; the rest are orphans, which are counted. */
#ifndef LOGIKALD_SUPERVISOR_CHILD_REAP_H
#define LOGIKALD_SUPERVISOR_CHILD_REAP_H

#include "supervisor/supervisor.h"

typedef void (*reap_fn)(void *arg, int wait_status);

/* Calls fn once when pid has ended. 0, or -1 without memory. */
int reap_watch(struct supervisor *s, pid_t pid, reap_fn fn, void *arg);
bool reap_is_watched(struct supervisor *s, pid_t pid);
/* fn is not called any more; the process is killed with its group, and reaped when it has ended. */
void reap_abandon(struct supervisor *s, pid_t pid);

/* After SIGCHLD: reaps what has ended, a bounded number. True when there may be more. */
bool reap_some(struct supervisor *s);

/* At the very end: ends what is left under us (TERM, then KILL after grace_ms) and reaps it. Blocks for a moment. */
void reap_all(struct supervisor *s, int64_t grace_ms);

#endif
