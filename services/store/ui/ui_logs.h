/* Sync logs and runs, for pages. Statements for pool_query; each answers one row with one column, the JSON that a
 * template sees. All parameters are text, NULL or "" = absent. */
#ifndef LOGIKALD_SERVICES_STORE_UI_UI_LOGS_H
#define LOGIKALD_SERVICES_STORE_UI_UI_LOGS_H

#include "services/store/db/pool.h"

extern const struct query ui_query_logs;      /* (type, status, since, until, before id, limit) list */
extern const struct query ui_query_log_types; /* () list of words */
/* A page of an export: its lines, and the last one's id; NULL where there are no more. */
extern const struct query ui_query_logs_csv;  /* (type, status, since, until, before id, limit) without a line end */
extern const struct query ui_query_logs_json; /* (the same, what stands between two) objects */
extern const struct query ui_query_runs;      /* (state, text, limit) list of sync runs */
extern const struct query ui_query_run;       /* (task id) its runs and log lines */

#endif
