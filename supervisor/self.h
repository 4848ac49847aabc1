/* The program's own file and its neighbours. */
#ifndef LOGIKALD_SUPERVISOR_SELF_H
#define LOGIKALD_SUPERVISOR_SELF_H

#include <limits.h>

#include "conf/err.h"

/* The absolute path of the running program; as it was at the first call, so that a program that has been replaced on
 * disk since is found under its name. NULL with err when /proc does not tell. */
const char *self_path(struct err *err);

/* The path of a file in the same directory into out. 0, or an error when it cannot be executed. */
int self_directory_file(const char *name, char out[PATH_MAX], struct err *err);

#endif
