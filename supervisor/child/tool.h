/* A process of our own (no child of the plan) that runs to its end, and whose output goes to the log line by line. */
#ifndef LOGIKALD_SUPERVISOR_CHILD_TOOL_H
#define LOGIKALD_SUPERVISOR_CHILD_TOOL_H

#include "supervisor/child/reap.h"
#include "supervisor/log/log_stream.h"
#include "supervisor/supervisor.h"

struct tool {
    struct supervisor *sup;
    const char *label; /* before each line */
    pid_t pid;         /* 0 = it does not run */
    struct log_stream out, err;
    char said[256]; /* its last line of standard output */
    char last[256]; /* and of standard error */
    reap_fn fn;
    void *arg;
};

void tool_init(struct tool *t, struct supervisor *s, const char *label);
/* extra_fd: its descriptor 3, or -1. fn: called with its end. 0, or an error. */
int tool_start(struct tool *t, char *const *argv, char *const *envp, int extra_fd, reap_fn fn, void *arg,
               struct err *err);
void tool_abandon(struct tool *t); /* it is killed, and fn is not called; harmless when it does not run */

#endif
