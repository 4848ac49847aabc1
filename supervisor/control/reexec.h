/* `ctl reload --exec`: the supervisor executes its own program file anew in the same process, for an upgrade without
 * downtime. Children, their pipes, the listening and the control socket, locks and pids stay; what is known about them
 * goes over in a memory file whose descriptor is inherited, with the accepted configuration. What was tried is what is
 * loaded: the files as they lie there at that moment are not read. A new program that cannot take over executes the one
 * before again. */
#ifndef LOGIKALD_SUPERVISOR_CONTROL_REEXEC_H
#define LOGIKALD_SUPERVISOR_CONTROL_REEXEC_H

#include <cjson/cJSON.h>

#include "supervisor/supervisor.h"

#define REEXEC_STATE_VAR "LOGIKALD_STATE_FD"
#define REEXEC_BACK_VAR  "LOGIKALD_BACK_FD"            /* the program before, still open */
#define REEXEC_TRIAL     "try-state"                   /* the command that reads a state, to see whether it can */
#define REEXEC_GOOD      "the state can be taken over" /* what it then says */

struct control_peer;

/* Tries the program file first: as another process it reads the state and the configuration as it would after the exec.
 * When that goes well, the exec follows. p: gets the answer; NULL is fine. 0 when the trial runs. */
int reexec_begin(struct supervisor *s, struct control_peer *p, struct err *err);
void reexec_abandon(struct supervisor *s); /* no trial any more; at the end */

/* In the new program: the state that was handed over, or NULL when this is a usual start. err is set when there is one
 * but it cannot be understood. The caller's to delete. */
cJSON *reexec_state(struct err *err);
/* The accepted configuration in it: a new one that the caller frees, or NULL with err. */
struct conf *reexec_conf(const cJSON *state, struct err *err);
/* True when a state was handed over to this process, whatever it holds. */
bool reexec_is_resumed(void);
/* The new program cannot be used: executes the program before once more, which has everything as it was. Comes back
 * only when there is none, or that failed too. */
void reexec_back(char **argv, struct log_sink *sink, const char *why);
void reexec_done(void); /* it is used: what was kept for going back is closed */

/* reexec_state.c: the state as JSON, and back. Adopting takes the descriptors and makes the children. */
cJSON *reexec_save(const struct supervisor *s);
int reexec_check(const cJSON *state, struct err *err); /* of a format that this program knows, and whole */
int reexec_adopt_self(struct supervisor *s, const cJSON *state, struct err *err); /* before anything is opened */
int reexec_adopt_children(struct supervisor *s, const cJSON *state, struct err *err);
/* Marks the descriptors of the state as inherited, or not. */
void reexec_keep_descriptors(const struct supervisor *s, bool is_kept);
void reexec_keep_all(const cJSON *state); /* the same, of a state that has not been adopted */

#endif
