/* The handlers of the route table, one for each row R of routes.def: void web_NAME(struct req *r). */
#ifndef LOGIKALD_SERVICES_WEB_GATE_HANDLERS_H
#define LOGIKALD_SERVICES_WEB_GATE_HANDLERS_H

#include "services/web/http/req.h"

#define R(method, path, access, limits, handler, query, body, response, summary) void web_##handler(struct req *r);
#define RS(method, path, access, limits, id, handler, query, body, response, summary)
#include "services/web/gate/routes.def"
#undef R
#undef RS

#endif
