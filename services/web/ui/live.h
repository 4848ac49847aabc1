/* The stream behind /ui/events: once a second, while somebody listens, it looks at what may have changed and tells all
 * listeners. One look serves everybody, however many pages are open. */
#ifndef LOGIKALD_SERVICES_WEB_UI_LIVE_H
#define LOGIKALD_SERVICES_WEB_UI_LIVE_H

#include "services/web/http/req.h"

/* Event "state": {"revisions": {topic: text}, "runs": [{task_id, scope, current, total, text, state}]}. A revision that
 * differs from the one before says that the topic changed. Topics: intervals logs runs objects queues children
 * stores.
 * Event "alive" comes when there is nothing else to say. */
struct ui_live;
struct ui_live *ui_live_new(struct web *web); /* NULL without memory */
void ui_live_free(struct ui_live *live);      /* NULL is fine */

#endif
