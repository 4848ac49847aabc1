/* Bills of materials: what parts lists add up to, what became another between two of them, and what is ordered from
 * them. Statements for pool_query; all parameters are text, NULL = absent; projects by Logikal's id or ours. Those
 * marked JSON answer one row with one column, the document ready to be sent, NULL or no row when there is no such
 * object. */
#ifndef LOGIKALD_SERVICES_STORE_WEB_PARTS_BOM_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_PARTS_BOM_READ_H

#include "services/store/db/pool.h"

extern const struct query query_bom_elevation; /* (elevation) JSON */
/* (phase, project; name to keep it under; kin of which the newest few are kept, or ""): the document, or NULL: it is
 * large, and kept under its mark; its mark; why it is not kept, or NULL */
extern const struct query query_bom_phase;
extern const struct query query_bom_project;
extern const struct query query_bom_project_diff; /* the same with from, and to or NULL */
extern const struct query query_bill_kept;        /* (name, mark): its bytes; no row: it is not kept */
extern const struct query query_bill_piece;       /* (name, mark, place): BILL_PIECE bytes from there on, or the rest */
#define BILL_PIECE     262144
#define BILL_PIECE_SQL "262144"

extern const struct query query_bom_phase_mark;   /* (phase): its mark (parts_sql.h), its id; no row: no such phase */
extern const struct query query_bom_project_mark; /* (project) likewise */
extern const struct query query_bom_project_diff_mark;

/* (elevation, from or NULL, to or NULL): are both read, the difference (JSON), the elevation's name, state and error
 * (parts_states), the numbers of those that are not read, the mark of the same moment; no row: no such versions */
extern const struct query query_bom_diff;
/* The same parameters, where there is no row: how many versions are kept, the first and the last number, is one of them
 * present, are from and to among them (or absent) */
extern const struct query query_bom_diff_lacks;

/* (project): how many elevations' parts lists are not read, the first of them by name, the mark (parts_sql.h), what
 * stands at the head of an order (JSON: project, job, offer, person, at), and of those still to come, failed, refused,
 * not the newest: how many and the first one's id; no row: no such project */
extern const struct query query_bom_unread;
/* (after, limit, project, mark of query_bom_unread): as LIST_MORE_SQL, 'c' when that is not the mark any more */
extern const struct query query_glass_order;
extern const struct query query_cutting_list;
extern const struct query query_stock_list;

#endif
