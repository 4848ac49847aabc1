/* The run directory: ours alone (mode 0700), locked by one supervisor at a time. The lock dies with its holder, so
 * what a killed supervisor left behind never blocks a start. */
#ifndef LOGIKALD_SUPERVISOR_SYSTEM_RUN_DIR_H
#define LOGIKALD_SUPERVISOR_SYSTEM_RUN_DIR_H

#include <limits.h>
#include <stdbool.h>

#include "conf/err.h"

#define RUN_DIR_LOCK "supervisor.lock"

/* Makes the directory (and its parents) when it is missing, refuses one that is a link, not ours, or open to others,
 * and holds it. The descriptor of the directory (close-on-exec; it must stay open), or -1 with err, which names the pid
 * that holds it. */
int run_dir_hold(const char *path, struct err *err);
/* The same for the lock file in it, which tells who we are. */
int run_dir_lock(const char *path, struct err *err);

bool run_dir_is_same(int fd, const char *path); /* what is open is what stands there */

/* path/name; returns out. */
const char *run_dir_file(const char *path, const char *name, char out[PATH_MAX]);

#endif
