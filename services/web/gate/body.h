/* The body of a request: read as what it says it is, and checked against the schema of its operation. */
#ifndef LOGIKALD_SERVICES_WEB_GATE_BODY_H
#define LOGIKALD_SERVICES_WEB_GATE_BODY_H

#include "services/web/http/req.h"

/* Fills r->body. False: it is refused, and answered (415, 422). */
bool body_check(struct req *r);

#endif
