/* The upstream's sessions of a run. */
#ifndef LOGIKALD_SERVICES_SYNC_RUN_RUN_SESSIONS_H
#define LOGIKALD_SERVICES_SYNC_RUN_RUN_SESSIONS_H

#include "services/sync/run/run.h"

/* Has the client tell the run (hooks->arg) of each login, session and level, to be written down. */
void run_sessions_hook(struct logikal_hooks *hooks);
/* What was learned of the levels before: 0, or -ERR_DB. */
int run_sessions_recall(struct sync_run *run, enum sideways sideways[LEVEL_COUNT], struct err *err);
/* Logs out of what was left open: by processes that died, or because the upstream refused. Stops where it refuses a few
 * again; which come first is left to chance, so that those few never keep the others open. A login that was on its way
 * in the moment of a kill has no token to do it with. 0 or negative. */
int run_sessions_left(struct sync_run *run, struct err *err);

#endif
