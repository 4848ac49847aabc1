/* Telling of problems: who tells, what was told, what is silenced. Statements for pool_query. */
#ifndef LOGIKALD_SERVICES_STORE_WEB_ALERTS_SQL_H
#define LOGIKALD_SERVICES_STORE_WEB_ALERTS_SQL_H

#include "services/store/pool.h"

/* (key, severity, cause, first at, seconds after which it is told again) -> "problem" or "again": it is the caller's to
 * tell; "told": somebody has; "silenced". */
extern const struct query query_alert_claim;
extern const struct query query_alert_over;    /* (key) -> the cause, when it is the caller's to tell that it is over */
extern const struct query query_alert_orphans; /* (JSON list of the keys there are) -> keys told that nobody sees now */
extern const struct query query_alert_note;    /* (kind, key, text, channel, error or NULL) -> nothing */
/* JSON */
extern const struct query query_alerts_open;    /* () -> problems that were told and are not over, by key */
extern const struct query query_alert_log;      /* (limit) -> what was told, the newest first */
extern const struct query query_silences;       /* () -> those in force */
extern const struct query query_silence_add;    /* (key, minutes, reason, by) -> the silence */
extern const struct query query_silence_remove; /* (id) -> the silence */

#endif
