/* Patterns for ILIKE. */
#ifndef LOGIKALD_SERVICES_WEB_CACHE_LIKE_H
#define LOGIKALD_SERVICES_WEB_CACHE_LIKE_H

#include "services/web/http/req.h"

/* The text found anywhere, with its own wildcards taken literally; lives as long as the request. */
const char *like_pattern(struct req *r, const char *text);

#endif
