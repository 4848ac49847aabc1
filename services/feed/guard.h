/* Which addresses an endpoint may have. Whoever may register a webhook names a URL that this machine then calls:
 * without a guard that would reach what only this machine can (server-side request forgery). So only addresses of the
 * public Internet are called, over https; others, and http, only in networks that the settings name. The check is on
 * the address that is really connected to, so that no answer of the DNS comes between. */
#ifndef LOGIKALD_SERVICES_FEED_GUARD_H
#define LOGIKALD_SERVICES_FEED_GUARD_H

#include <stdbool.h>

#include "conf/text/address.h"

/* NULL: may be connected to. Else why not, static text. allowed: networks (CIDR) split by commas. */
const char *guard_refuses(const struct address *a, bool is_https, const char *allowed);

#endif
