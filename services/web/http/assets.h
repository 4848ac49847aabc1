/* Static files, embedded at build time: every file under services/web/ui/assets but the templates (html/) is served at
 * /assets/HASH/PATH for ever (the hash is of its content; templates write {{asset PATH}}), and at /assets/PATH with an
 * ETag. A file whose name ends with .gz is sent as what it holds, compressed. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_ASSETS_H
#define LOGIKALD_SERVICES_WEB_HTTP_ASSETS_H

#include "services/web/gate/handlers.h"

/* handler: web_asset */

#endif
