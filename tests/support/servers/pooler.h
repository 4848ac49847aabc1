/* A PgBouncer of the test's own in front of a PostgreSQL of the test's own. */
#ifndef LOGIKALD_TESTS_SUPPORT_SERVERS_POOLER_H
#define LOGIKALD_TESTS_SUPPORT_SERVERS_POOLER_H

#include "tests/support/support.h"

struct pooler {
    struct process process;
    int port;
    char url[256]; /* the database of the server, through the pooler */
};
bool pooler_is_installed(void);
/* mode: session, transaction or statement; more: further lines of pgbouncer.ini, or "". */
void pooler_start(struct pooler *p, const struct pg_server *pg, const char *mode, const char *more);
void pooler_stop(struct pooler *p);

#endif
