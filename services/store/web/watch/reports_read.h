/* Reports and alerts. Statements for pool_query; all parameters are text, NULL = absent. Those marked JSON answer one
 * row with one column, the document ready to be sent (NULL or no row: not found). */
#ifndef LOGIKALD_SERVICES_STORE_WEB_WATCH_REPORTS_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_WATCH_REPORTS_READ_H

#include "services/store/db/pool.h"

extern const struct query query_performance;       /* (hours) JSON */
extern const struct query query_project_metrics;   /* (hours, project) JSON */
extern const struct query query_efficiency;        /* () JSON */
extern const struct query query_advanced_status;   /* () JSON */
extern const struct query query_alerts;            /* (severity or NULL) JSON list */
extern const struct query query_alert_history;     /* (hours, severity or NULL) JSON */
extern const struct query query_alert_create;      /* (id, type, severity, message, details, requires_action) JSON */
extern const struct query query_alert_acknowledge; /* (id, by, notes) JSON */
extern const struct query query_alert_get;         /* (id) -> message, severity */

#endif
