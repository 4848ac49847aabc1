/* The supervisor's signals. They are blocked and read from a descriptor, so that none is lost, also across an exec. */
#ifndef LOGIKALD_SUPERVISOR_CONTROL_SIGNALS_H
#define LOGIKALD_SUPERVISOR_CONTROL_SIGNALS_H

#include "supervisor/supervisor.h"

/* The very first thing: from now on the signals wait until they are listened to, instead of ending us. */
void signals_hold(void);
int signals_open(struct supervisor *s, struct err *err);
void signals_close(struct supervisor *s);

#endif
