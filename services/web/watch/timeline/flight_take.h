/* Moves what the supervisor has recorded in the run directory to PostgreSQL, each event once. Of several web processes
 * each does it; the second changes nothing. */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_TIMELINE_FLIGHT_TAKE_H
#define LOGIKALD_SERVICES_WEB_WATCH_TIMELINE_FLIGHT_TAKE_H

#include "services/web/web.h"

struct flight_take;
struct flight_take *flight_take_new(struct web *web); /* NULL without memory */
void flight_take_free(struct flight_take *t);         /* NULL is fine */

#endif
