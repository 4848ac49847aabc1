/* How much of a parts list a page shows: the API has all of it. */
#ifndef LOGIKALD_SERVICES_STORE_UI_UI_LINES_H
#define LOGIKALD_SERVICES_STORE_UI_UI_LINES_H

#define UI_LINES  "500" /* of each table */
#define UI_CUT(x) "CASE WHEN length(" x ") > 1000 THEN left(" x ", 1000) || '…' ELSE " x " END"

#endif
