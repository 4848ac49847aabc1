/* What changed since a page was made. Statements for pool_query; each answers one row with one column, the JSON that a
 * template sees. All parameters are text, NULL or "" = absent. */
#ifndef LOGIKALD_SERVICES_STORE_UI_UI_LIVE_H
#define LOGIKALD_SERVICES_STORE_UI_UI_LIVE_H

#include "services/store/db/pool.h"

extern const struct query ui_query_live; /* () revisions and running syncs */

#endif
