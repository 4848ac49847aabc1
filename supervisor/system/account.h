/* Users and groups of the machine, as far as they can be known without loading a name service into the supervisor. */
#ifndef LOGIKALD_SUPERVISOR_SYSTEM_ACCOUNT_H
#define LOGIKALD_SUPERVISOR_SYSTEM_ACCOUNT_H

#include <stdbool.h>
#include <sys/types.h>

#include "conf/err.h"
#include "conf/program.h"

/* A number instead of a name ("1000"): true, and it is in *id. */
bool account_number(const char *text, uid_t *id);

/* The number of a user in /etc/passwd, or of a number; (uid_t)-1 when only a directory service may know. */
uid_t account_uid(const char *user);

/* 0, or -ERR_CONFIG when nobody on this machine has the program's user or group. */
int account_check(const struct program *p, struct err *err);

#endif
