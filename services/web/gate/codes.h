/* The codes by which clients know a refusal (codes.def), put in place of its text. */
#ifndef LOGIKALD_SERVICES_WEB_GATE_CODES_H
#define LOGIKALD_SERVICES_WEB_GATE_CODES_H

#include <cjson/cJSON.h>

#include "services/web/http/req.h"

/* For the server's hook: true when the table has the refusal, which then is answered. */
bool codes_refuse(struct req *r, int status, const char *text);
bool codes_has(const struct req *r, int status); /* the table knows refusals of r's operation with this status */
/* What stands under "detail" of such an answer; text where the table has nothing of it. */
cJSON *codes_detail(struct req *r, int status, const char *text);

#endif
