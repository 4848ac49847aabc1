/* The answers that an operation can give, for /openapi.json: what it is for, and every refusal. */
#ifndef LOGIKALD_SERVICES_WEB_GATE_OPENAPI_OPENAPI_ANSWERS_H
#define LOGIKALD_SERVICES_WEB_GATE_OPENAPI_OPENAPI_ANSWERS_H

#include <cjson/cJSON.h>

#include "services/web/gate/route.h"

void openapi_add_answers(cJSON *operation, const struct route *t);
void openapi_add_shared_answers(cJSON *components); /* what the former refer to */

#endif
