/* What a process that runs tasks may ask of the kernel. Tasks read files and answers of strangers; whoever takes such a
 * process over by them shall find no program to start, no other process to look into, and none of the system calls by
 * which kernels are attacked. The calls are answered EPERM; nobody is killed. */
#ifndef LOGIKALD_SERVICES_RUNNER_CONFINE_H
#define LOGIKALD_SERVICES_RUNNER_CONFINE_H

/* Makes the filter, for this process and those that it forks. Where the kernel or a container does not allow one, says
 * so once in the log, and confine_enter does nothing. */
void confine_prepare(void);

/* Puts the filter on the calling process, for good. It has one thread, and no_new_privs. */
void confine_enter(void);

#endif
