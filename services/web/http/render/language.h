/* The language of a page: what ?lang= says, which is remembered in a cookie; else that cookie; else what the browser
 * prefers (Accept-Language); else English. */
#ifndef LOGIKALD_SERVICES_WEB_HTTP_RENDER_LANGUAGE_H
#define LOGIKALD_SERVICES_WEB_HTTP_RENDER_LANGUAGE_H

#include <cjson/cJSON.h>

#include "conf/text/buf.h"
#include "conf/err.h"
#include "services/web/http/req.h"

const char *language_of(struct req *r); /* "en", "de" ...; one that phrase_knows */

/* Of an Accept-Language: the first of those with the greatest weight that there is a catalogue of; false: none. */
#define LANGUAGE_SIZE 3
bool language_preferred(const char *accept_language, char name[LANGUAGE_SIZE]);

/* Renders a template in the language of the request; data gets what links to another one need. The answer says in which
 * language it is. 0, or a negative error. A page that is sent in parts is rendered by several calls. */
int language_render(struct req *r, struct buf *out, const char *template, cJSON *data, struct err *err);

#endif
