/* `logikald ctl`: talks to the running supervisor over its control socket. */
#ifndef LOGIKALD_SUPERVISOR_CTL_H
#define LOGIKALD_SUPERVISOR_CTL_H

/* argv[0] is "ctl". Returns the exit status: 0, 1 = refused or failed, 64 = usage, 69 = no supervisor answers. */
int ctl_main(int argc, char **argv);

#endif
