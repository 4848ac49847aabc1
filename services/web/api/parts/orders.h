/* What lists of what is ordered and their printed pages have in common. */
#ifndef LOGIKALD_SERVICES_WEB_API_PARTS_ORDERS_H
#define LOGIKALD_SERVICES_WEB_API_PARTS_ORDERS_H

#include "services/web/http/req.h"

/* The project is the path's first parameter. Calls go with a row of query_bom_unread when all its parts lists are read,
 * or incomplete=true was asked for; else answers 404, or 409 with the names of what is missing. r->state stays. */
void order_when_whole(struct req *r, void (*go)(struct req *r, const PGresult *head));

#endif
