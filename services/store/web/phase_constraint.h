/* What keeps phases apart in the schema: looked at, and made when it is missing. Statements for pool_query; all
 * parameters are text, NULL = absent. Those marked JSON answer one row with one column, the document ready to be sent.
 */
#ifndef LOGIKALD_SERVICES_STORE_WEB_PHASE_CONSTRAINT_H
#define LOGIKALD_SERVICES_STORE_WEB_PHASE_CONSTRAINT_H

#include "services/store/db/pool.h"

extern const struct query query_phase_constraints;    /* () JSON */
extern const struct query query_phase_constraint_fix; /* () */

#endif
