/* The last words of a process that crashes, or that a watchdog ends by SIGABRT: the signal and the stack, on standard
 * error, from where a supervisor takes them into its log. */
#ifndef LOGIKALD_CONF_MACHINE_CRASH_H
#define LOGIKALD_CONF_MACHINE_CRASH_H

/* Once, at the start. Only what is safe in a signal handler is done there; afterwards the signal does what it does by
 * itself (a core, the exit status). */
void crash_tell(void);

#endif
