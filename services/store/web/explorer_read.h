/* The tree of elevations, the queue of the parser, tokens of Logikal logins. Statements for pool_query; all parameters
 * are text, NULL = absent. Those marked JSON answer one row with one column, the document ready to be sent (NULL or no
 * row: not found). */
#ifndef LOGIKALD_SERVICES_STORE_WEB_EXPLORER_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_EXPLORER_READ_H

#include "services/store/pool.h"

extern const struct query query_elevation_detail;     /* (id) JSON */
extern const struct query query_elevation_tree;       /* (text or NULL, pattern) JSON */
extern const struct query query_elevation_search;     /* (pattern, text, limit) JSON */
extern const struct query query_projects_of_objects;  /* (object_type, JSON list of ids) JSON list */
extern const struct query query_parsing_wanted;       /* () JSON list */
extern const struct query query_parsing_completed;    /* () JSON */
extern const struct query query_parsing_clear;        /* () JSON */
extern const struct query query_parsing_counts;       /* () JSON */
extern const struct query query_phase_constraint_fix; /* () */
extern const struct query query_upstream_token_add;   /* (hash, username, base_url, minutes) -> expires_at */
extern const struct query query_upstream_token_get;   /* (hash) -> username, expires_at */
extern const struct query query_upstream_token_drop;  /* (hash) JSON */

#endif
