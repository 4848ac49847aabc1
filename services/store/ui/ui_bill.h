/* What an elevation's page shows of its parts list: the bill of materials in tables of text, and all tables of the
 * file. */
#ifndef LOGIKALD_SERVICES_STORE_UI_UI_BILL_H
#define LOGIKALD_SERVICES_STORE_UI_UI_BILL_H

#include "services/store/db/pool.h"

/* (elevation): {"version", "times", "groups": [{"title", "count", "more", "columns", "rows": [{"cells"}]}], "tables":
 * [{"name", "rows", "path"}], "more_tables"}, more: so many are not among the rows; no row while the list is not read.
 */
extern const struct query ui_query_bill;

#endif
