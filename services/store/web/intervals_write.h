/* Configurations of object types, changed. Statements for pool_query; all parameters are text, NULL = absent. Those
 * marked JSON answer one row with one column, the document ready to be sent (NULL or no row: not found). The twelve
 * values are those of the API, in its order, after the object type. */
#ifndef LOGIKALD_SERVICES_STORE_WEB_INTERVALS_WRITE_H
#define LOGIKALD_SERVICES_STORE_WEB_INTERVALS_WRITE_H

#include "services/store/db/pool.h"

extern const struct query
    query_interval_problem;                   /* (object_type, JSON list) -> what is wrong with depends_on, or NULL */
extern const struct query query_interval_add; /* (object_type, ...) JSON */
extern const struct query query_interval_change;   /* (object_type, ...) JSON */
extern const struct query query_interval_delete;   /* (object_type) JSON */
extern const struct query query_interval_toggle;   /* (object_type) JSON */
extern const struct query query_intervals_order;   /* () JSON list */
extern const struct query query_intervals_summary; /* () JSON */
extern const struct query query_intervals_reset;   /* () JSON */

#endif
