/* Elevations with all that a page shows of them, as a tree, and by words. Statements for pool_query; all parameters
 * are text, NULL = absent. Those marked JSON answer one row with one column, the document ready to be sent. */
#ifndef LOGIKALD_SERVICES_STORE_WEB_ELEVATION_TREE_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_ELEVATION_TREE_READ_H

#include "services/store/db/pool.h"

extern const struct query query_elevation_detail;    /* (id) JSON */
extern const struct query query_elevation_tree;      /* (text or NULL, pattern) JSON */
extern const struct query query_elevation_search;    /* (pattern, text, limit) JSON */
extern const struct query query_projects_of_objects; /* (object_type, JSON list of ids) JSON list */

#endif
