/* How far the sync is. Statements for pool_query; all parameters are text, NULL = absent. Those marked JSON answer one
 * row with one column, the document ready to be sent (NULL or no row: not found). */
#ifndef LOGIKALD_SERVICES_STORE_WEB_SYNC_STATE_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_SYNC_STATE_READ_H

#include "services/store/db/pool.h"

extern const struct query query_sync_state;           /* () JSON */
extern const struct query query_project_sync_status;  /* (project) JSON */
extern const struct query query_sync_summary;         /* () JSON */
extern const struct query query_project_mark_updated; /* (project, time or NULL) JSON */
extern const struct query query_task_run; /* (task_id) -> state, current, total, status, result, finished_at */

#endif
