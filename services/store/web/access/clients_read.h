/* API clients, read and changed. Statements for pool_query; all parameters are text, NULL = absent. Those marked JSON
 * answer one row with one column, the document ready to be sent (NULL or no row: not found). */
#ifndef LOGIKALD_SERVICES_STORE_WEB_ACCESS_CLIENTS_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_ACCESS_CLIENTS_READ_H

#include "services/store/db/pool.h"

/* (client_id, hint of the secret) -> hash, name, permissions, rate_limit, token_version, log2 of the rounds of the
 * dearest bcrypt hash, is it the hash of the secret that is being replaced */
extern const struct query query_client_secret;
extern const struct query query_client_used;     /* (client_id) */
extern const struct query query_client_rehashed; /* (client_id, hash) */
extern const struct query query_client_me;       /* (client_id) JSON */
extern const struct query query_client_add; /* (client_id, hash, name, description, permissions, rate, hint) JSON */
extern const struct query query_client_new_secret; /* (client_id, hash, hint) -> client_id */
extern const struct query
    query_client_rotate; /* (client_id, hash, hint, when the old one ends or NULL, hours) -> when */
extern const struct query query_client_end_old; /* (client_id) JSON */
extern const struct query query_client_change;  /* (client_id, name, description, permissions, rate, active) JSON */
extern const struct query query_client_list;    /* () JSON */
extern const struct query query_client_page;    /* (offset, limit, active only) JSON */
extern const struct query query_client_get;     /* (client_id) JSON */
extern const struct query query_client_delete;  /* (client_id) JSON */

#endif
