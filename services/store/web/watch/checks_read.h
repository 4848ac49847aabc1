/* Checks and repairs of what is stored. Statements for pool_query; all parameters are text, NULL = absent. Those marked
 * JSON answer one row with one column, the document ready to be sent (NULL or no row: not found). */
#ifndef LOGIKALD_SERVICES_STORE_WEB_WATCH_CHECKS_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_WATCH_CHECKS_READ_H

#include "services/store/db/pool.h"

extern const struct query query_check_project;    /* (project) JSON */
extern const struct query query_partial_failures; /* (project) JSON */
extern const struct query query_repair_project;   /* (project) JSON; changes rows */
extern const struct query query_integrity_report; /* (project or NULL) JSON */
extern const struct query query_stale_objects;    /* (object_type) JSON */

#endif
