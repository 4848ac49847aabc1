/* Gives back, in a lull, what a role's start and its busy times have needed and idling does not: see
 * conf/machine/trim.h. */
#ifndef LOGIKALD_SERVICES_LULL_H
#define LOGIKALD_SERVICES_LULL_H

#include <event2/event.h>

struct lull;

/* Looks by itself, the first time shortly after the start; lull_free before the base. NULL without memory, which is
 * nothing to fail for. Neither blocks. */
struct lull *lull_new(struct event_base *base);
void lull_free(struct lull *lull); /* NULL: nothing */

#endif
