/* `logikald ctl`: talks to the running supervisor over its control socket. */
#ifndef LOGIKALD_SUPERVISOR_CTL_CTL_H
#define LOGIKALD_SUPERVISOR_CTL_CTL_H

/* argv[0] is "ctl". Returns the exit status: 0, 1 = refused or failed, 64 = usage, 69 = no supervisor answers. */
int ctl_main(int argc, char **argv);

/* Points this process (and what it executes) at the configuration of the supervisor that runs here: 0, or an error when
 * none does. */
struct err;
int ctl_take_configuration(struct err *err);

#endif
