/* Who changed what. Statements for pool_query; each answers one row with one column, the JSON that a template sees. All
 * parameters are text, NULL or "" = absent. Who changed what. */
#ifndef LOGIKALD_SERVICES_STORE_UI_UI_ACTIONS_H
#define LOGIKALD_SERVICES_STORE_UI_UI_ACTIONS_H

#include "services/store/db/pool.h"

extern const struct query ui_query_clients;    /* () list */
extern const struct query ui_query_action_add; /* (actor, address, method, path, status, request id, detail) nothing */
extern const struct query ui_query_actions;    /* (before id, limit) list */

#endif
