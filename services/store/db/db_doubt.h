/* Does the server still work on a statement whose connection is silent? */
#ifndef LOGIKALD_SERVICES_STORE_DB_DB_DOUBT_H
#define LOGIKALD_SERVICES_STORE_DB_DB_DOUBT_H

#include <stdbool.h>

#include "services/store/db/db_session.h"

/* Asked on a connection of its own, for at most some seconds; sql: how the statement begins. False: the server, or what
 * is on the way to it, does not take connections, or nobody works on such a statement, or who does waits for us. True
 * also when that cannot be told. */
bool doubt_is_worked_on(const PQconninfoOption *url, const struct db_session_want *want, const char *sql);

#endif
