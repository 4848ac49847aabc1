/* The statements of the web process, for pool_query. Those whose comment says JSON answer one row with one column: the
 * document, ready to be sent (NULL or no row: not found). Parameters are listed in order; all are text, NULL = absent.
 */
#ifndef LOGIKALD_SERVICES_STORE_WEB_READS_H
#define LOGIKALD_SERVICES_STORE_WEB_READS_H

#include "services/store/pool.h"

/* ---- access_read.c ---- */
extern const struct query query_table_versions;   /* () -> rows name, version, number of slots */
extern const struct query query_versions_gather;  /* () */
extern const struct query query_client_identity;  /* (client_id) -> permissions, rate_limit_per_hour, token_version */
extern const struct query query_session_identity; /* (id) -> username, expires_at, seconds left */
extern const struct query query_session_add;      /* (id, username, address, hours) -> expires_at */
extern const struct query query_session_drop;     /* (id) */
extern const struct query query_web_key;          /* (a fresh key) -> the key of the client tokens */

/* ---- clients_read.c ---- */
extern const struct query query_client_secret;   /* (client_id) -> hash, name, permissions, rate_limit, token_version */
extern const struct query query_client_used;     /* (client_id) */
extern const struct query query_client_rehashed; /* (client_id, hash) */
extern const struct query query_client_me;       /* (client_id) JSON */
extern const struct query query_client_add;      /* (client_id, hash, name, description, permissions, rate) JSON */
extern const struct query query_client_new_secret; /* (client_id, hash) -> client_id */
extern const struct query query_client_change;     /* (client_id, name, description, permissions, rate, active) JSON */
extern const struct query query_client_list;       /* () JSON */
extern const struct query query_client_page;       /* (offset, limit, active only) JSON */
extern const struct query query_client_get;        /* (client_id) JSON */
extern const struct query query_client_delete;     /* (client_id) JSON */

/* ---- directories_read.c: pages as list_sql.h tells ---- */
extern const struct query query_directories_page;
extern const struct query query_directories_syncable;
extern const struct query query_directory_get;       /* (logikal_id, path or id) JSON */
extern const struct query query_directory_exclude;   /* (id, boolean) JSON */
extern const struct query query_directories_exclude; /* (JSON list of ids, boolean) JSON */

/* ---- objects_read.c ---- */
extern const struct query query_projects_page, query_projects_of_directory;
extern const struct query query_project_get; /* (logikal_id or id) JSON */
extern const struct query query_phases_page, query_phases_of_project;
extern const struct query query_elevations_page, query_elevations_of_phase;
extern const struct query query_elevation_get;        /* (id) JSON */
extern const struct query query_elevation_enrichment; /* (id) JSON */
extern const struct query query_enrichment_status;    /* () JSON */
extern const struct query query_elevation_image;      /* (logikal_id or id) -> bytes, type, hash; binary */

/* ---- odoo_read.c ---- */
extern const struct query query_odoo_projects;   /* (client_id) JSON */
extern const struct query query_odoo_project;    /* (project) JSON */
extern const struct query query_odoo_complete;   /* (project) JSON */
extern const struct query query_odoo_phases;     /* (project) JSON */
extern const struct query query_odoo_elevations; /* (project, phase) JSON */
extern const struct query query_odoo_search;     /* (text, pattern) JSON */
extern const struct query query_odoo_stats;      /* () JSON */

/* ---- odoo_stream_read.c ---- */
extern const struct query query_odoo_stream_project; /* (project) -> id, project, {created_at}, {project_name, _id} */
extern const struct query query_odoo_stream_phase; /* (id, after phase, limit) -> id, phase, {created_at}, short phase,
                                                      and a piece: count, last id, rows */
extern const struct query query_odoo_stream_elevations; /* (phase id, after, limit) -> a piece */
extern const struct query query_odoo_stream_place;      /* (project, phase) -> phase id */

/* ---- intervals_read.c ---- */
extern const struct query query_intervals_list; /* () JSON list */
extern const struct query query_retry_limits;   /* () most tries, longest delay (s) of the enabled types */
extern const struct query query_intervals_get;  /* (object_type) JSON */

/* ---- intervals_write.c; the twelve values are those of the API, in its order, after the object type ---- */
extern const struct query
    query_interval_problem;                   /* (object_type, JSON list) -> what is wrong with depends_on, or NULL */
extern const struct query query_interval_add; /* (object_type, ...) JSON */
extern const struct query query_interval_change;   /* (object_type, ...) JSON */
extern const struct query query_interval_delete;   /* (object_type) JSON */
extern const struct query query_interval_toggle;   /* (object_type) JSON */
extern const struct query query_intervals_order;   /* () JSON list */
extern const struct query query_intervals_summary; /* () JSON */
extern const struct query query_intervals_reset;   /* () JSON */

/* ---- sync_state_read.c ---- */
extern const struct query query_sync_state;           /* () JSON */
extern const struct query query_project_sync_status;  /* (project) JSON */
extern const struct query query_sync_summary;         /* () JSON */
extern const struct query query_project_mark_updated; /* (project, time or NULL) JSON */
extern const struct query query_task_run; /* (task_id) -> state, current, total, status, result, finished_at */

/* ---- checks_read.c ---- */
extern const struct query query_check_project;     /* (project) JSON */
extern const struct query query_partial_failures;  /* (project) JSON */
extern const struct query query_repair_project;    /* (project) JSON; changes rows */
extern const struct query query_integrity_report;  /* (project or NULL) JSON */
extern const struct query query_stale_objects;     /* (object_type) JSON */
extern const struct query query_phase_constraints; /* () JSON */

/* ---- reports_read.c ---- */
extern const struct query query_performance;       /* (hours) JSON */
extern const struct query query_project_metrics;   /* (hours, project) JSON */
extern const struct query query_efficiency;        /* () JSON */
extern const struct query query_advanced_status;   /* () JSON */
extern const struct query query_alerts;            /* (severity or NULL) JSON list */
extern const struct query query_alert_history;     /* (hours, severity or NULL) JSON */
extern const struct query query_alert_create;      /* (id, type, severity, message, details, requires_action) JSON */
extern const struct query query_alert_acknowledge; /* (id, by, notes) JSON */
extern const struct query query_alert_get;         /* (id) -> message, severity */

/* ---- explorer_read.c ---- */
extern const struct query query_elevation_detail;     /* (id) JSON */
extern const struct query query_elevation_tree;       /* (text or NULL, pattern) JSON */
extern const struct query query_elevation_search;     /* (pattern, text, limit) JSON */
extern const struct query query_projects_of_objects;  /* (object_type, JSON list of ids) JSON list */
extern const struct query query_parsing_wanted;       /* () JSON list */
extern const struct query query_parsing_completed;    /* () JSON */
extern const struct query query_parsing_clear;        /* () JSON */
extern const struct query query_parsing_counts;       /* () JSON */
extern const struct query query_phase_constraint_fix; /* () */
extern const struct query query_upstream_token_add;   /* (hash, username, base_url, minutes) -> expires_at */
extern const struct query query_upstream_token_get;   /* (hash) -> username, expires_at */
extern const struct query query_upstream_token_drop;  /* (hash) JSON */

/* ---- metrics_read.c ---- */
extern const struct query query_metrics; /* () -> rows metric, label 1, label 2, value */

/* ---- health_read.c ---- */
extern const struct query query_ping;           /* () -> 1 */
extern const struct query query_has_migrations; /* () -> whether there is a table of them */
extern const struct query query_migrations; /* (our names) -> how many are missing, how many newer, the first missing */

#endif
