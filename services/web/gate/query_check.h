/* The parameters of a request's query, against what its route says of them. */
#ifndef LOGIKALD_SERVICES_WEB_GATE_QUERY_CHECK_H
#define LOGIKALD_SERVICES_WEB_GATE_QUERY_CHECK_H

#include "services/web/http/req.h"

/* False: the request is answered. Those that are not known are left alone; req_arg says from now on what is taken for
 * one that is left out. */
bool query_check(struct req *r);

#endif
