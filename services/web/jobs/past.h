/* Tasks that web has run in children of its own, for the history that workers write of theirs. */
#ifndef LOGIKALD_SERVICES_WEB_JOBS_PAST_H
#define LOGIKALD_SERVICES_WEB_JOBS_PAST_H

#include "services/web/jobs/actions.h"

/* The action has ended: state as in task_history, error NULL when it succeeded. What PostgreSQL does not take now is
 * lost, and the log says so. */
void past_note(struct web *web, const struct action *a, const char *queue, const char *state, const char *error,
               int64_t run_us);

#endif
