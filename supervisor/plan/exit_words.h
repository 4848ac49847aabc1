/* The end of a process in words: exit status, signal, and what the supervisor knows besides. Pure. */
#ifndef LOGIKALD_SUPERVISOR_PLAN_EXIT_WORDS_H
#define LOGIKALD_SUPERVISOR_PLAN_EXIT_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "supervisor/plan/child_state.h"

struct exit_facts {
    int wait_status;        /* as waitpid gives it */
    enum child_state state; /* when it ended */
    enum child_why why;     /* in a state that ends a process */
    bool is_oom;            /* the kernel's out-of-memory count of the cgroup went up meanwhile */
    long long silent_ms;    /* for WHY_HUNG: how long it had not pinged */
};

/* "exit status 1", "killed by SIGSEGV, core dumped", "killed by SIGKILL (out of memory)", "hung: no ping for 15.0 s,
 * killed by SIGABRT", "exit status 78 (configuration refused)". Returns out. */
const char *exit_words(const struct exit_facts *facts, char *out, size_t size);

/* "SIGTERM" for 15; "signal 99" for what has no name. */
const char *signal_words(int sig, char *out, size_t size);
/* 15 for "TERM", "SIGTERM", "term" or "15"; -1 for anything else. */
int signal_number(const char *name);

#endif
