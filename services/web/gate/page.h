/* Pages of the admin UI. To add one:
 *   1. assets/html/NAME.html, a template (ui_template.h tells the marks).
 *   2. Behaviour and looks: files under assets/, linked as {{asset ui/NAME.js}}. The content security policy forbids
 *      inline script and style, and anything from other servers.
 *   3. A row in routes.def: R(GET, "/ui/NAME", PAGE, PACED, ui_NAME, "", "", "html", "..."), and its handler
 *      void web_ui_NAME(struct req *r), which collects the first content and calls page_reply; when that is one
 * statement that answers JSON, page_query. Statements stand in services/store/ as struct query (reads.h).
 *   4. Data and actions are rows of their own under /api/v1/admin/ (ADMIN or ADMIN_READ), answering JSON. A change sent
 *      with the session's cookie needs the header X-CSRF-Token (or the form field csrf_token).
 * Live updates: sse.h. */
#ifndef LOGIKALD_SERVICES_WEB_GATE_PAGE_H
#define LOGIKALD_SERVICES_WEB_GATE_PAGE_H

#include <cjson/cJSON.h>

#include "services/store/pool.h"
#include "services/web/http/req.h"

/* Renders html/TEMPLATE.html. values is taken (NULL = none) and gets: title, path, user, csrf, version, is_admin. */
void page_reply(struct req *r, int status, const char *template, const char *title, cJSON *values);

/* Runs a statement that answers one JSON document, and renders it: the template finds it under "data". */
void page_query(struct req *r, const struct query *q, int n, const char *const *values, const char *template,
                const char *title);

/* For a refusal on the way to a page, when a browser asks: answers with a page that says why, and is true. A 503 page
 * asks again by itself. Otherwise false, and nothing is answered. */
bool page_refuse(struct req *r, int status, const char *text);

#endif
