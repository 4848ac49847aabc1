/* What children that are gone have left behind: processes that went out of their group, have lost their parent, and
 * carry the mark of a start that is over. They are ended and told of, since they hold what the next start needs. What a
 * one-shot leaves that has done its work was meant to be left: it is told of once, and ended with the next start. */
#ifndef LOGIKALD_SUPERVISOR_CHILD_STRAYS_H
#define LOGIKALD_SUPERVISOR_CHILD_STRAYS_H

#include "supervisor/supervisor.h"

void strays_sweep(struct supervisor *s); /* now and then, and whenever a child has ended */

#endif
