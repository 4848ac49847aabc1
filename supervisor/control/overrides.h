/* Settings changed while the supervisor runs (`ctl set`): a file in the run directory that every process reads last.
 * It is gone with the supervisor. */
#ifndef LOGIKALD_SUPERVISOR_CONTROL_OVERRIDES_H
#define LOGIKALD_SUPERVISOR_CONTROL_OVERRIDES_H

#include "supervisor/supervisor.h"

/* Sets a setting (by key or environment name) and reloads; value NULL takes the override away. When the reload refuses,
 * everything is as before. 0 or the error. */
int overrides_set(struct supervisor *s, const char *name, const char *value, struct err *err);

#endif
