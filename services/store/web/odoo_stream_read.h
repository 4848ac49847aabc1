/* What the ERP reads in pieces. Statements for pool_query; all parameters are text, NULL = absent. Those marked JSON
 * answer one row with one column, the document ready to be sent (NULL or no row: not found). */
#ifndef LOGIKALD_SERVICES_STORE_WEB_ODOO_STREAM_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_ODOO_STREAM_READ_H

#include "services/store/db/pool.h"

extern const struct query query_odoo_stream_project; /* (project) -> id, project, {created_at}, {project_name, _id} */
extern const struct query query_odoo_stream_phase; /* (id, after phase, limit) -> id, phase, {created_at}, short phase,
                                                      and a piece: count, last id, rows */
extern const struct query query_odoo_stream_elevations; /* (phase id, after, limit) -> a piece */
extern const struct query query_odoo_stream_place;      /* (project, phase) -> phase id */

#endif
