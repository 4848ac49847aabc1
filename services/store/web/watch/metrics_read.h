/* What /metrics counts in the database. Statements for pool_query; all parameters are text, NULL = absent. Those marked
 * JSON answer one row with one column, the document ready to be sent (NULL or no row: not found). */
#ifndef LOGIKALD_SERVICES_STORE_WEB_WATCH_METRICS_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_WATCH_METRICS_READ_H

#include "services/store/db/pool.h"

extern const struct query query_metrics; /* () -> rows metric, label 1, label 2, value */

#endif
