/* `ctl reload --exec`: the supervisor executes its own program file anew in the same process, for an upgrade without
 * downtime. Children, their pipes, the listening and the control socket, locks and pids stay; what is known about them
 * goes over in a memory file whose descriptor is inherited. */
#ifndef LOGIKALD_SUPERVISOR_REEXEC_H
#define LOGIKALD_SUPERVISOR_REEXEC_H

#include <cjson/cJSON.h>

#include "supervisor/supervisor.h"

#define REEXEC_STATE_VAR "LOGIKALD_STATE_FD"

/* Tries the program file on the accepted configuration first (`logikald config`, as another process); when that goes
 * well, the exec follows. 0 when the trial runs. */
int reexec_begin(struct supervisor *s, struct err *err);

/* In the new program: the state that was handed over, or NULL when this is a usual start. err is set when there is one
 * but it cannot be understood. The caller's to delete. */
cJSON *reexec_state(struct err *err);

/* reexec_state.c: the state as JSON, and back. Adopting takes the descriptors and makes the children. */
cJSON *reexec_save(const struct supervisor *s);
int reexec_adopt_self(struct supervisor *s, const cJSON *state, struct err *err); /* before anything is opened */
int reexec_adopt_children(struct supervisor *s, const cJSON *state, struct err *err);
/* Marks the descriptors of the state as inherited, or not. */
void reexec_keep_descriptors(const struct supervisor *s, bool is_kept);

#endif
