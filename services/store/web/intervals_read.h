/* Configurations of object types, read. Statements for pool_query; all parameters are text, NULL = absent. Those marked
 * JSON answer one row with one column, the document ready to be sent (NULL or no row: not found). */
#ifndef LOGIKALD_SERVICES_STORE_WEB_INTERVALS_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_INTERVALS_READ_H

#include "services/store/db/pool.h"

extern const struct query query_intervals_list; /* () JSON list */
extern const struct query query_retry_limits;   /* () most tries, longest delay (s) of the enabled types */
extern const struct query query_intervals_get;  /* (object_type) JSON */

#endif
