/* What the sync holds back, and an administrator's word on it. Statements for pool_query; all parameters are text, NULL
 * = absent. Those marked JSON answer one row with one column, the document ready to be sent. */
#ifndef LOGIKALD_SERVICES_STORE_WEB_HOLDS_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_HOLDS_READ_H

#include "services/store/db/pool.h"

extern const struct query query_holds;         /* (state; "" = all of them, limit) -> JSON, a list, the newest first */
extern const struct query query_holds_watched; /* the same, for web itself */
extern const struct query query_hold_decide;   /* (id, "apply" or "refuse", who) -> its state before (no row: no such
                                                  hold), directories, projects, phases, elevations that were marked */
extern const struct query query_holds_now;     /* () -> how many are open, the oldest one's id, reason and time,
                                                  directories,   projects, phases, elevations of all of them */

#endif
