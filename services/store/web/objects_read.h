/* Projects, phases and elevations, page by page and one by one. Statements for pool_query; all parameters are text,
 * NULL = absent. Those marked JSON answer one row with one column, the document ready to be sent (NULL or no row: not
 * found). */
#ifndef LOGIKALD_SERVICES_STORE_WEB_OBJECTS_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_OBJECTS_READ_H

#include "services/store/db/pool.h"

extern const struct query query_projects_page, query_projects_of_directory;
extern const struct query query_project_get; /* (logikal_id or id) JSON */
extern const struct query query_phases_page, query_phases_of_project;
extern const struct query query_elevations_page, query_elevations_of_phase;
/* The same with more to say (list_sql.h). */
extern const struct query query_projects_more, query_projects_of_directory_more;
extern const struct query query_phases_more, query_phases_of_project_more;
extern const struct query query_elevations_more, query_elevations_of_phase_more;
extern const struct query query_elevation_get;        /* (id) JSON */
extern const struct query query_elevation_enrichment; /* (id) JSON */
extern const struct query query_elevation_has_parts;  /* (id) -> whether a parts list is stored */
extern const struct query query_enrichment_status;    /* () JSON */

#endif
