/* Is PostgreSQL there, and are the migrations. Statements for pool_query; all parameters are text, NULL = absent. Those
 * marked JSON answer one row with one column, the document ready to be sent (NULL or no row: not found). */
#ifndef LOGIKALD_SERVICES_STORE_WEB_WATCH_HEALTH_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_WATCH_HEALTH_READ_H

#include "services/store/db/pool.h"

extern const struct query query_ping;           /* () -> the row of db_session_learn */
extern const struct query query_room;           /* () -> why there is no room for rows, NULL when there is */
extern const struct query query_has_migrations; /* () -> whether there is a table of them */
extern const struct query query_migrations; /* (our names) -> how many are missing, how many newer, the first missing */
extern const struct query query_shape;      /* (tables, columns) -> the rows of shape_sql */

#endif
