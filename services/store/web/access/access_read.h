/* Who may: versions of tables, identities, sessions. Statements for pool_query; all parameters are text, NULL = absent.
 * Those marked JSON answer one row with one column, the document ready to be sent (NULL or no row: not found). */
#ifndef LOGIKALD_SERVICES_STORE_WEB_ACCESS_ACCESS_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_ACCESS_ACCESS_READ_H

#include "services/store/db/pool.h"

extern const struct query query_table_versions;   /* () -> rows name, version, number of slots */
extern const struct query query_versions_gather;  /* () */
extern const struct query query_client_identity;  /* (client_id) -> permissions, rate_limit_per_hour, token_version */
extern const struct query query_session_identity; /* (id) -> username, expires_at, seconds left, is_viewer, proof */
extern const struct query query_session_add;      /* (id, username, address, hours, is_viewer, proof) -> expires_at */
extern const struct query query_session_drop;     /* (id) */
extern const struct query query_sessions_there;   /* (JSON list of ids) -> rows id, proof, those that have not ended */
extern const struct query query_web_key;          /* (a fresh key) -> the key of the client tokens */

#endif
