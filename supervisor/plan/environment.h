/* What a child finds in its environment: the supervisor's own, without the secrets that are not its business and
 * without what was meant for the supervisor itself, and what the supervisor has to tell it. Pure. */
#ifndef LOGIKALD_SUPERVISOR_PLAN_ENVIRONMENT_H
#define LOGIKALD_SUPERVISOR_PLAN_ENVIRONMENT_H

#include <stdbool.h>

#include "conf/conf.h"

struct environment {
    char **list; /* NULL-terminated "NAME=value", for execve */
    int count, room;
    bool failed; /* no memory */
};

/* Set for the roles: GnuTLS comes along with libpq's LDAP, and sets itself up before main unless this says no, which
 * takes 150 kB of each process. Who uses it sets it up first. */
#define ENVIRONMENT_NO_GNUTLS "GNUTLS_NO_IMPLICIT_INIT"

/* Copies `from` without what a child with these users (enum setting_user; 0 for a program) must not see. */
void environment_start(struct environment *e, char *const *from, unsigned users);
/* Takes out what the configuration file makes secrets of. */
void environment_hide(struct environment *e, const struct conf *conf);
/* Sets NAME to a formatted value, replacing what was there. */
void environment_set(struct environment *e, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Sets "NAME=value" as it is. */
void environment_put(struct environment *e, const char *entry);
void environment_free(struct environment *e);

#endif
