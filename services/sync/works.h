/* The projects of a plan, several in work at a time. */
#ifndef LOGIKALD_SERVICES_SYNC_WORKS_H
#define LOGIKALD_SERVICES_SYNC_WORKS_H

#include "services/sync/project.h"

/* Works off the plan (store/sync_tree.h) until every project in it was visited: 0, or what ended the run. total is for
 * the progress; with_files: each project's files follow its rows. */
int works_run(struct sync_run *run, int64_t total, bool with_files, const char *doing, struct err *err);

#endif
