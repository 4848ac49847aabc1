/* Making a process: fork, put its descriptors, limits and identity in place, exec. The child gets a session and process
 * group of its own, dies with the supervisor (PR_SET_PDEATHSIG), and inherits exactly the descriptors named here. */
#ifndef LOGIKALD_SUPERVISOR_SYSTEM_SPAWN_H
#define LOGIKALD_SUPERVISOR_SYSTEM_SPAWN_H

#include <sys/types.h>

#include "conf/err.h"
#include "conf/program.h"

#define SPAWN_LISTEN_FD 3 /* where a child finds the listening socket */
#define SPAWN_NOTIFY_FD 4 /* where a role finds the socket to tell its state on */

struct spawn {
    const char *path; /* absolute, or looked up in PATH */
    char *const *argv;
    char *const *envp;
    int out_fd, err_fd;            /* become 1 and 2; -1 = /dev/null. 0 is always /dev/null */
    int listen_fd, notify_fd;      /* become 3 and 4; -1 = none */
    int status_fd;                 /* closed by the exec; what went wrong before it is written there; -1 = none */
    const struct program *program; /* user, directory, umask and limits; NULL = as the supervisor */
};

/* The pid, or -1 with err when no process could be made. What goes wrong in the child before its exec is written to its
 * standard error, and it exits with 126 (could not be prepared) or 127 (could not be executed). Does not block. */
pid_t spawn(const struct spawn *s, struct err *err);

#endif
