/* Directories. Statements for pool_query; all parameters are text, NULL = absent. Those marked JSON answer one row with
 * one column, the document ready to be sent (NULL or no row: not found). Pages as list_sql.h tells. */
#ifndef LOGIKALD_SERVICES_STORE_WEB_DIRECTORIES_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_DIRECTORIES_READ_H

#include "services/store/db/pool.h"

extern const struct query query_directories_page;
extern const struct query query_directories_syncable;
extern const struct query query_directories_more, query_directories_syncable_more; /* list_sql.h */
extern const struct query query_directory_get;                                     /* (logikal_id, path or id) JSON */
extern const struct query query_directory_exclude;                                 /* (id, boolean) JSON */
extern const struct query query_directories_exclude; /* (JSON list of ids, boolean) JSON */

#endif
