/* The guardian: a tiny process that outlives a supervisor killed with -9 just long enough to end what it left behind.
 * It is told each process group as it comes and goes, and holds the read end of a pipe whose end of file means that the
 * supervisor is dead. Then it kills those groups, and whoever carries the supervisor's id in its environment. Not
 * needed by PID 1, whose death ends its whole container. */
#ifndef LOGIKALD_SUPERVISOR_CHILD_GUARDIAN_H
#define LOGIKALD_SUPERVISOR_CHILD_GUARDIAN_H

#include "supervisor/supervisor.h"

/* Forks one before anything else is in memory that it would carry along; guardian_start then takes it. Its id is the
 * one that the supervisor has to have; NULL = there is none. */
void guardian_prepare(void);
const char *guardian_prepared_id(void);
/* Forks it, where none was prepared; does nothing as PID 1. One that dies is made anew, as soon as there is a process
 * for it. */
int guardian_start(struct supervisor *s, struct err *err);
int guardian_resume(struct supervisor *s, struct err *err); /* after an exec: it is still there */
void guardian_tell(struct supervisor *s, pid_t group, bool is_there);
#define GUARDIAN_DUTY "end-bearers"          /* the command that a guardian executes when its supervisor is dead */
int guardian_duty(const char *id);           /* kills whoever carries this id of a supervisor */
void guardian_dismiss(struct supervisor *s); /* it ends without doing anything */

#endif
