/* Pages that need nothing but a template: login and documentation, and refusals on the way to any page. The pages of
 * the admin UI are made by services/web/ui/page.h; docs/ui.md tells how to add one. */
#ifndef LOGIKALD_SERVICES_WEB_GATE_PAGE_H
#define LOGIKALD_SERVICES_WEB_GATE_PAGE_H

#include <cjson/cJSON.h>

#include "services/web/http/req.h"

/* Renders html/TEMPLATE.html. values is taken (NULL = none) and gets: title, path, user, csrf, version, is_admin. */
void page_reply(struct req *r, int status, const char *template, const char *title, cJSON *values);

/* For a refusal on the way to a page, when a browser asks: answers with a page that says why, and is true. A 503 page
 * asks again by itself. Otherwise false, and nothing is answered. */
bool page_refuse(struct req *r, int status, const char *text);

#endif
