/* Tokens of clients that log in with Logikal's own credentials, in the table sessions. Statements for pool_query; all
 * parameters are text, NULL = absent. Those marked JSON answer one row with one column, the document ready to be sent.
 */
#ifndef LOGIKALD_SERVICES_STORE_WEB_ACCESS_UPSTREAM_TOKENS_H
#define LOGIKALD_SERVICES_STORE_WEB_ACCESS_UPSTREAM_TOKENS_H

#include "services/store/db/pool.h"

extern const struct query query_upstream_token_add;  /* (hash, username, base_url, minutes) -> expires_at */
extern const struct query query_upstream_token_get;  /* (hash) -> username, expires_at */
extern const struct query query_upstream_token_drop; /* (hash) JSON */

#endif
