/* Whether a request comes from our own pages, or from no page at all. */
#ifndef LOGIKALD_SERVICES_WEB_GATE_ORIGIN_ORIGIN_H
#define LOGIKALD_SERVICES_WEB_GATE_ORIGIN_ORIGIN_H

#include "services/web/http/req.h"

/* False when a browser says that another site's page sent it (Origin, Sec-Fetch-Site). Programs that are no browsers
 * say neither, and are taken for our own. */
bool origin_is_own(const struct req *r);

#endif
