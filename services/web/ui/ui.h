/* What the admin pages do while nobody asks: the stream of changes, a memory sample a minute, the log of actions. */
#ifndef LOGIKALD_SERVICES_WEB_UI_UI_H
#define LOGIKALD_SERVICES_WEB_UI_UI_H

#include "services/web/http/req.h"

struct ui;
struct ui *ui_new(struct web *web); /* NULL without memory */
void ui_free(struct ui *ui);        /* after server, queue and pool; NULL is fine */

/* At the end of a request: notes what an administrator changed, or tried to. */
void ui_action_record(const struct req *r);

#endif
