/* Parts lists that wait to be read, or were. Statements for pool_query; all parameters
 * are text, NULL = absent. Those marked JSON answer one row with one column, the document ready to be sent. */
#ifndef LOGIKALD_SERVICES_STORE_WEB_PARTS_PARSING_QUEUE_READ_H
#define LOGIKALD_SERVICES_STORE_WEB_PARTS_PARSING_QUEUE_READ_H

#include "services/store/db/pool.h"

extern const struct query query_parsing_wanted;    /* () JSON list */
extern const struct query query_parsing_completed; /* () JSON */
extern const struct query query_parsing_clear;     /* () JSON */
extern const struct query query_parsing_counts;    /* () JSON */

#endif
