/* The program's own file and its neighbours. */
#ifndef LOGIKALD_SUPERVISOR_SYSTEM_SELF_H
#define LOGIKALD_SUPERVISOR_SYSTEM_SELF_H

#include <limits.h>

#include "conf/err.h"

/* Notes the path by which the program was called: links in it are followed anew each time, so that a release that is
 * switched by a link is found. word: argv[0]; not believed when it names another file than the one that runs. */
void self_remember(const char *word);
void self_set(const char *path); /* as the program before an exec has noted it: the file there may be another by now */

/* The absolute path of the program: as it was called, or, where that cannot be told, the file that runs. NULL with err
 * when /proc does not tell. */
const char *self_path(struct err *err);

/* The path of a file in the same directory into out. 0, or an error when it cannot be executed. */
int self_directory_file(const char *name, char out[PATH_MAX], struct err *err);
/* The same of the program that runs a role: beat's own, where it is there, else the one of all roles. */
int self_role_program(const char *role, char out[PATH_MAX], struct err *err);

#endif
