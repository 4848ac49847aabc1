/* What the ERP reads whole. Statements for pool_query; all parameters are text, NULL = absent. Those marked JSON answer
 * one row with one column, the document ready to be sent (NULL or no row: not found). */
#ifndef LOGIKALD_SERVICES_STORE_WEB_ODOO_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_ODOO_READ_H

#include "services/store/db/pool.h"

extern const struct query query_odoo_projects;   /* (client_id) JSON */
extern const struct query query_odoo_project;    /* (project) JSON */
extern const struct query query_odoo_complete;   /* (project) JSON */
extern const struct query query_odoo_phases;     /* (project) JSON */
extern const struct query query_odoo_elevations; /* (project, phase) JSON */
extern const struct query query_odoo_search;     /* (text, pattern) JSON */
extern const struct query query_odoo_stats;      /* () JSON */
/* The lists among them for readers that say more (list_sql.h); the filters are project and phase. */
extern const struct query query_odoo_projects_more, query_odoo_phases_more, query_odoo_elevations_more;

#endif
