/* Object types and their freshness, for pages. Statements for pool_query; each answers one row with one column, the
 * JSON that a template sees. All parameters are text, NULL or "" = absent. */
#ifndef LOGIKALD_SERVICES_STORE_UI_UI_INTERVALS_H
#define LOGIKALD_SERVICES_STORE_UI_UI_INTERVALS_H

#include "services/store/db/pool.h"

extern const struct query ui_query_intervals;      /* () list */
extern const struct query ui_query_interval_types; /* () list of object types */

#endif
