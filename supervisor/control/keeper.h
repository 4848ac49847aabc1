/* Keeping the run directory: whoever cleans up there (of old files in /tmp, by hand) must not cut us off. What has gone
 * is made again at once: the directory, the lock, the control socket, the accepted configuration. */
#ifndef LOGIKALD_SUPERVISOR_CONTROL_KEEPER_H
#define LOGIKALD_SUPERVISOR_CONTROL_KEEPER_H

#include "supervisor/supervisor.h"

int keeper_open(struct supervisor *s, struct err *err);
void keeper_close(struct supervisor *s);
void keeper_look(struct supervisor *s); /* now; it also looks by itself, when something was removed and now and then */

#endif
