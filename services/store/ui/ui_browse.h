/* What is stored, for pages. Statements for pool_query; each answers one row with one column, the JSON that a template
 * sees. All parameters are text, NULL or "" = absent. */
#ifndef LOGIKALD_SERVICES_STORE_UI_UI_BROWSE_H
#define LOGIKALD_SERVICES_STORE_UI_UI_BROWSE_H

#include "services/store/db/pool.h"

extern const struct query ui_query_tree;      /* (directory id) the tree's open part, and what lies in it */
extern const struct query ui_query_project;   /* (id) project with phases and elevations */
extern const struct query ui_query_elevation; /* (id) elevation with glass, files, parsing errors */

#endif
