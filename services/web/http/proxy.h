/* Who is at the other end: the peer's address, or, behind a trusted proxy (TRUSTED_PROXIES), what X-Forwarded-For says.
 * Fills r->address and r->is_https. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_PROXY_H
#define LOGIKALD_SERVICES_WEB_HTTP_PROXY_H

#include "services/web/http/req.h"

void proxy_read(struct req *r);
/* True when address lies in the comma separated list of addresses and networks (CIDR). */
bool proxy_is_listed(const char *list, const char *address);

#endif
