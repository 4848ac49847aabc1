/* What the verdict looks at every few seconds. Statements for pool_query; each answers one row with one JSON document.
 */
#ifndef LOGIKALD_SERVICES_STORE_WEB_WATCH_VERDICT_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_WATCH_VERDICT_READ_H

#include "services/store/db/pool.h"

extern const struct query query_verdict_sync;   /* () -> "sync" of problems.h without counts; small tables only */
extern const struct query query_verdict_counts; /* () -> {"elevations","unparsed"} */

#endif
