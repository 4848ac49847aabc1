/* Telling of problems: who tells, what was told, what is silenced. Statements for pool_query. */
#ifndef LOGIKALD_SERVICES_STORE_WEB_WATCH_ALERTS_SQL_H
#define LOGIKALD_SERVICES_STORE_WEB_WATCH_ALERTS_SQL_H

#include "services/store/db/pool.h"

/* (key, severity, cause, first at, seconds after which it is told again, the problem as JSON, JSON list of channels) ->
 * "problem" or "again": a message for each channel waits from now on; "told": somebody has; "silenced". */
extern const struct query query_alert_claim;
extern const struct query query_alert_over; /* (key, JSON list of channels) -> a row when messages wait from now on */
/* (ids of those that the caller sends, which it goes on to hold, as an array) -> id, channel, kind, problem: of those
 * that wait the ones that the caller is to send. */
extern const struct query query_alert_take;
extern const struct query query_alert_orphans; /* (JSON list of the keys there are) -> keys told that nobody sees now */
extern const struct query query_alert_note;    /* (kind, key, text, channel, error or NULL, id or NULL) -> nothing */
/* JSON */
extern const struct query query_alerts_open;    /* () -> problems that were told and are not over, by key */
extern const struct query query_alert_log;      /* (limit) -> what was told, the newest first */
extern const struct query query_silences;       /* () -> those in force */
extern const struct query query_silence_add;    /* (key, minutes, reason, by) -> the silence */
extern const struct query query_silence_remove; /* (id) -> the silence */

#endif
