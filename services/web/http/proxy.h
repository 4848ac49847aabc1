/* Who is at the other end: the peer's address, or, behind a trusted proxy (TRUSTED_PROXIES), what X-Forwarded-For says.
 * Fills r->address, r->is_https and r->host. X-Forwarded-Proto and X-Forwarded-Host count from trusted proxies only. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_PROXY_H
#define LOGIKALD_SERVICES_WEB_HTTP_PROXY_H

#include "services/web/http/req.h"

void proxy_read(struct req *r);

#endif
