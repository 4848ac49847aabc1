/* A sync of the tree, for the object types whose turn it is: directories, projects, then the rows of each project that
 * moved, then the files that are missing. */
#ifndef LOGIKALD_SERVICES_SYNC_FULL_H
#define LOGIKALD_SERVICES_SYNC_FULL_H

#include "services/store/sync/staging/sync_tree.h"
#include "services/sync/run/run.h"

struct tree_types {
    bool directories, projects, files;
    bool projects_follow;    /* a new directory brings its projects along */
    struct tree_wants wants; /* phases and elevations */
};

/* The same once more, but for what has not moved meanwhile: a vanish_elsewhere_fn, of struct tree_types, or of NULL,
 * which is all of them. Without files. */
int sync_elsewhere(struct sync_run *run, const void *types, struct err *err);

/* 0, or what ended it; what was stored until then stays. run->counts tells what was done. */
int sync_tree(struct sync_run *run, const struct tree_types *types, struct err *err);

#endif
