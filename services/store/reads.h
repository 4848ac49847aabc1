/* The statements of the web process, for pool_query. Those whose comment says JSON answer one row with one column: the
 * document, ready to be sent (NULL or no row: not found). Parameters are listed in order; all are text, NULL = absent.
 */
#ifndef LOGIKALD_SERVICES_STORE_READS_H
#define LOGIKALD_SERVICES_STORE_READS_H

#include "services/store/pool.h"

/* ---- access_read.c ---- */
extern const struct query query_table_versions;   /* () -> rows name, version */
extern const struct query query_client_identity;  /* (client_id) -> permissions, rate_limit_per_hour, token_version */
extern const struct query query_session_identity; /* (id) -> username, expires_at, seconds left */
extern const struct query query_session_add;      /* (id, username, address, hours) -> expires_at */
extern const struct query query_session_drop;     /* (id) */

/* ---- intervals_read.c ---- */
extern const struct query query_intervals_list; /* () JSON list */
extern const struct query query_intervals_get;  /* (object_type) JSON */

/* ---- health_read.c ---- */
extern const struct query query_ping; /* () -> 1 */

#endif
