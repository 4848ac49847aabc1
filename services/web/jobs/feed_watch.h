/* Webhooks that nobody delivers to: in flag-off mode, after a task in a child of this process, and when all runners are
 * busy. Looks from time to time whether something is due that no deliverer has begun with, and then runs the task in a
 * child of its own. */
#ifndef LOGIKALD_SERVICES_WEB_JOBS_FEED_WATCH_H
#define LOGIKALD_SERVICES_WEB_JOBS_FEED_WATCH_H

#include "services/web/web.h"

struct feed_watch;

struct feed_watch *feed_watch_new(struct web *web); /* NULL without memory */
void feed_watch_free(struct feed_watch *w);
/* Something was written: looks at once, and delivers unless a deliverer has begun in this very second. */
void feed_watch_look(struct feed_watch *w);
/* The same through the queue, where a worker serves it. */
void feed_watch_send(struct feed_watch *w);

#endif
