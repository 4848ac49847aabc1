/* The guardian while it waits: one loop on bare system calls, in a page or two of text and its stack. Everything else
 * of the program that it was forked from (the C library with it) is given back, since it would be there for nothing but
 * to wait. What has to be done at the end is done by the program anew: it is executed. */
#ifndef LOGIKALD_SUPERVISOR_GUARDIAN_ALONE_H
#define LOGIKALD_SUPERVISOR_GUARDIAN_ALONE_H

#include <sys/types.h>

struct guardian_message {
    pid_t group;
    char what; /* '+', '-', or 'q' to quit */
};

/* Reads messages from pipe_fd. At its end kills the groups and executes the program with argv (at most four words in
 * all, each shorter than 64 bytes). Every signal has to be ignored. */
_Noreturn void guardian_alone(int pipe_fd, const char *const argv[]);

#endif
