/* API clients, and what administrators did. Statements for pool_query; each answers one row with one column, the JSON
 * that a template sees. All parameters are text, NULL or "" = absent. */
#ifndef LOGIKALD_SERVICES_STORE_UI_UI_ACTIONS_H
#define LOGIKALD_SERVICES_STORE_UI_UI_ACTIONS_H

#include "services/store/db/pool.h"

extern const struct query ui_query_clients;      /* () list, the newest of them */
extern const struct query ui_query_clients_more; /* () how many there are besides */
extern const struct query ui_query_action_add; /* (actor, address, method, path, status, request id, detail) nothing */
extern const struct query ui_query_actions;    /* (before id, limit, words) list */

#endif
