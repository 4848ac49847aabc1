/* The history of tasks, for the API and the pages. Statements for pool_query; each answers one row with one column, the
 * JSON. All parameters are text; NULL or "" = absent. */
#ifndef LOGIKALD_SERVICES_STORE_WEB_WATCH_HISTORY_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_WATCH_HISTORY_READ_H

#include "services/store/db/pool.h"

/* (name, state, queue, since, until, text, before, limit): {tasks, next, lost}. name: a part of it; before: next of the
 * page before. lost: how many tasks could not be written, and when. */
extern const struct query query_history_list;
bool history_is_cursor(const char *text);      /* next of a page? */
extern const struct query query_history_task;  /* (id): {task, tries, family, runs}; no row when it is not there */
extern const struct query query_history_again; /* (id) -> name, queue, args, kwargs, arguments, root id; or no row */

#endif
