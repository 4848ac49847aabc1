/* Keeps from when to when something was wrong: problems of the verdict that last become rows of problem_episodes. While
 * PostgreSQL is away they wait here, so that this, too, is told afterwards. */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_ALARMS_EPISODES_H
#define LOGIKALD_SERVICES_WEB_WATCH_ALARMS_EPISODES_H

#include "services/web/web.h"

struct episodes;
struct episodes *episodes_new(struct web *web); /* NULL without memory */
void episodes_free(struct episodes *e);         /* NULL is fine */

#endif
