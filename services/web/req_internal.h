/* Between req.c and route.c. */
#ifndef LOGIKALD_SERVICES_WEB_REQ_INTERNAL_H
#define LOGIKALD_SERVICES_WEB_REQ_INTERNAL_H

#include "services/web/req.h"

/* Percent-decodes len bytes; false when the result is not UTF-8 or holds a NUL. */
bool req_decode(struct req *r, const char *encoded, size_t len, char **out);

#endif
