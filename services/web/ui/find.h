/* The table of objects, which the page of directories becomes when something is looked for. */
#ifndef LOGIKALD_SERVICES_WEB_UI_FIND_H
#define LOGIKALD_SERVICES_WEB_UI_FIND_H

#include <stdbool.h>

#include "services/web/http/req.h"

bool ui_find_is_asked(struct req *r); /* by words, kind, state or order */
void ui_find_show(struct req *r);     /* answers */

#endif
