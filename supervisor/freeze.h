/* The accepted configuration, frozen: copies of the files that were last loaded and found good, in the run directory.
 * Children read these, so that a file that is half-edited or faulty cannot hurt a child that is restarted meanwhile;
 * nothing changes until a reload has accepted it. */
#ifndef LOGIKALD_SUPERVISOR_FREEZE_H
#define LOGIKALD_SUPERVISOR_FREEZE_H

#include "supervisor/supervisor.h"

/* Copies the given files beside the accepted ones and points *candidate at the copies (or at the file itself where it
 * includes others). The strings belong to s. */
int freeze_copy(struct supervisor *s, struct conf_paths *candidate, struct err *err);
/* The copies become the accepted ones; s->paths names them from now on. */
int freeze_accept(struct supervisor *s, struct err *err);
void freeze_remove(struct supervisor *s);

#endif
