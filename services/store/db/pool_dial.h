/* A connection to PostgreSQL made in an event loop: every host of the URL and every address of each is tried in turn,
 * the next one when one is refused, or a quarter of a second after one that does not answer (RFC 8305); the first whose
 * session is as the URL wants it (target_session_attrs) wins, a primary before a standby. A pooler in statement mode is
 * refused. Where options are refused it is tried without. There is
 * no deadline here: the caller has one and cancels. */
#ifndef LOGIKALD_SERVICES_STORE_DB_POOL_DIAL_H
#define LOGIKALD_SERVICES_STORE_DB_POOL_DIAL_H

#include <stdbool.h>
#include <event2/event.h>
#include <libpq-fe.h>

#include "services/store/db/db_session.h"

struct pool_dial;
struct pool_dialled {
    PGconn *pg; /* the caller's, non-blocking; NULL with why */
    struct db_session session;
    char *sql; /* the caller's to free(): makes the settings in each transaction; NULL = the session has them */
    const char *why;
};
/* Called once, later, from the loop; the struct is gone after the call, and must not be cancelled in it. */
typedef void (*pool_dial_fn)(void *arg, const struct pool_dialled *result);

/* url and want must outlive it. NULL without memory. */
struct pool_dial *pool_dial_start(struct event_base *base, const PQconninfoOption *url,
                                  const struct db_session_want *want, pool_dial_fn fn, void *arg);
void pool_dial_cancel(struct pool_dial *d);           /* NULL is fine */
const char *pool_dial_why(const struct pool_dial *d); /* what has gone wrong so far, or what it waits for */

#endif
