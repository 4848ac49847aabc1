/* Parts lists for readers: what an elevation's file holds, its rows, its bytes, its versions. Statements for
 * pool_query; all parameters are text. Those marked JSON answer one row with one column, the document ready to be sent.
 */
#ifndef LOGIKALD_SERVICES_STORE_WEB_PARTS_PARTS_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_PARTS_PARTS_READ_H

#include "services/store/db/pool.h"

#define PARTS_BATCH_LINES "12000" /* of lists that one statement brings together: some megabytes */

/* (elevation): state (parts_states), error, sha256, size of the file, elevation's name, mark (parts_sql.h); no row:
 * there is no elevation */
extern const struct query query_parts_state;
/* (elevation, table): the table's name as the file has it, its kind (NULL = not among the stored lines), rows */
extern const struct query query_parts_table;
extern const struct query query_parts_tables;        /* (elevation) JSON, and the mark of the same moment */
extern const struct query query_parts_versions;      /* (elevation) JSON, and the mark of the same moment */
extern const struct query query_parts_versions_mark; /* (elevation): the mark of all its versions; no row as above */
extern const struct query query_parts_rows;  /* (after line, limit, ELEVATION/NUMBER/MARK, table): as LIST_MORE_SQL */
extern const struct query query_parts_frame; /* (sha256, n): a frame of the file, its size in the file; binary */
/* (JSON list of ids, first, limit): a line (JSON) for each of them, fewer when they are large, at least one */
extern const struct query query_parts_batch;

#endif
