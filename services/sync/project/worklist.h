/* Working off a run's plan: several projects at once on the sessions of this process, and, where there are other
 * workers, together with them. The one who leads publishes the list and asks for help; a helper takes projects from the
 * same list and does the same with them. */
#ifndef LOGIKALD_SERVICES_SYNC_PROJECT_WORKLIST_H
#define LOGIKALD_SERVICES_SYNC_PROJECT_WORKLIST_H

#include "services/sync/run/run.h"

/* Visits every project of the plan (total of them; with their files?): 0, or what ended it. Ends when the helpers are
 * through with theirs, too; run->counts has what all have done. */
int worklist_run(struct sync_run *run, int64_t total, bool with_files, const char *doing, struct err *err);
/* Takes part in another run (run->helps), as long as it has projects that nobody works on. */
int worklist_help(struct sync_run *run, int64_t *projects, struct err *err);

#endif
