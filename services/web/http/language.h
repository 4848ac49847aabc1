/* The language of a page: what ?lang= says, which is remembered in a cookie; else that cookie; else what the browser
 * prefers (Accept-Language); else English. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_LANGUAGE_H
#define LOGIKALD_SERVICES_WEB_HTTP_LANGUAGE_H

#include <cjson/cJSON.h>

#include "conf/buf.h"
#include "conf/err.h"
#include "services/web/http/req.h"

const char *language_of(struct req *r); /* "en", "de" ...; one that phrase_knows */

/* The first that there is, of those with the greatest weight; NULL: none. */
const char *language_preferred(struct req *r, const char *accept_language);

/* Renders a template in the language of the request; data gets what links to another one need. The answer says in which
 * language it is. 0, or a negative error. A page that is sent in parts is rendered by several calls. */
int language_render(struct req *r, struct buf *out, const char *template, cJSON *data, struct err *err);

#endif
