/* The statements of the admin pages, for pool_query. Each answers one row with one column, the JSON that a template
 * sees. Parameters are listed in order; all are text, NULL or "" = absent. */
#ifndef LOGIKALD_SERVICES_STORE_UI_UI_QUERIES_H
#define LOGIKALD_SERVICES_STORE_UI_UI_QUERIES_H

#include "services/store/pool.h"

/* ---- ui_intervals.c: object types and their freshness ---- */
extern const struct query ui_query_intervals;      /* () list */
extern const struct query ui_query_interval_types; /* () list of object types */

/* ---- ui_overview.c: the dashboard ---- */
extern const struct query ui_query_counts;       /* () object of row counts */
extern const struct query ui_query_hours;        /* () the last 24 h of syncs, with the geometry of their bars */
extern const struct query ui_query_memory;       /* () the last 24 h of memory samples, with the points of a curve */
extern const struct query ui_query_sample_add;   /* (memory bytes, children) nothing */
extern const struct query ui_query_samples_trim; /* () nothing */

/* ---- ui_live.c: what changed ---- */
extern const struct query ui_query_live; /* () revisions and running syncs */

/* ---- ui_logs.c: sync logs and runs ---- */
extern const struct query ui_query_logs;      /* (type, status, since, until, before id, limit) list */
extern const struct query ui_query_log_types; /* () list of words */
extern const struct query ui_query_logs_csv;  /* (type, status, since, until) text of at most 10 000 lines */
extern const struct query ui_query_logs_json; /* (type, status, since, until) list, as many */
extern const struct query ui_query_runs;      /* (state, text, limit) list of sync runs */
extern const struct query ui_query_run;       /* (task id) its runs and log lines */

/* ---- ui_browse.c: what is stored ---- */
extern const struct query ui_query_tree;      /* (directory id) the tree's open part, and what lies in it */
extern const struct query ui_query_search;    /* (text, limit) list of directories, projects, phases, elevations */
extern const struct query ui_query_project;   /* (id) project with phases and elevations */
extern const struct query ui_query_elevation; /* (id) elevation with glass, files, parsing errors */
extern const struct query ui_query_parts;     /* (id) binary: the parts list, a SQLite file */

/* ---- ui_actions.c: who changed what ---- */
extern const struct query ui_query_clients;    /* () list */
extern const struct query ui_query_action_add; /* (actor, address, method, path, status, request id, detail) nothing */
extern const struct query ui_query_actions;    /* (before id, limit) list */

#endif
