/* Cross-origin requests from the origins of CORS_ORIGINS. Cookies are never allowed across origins. */
#ifndef LOGIKALD_SERVICES_WEB_GATE_ORIGIN_CORS_H
#define LOGIKALD_SERVICES_WEB_GATE_ORIGIN_CORS_H

#include "services/web/http/req.h"

void cors_headers(struct req *r); /* on every answer */
/* Answers OPTIONS; allow: the methods of the path. */
void cors_preflight(struct req *r, const char *allow);

#endif
