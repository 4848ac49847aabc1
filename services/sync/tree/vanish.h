/* The end of a run's rows: what its listings have left out is marked as gone when that is believable. What is not (see
 * vanish_rule.h), and what empties a place, is listed a second time by fresh sessions before; what is still too much
 * then is held: it stays as it is until it returns, or an administrator decides. What is believed is looked for in all
 * other places before it is marked. */
#ifndef LOGIKALD_SERVICES_SYNC_TREE_VANISH_H
#define LOGIKALD_SERVICES_SYNC_TREE_VANISH_H

#include <stdbool.h>

#include "services/sync/run/run.h"

/* Looks through the tree once more, before anything is marked: what has moved while it was listed was in neither of the
 * two lists. 0, or what ended it. */
typedef int (*vanish_elsewhere_fn)(struct sync_run *run, const void *arg, struct err *err);

/* Needs a connected run without open jobs. is_all: the run speaks for the whole tree, and judges also what other runs
 * that have ended have left; else only what it has found itself. 0, or what ended it. */
int vanish_judge(struct sync_run *run, bool is_all, vanish_elsewhere_fn elsewhere, const void *arg, struct err *err);

#endif
