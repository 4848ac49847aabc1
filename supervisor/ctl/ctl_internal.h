/* Between the files of the control client. */
#ifndef LOGIKALD_SUPERVISOR_CTL_CTL_INTERNAL_H
#define LOGIKALD_SUPERVISOR_CTL_CTL_INTERNAL_H

#include <cjson/cJSON.h>

#include "conf/err.h"
#include "ipc/snapshot.h"

/* The status, from the supervisor itself. *json (may be NULL) gets the whole answer, the caller's to delete. */
int ctl_status(const char *run_dir, struct snapshot *out, cJSON **json, struct err *err);

/* Points this process at what a supervisor that runs and does not answer has given to web. 0, or an error: nothing. */
int ctl_take_what_is_left(const char *run_dir);

/* After `reload --exec`: which program the supervisor is now, where it was another than this one. 0, or 1: it is still
 * what it was before, although this one was put somewhere. */
int ctl_tell_executed(const char *run_dir, const struct snapshot *before);

void ctl_print_status(const struct snapshot *s, const cJSON *overrides); /* for people */

#endif
