/* A text as a file that is nowhere: for what wants to read a path, or outlives an exec. */
#ifndef LOGIKALD_SUPERVISOR_SYSTEM_MEMORY_FILE_H
#define LOGIKALD_SUPERVISOR_SYSTEM_MEMORY_FILE_H

#include <stddef.h>

#include "conf/err.h"

#define MEMORY_FILE_PATH 32

/* A descriptor (close-on-exec) of a file with this text, read from its start; its path for this process into path,
 * which may be NULL. -1 with err. */
int memory_file(const char *text, size_t len, char path[MEMORY_FILE_PATH], struct err *err);

#endif
