/* The children as a whole: who may start, who may stop, who replaces whom. */
#ifndef LOGIKALD_SUPERVISOR_CHILD_CHILDREN_H
#define LOGIKALD_SUPERVISOR_CHILD_CHILDREN_H

#include "supervisor/supervisor.h"

struct child *children_by_pid(struct supervisor *s, pid_t pid);
/* The next child after `after` (NULL = from the first) that `name` means: its name ("worker.0"), its role ("worker")
 * for all of them, or CHILDREN_ALL. NULL when there is none. */
#define CHILDREN_ALL "all"
struct child *children_match(struct supervisor *s, const char *name, struct child *after);

/* Of a child that depends on d: true when d does not hold it up. */
bool child_is_served_by(const struct child *c, const struct child *d);

/* Makes the children of the plan that are missing, and lets go of those that are not in it any more. */
void children_follow_plan(struct supervisor *s);

/* Starts who has all it depends on, hands over from old to new, stops in order, forgets who has left. Runs at the end
 * of the loop's turn, as often as something changed. */
void children_settle(struct supervisor *s);
void children_settle_soon(struct supervisor *s);

#endif
