/* The dashboard. Statements for pool_query; each answers one row with one column, the JSON that a template sees. All
 * parameters are text, NULL or "" = absent. */
#ifndef LOGIKALD_SERVICES_STORE_UI_UI_OVERVIEW_H
#define LOGIKALD_SERVICES_STORE_UI_UI_OVERVIEW_H

#include "services/store/db/pool.h"

extern const struct query ui_query_counts; /* () object of row counts */
extern const struct query ui_query_hours;  /* () the last 24 h of syncs, with the geometry of their bars */
extern const struct query ui_query_memory; /* () the last 24 h of memory samples, with the points of a curve */
/* () [{name, last, most, since, until, points}]: each process over at most 7 days, the most of each of 168 steps;
 * points of a curve 700 wide and 100 high, whose top is most */
extern const struct query ui_query_memory_week;
extern const struct query ui_query_sample_add;   /* (memory bytes, children) nothing */
extern const struct query ui_query_samples_trim; /* () nothing */

#endif
