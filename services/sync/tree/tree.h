/* The walk through directories and their projects into the stage. */
#ifndef LOGIKALD_SERVICES_SYNC_TREE_TREE_H
#define LOGIKALD_SERVICES_SYNC_TREE_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "services/sync/run/run.h"
#include "services/sync/tree/visited.h"

enum walk_projects { WALK_NO_PROJECTS, WALK_PROJECTS_OF_NEW, WALK_ALL_PROJECTS };

struct walk {
    struct sync_run *run;
    enum walk_projects projects; /* of which directories the projects are listed */
    const char *find;            /* a project's GUID or name: only it is staged */
    const char *find_in;     /* with a name: only in this directory, its identifier or the last part of it; or NULL */
    bool is_search;          /* nothing but the walk is going on, which can end when it has found a GUID */
    bool is_found, is_exact; /* exact: by its GUID, so there is no other one */
    cJSON *candidates;       /* every project that was found by its name; the caller deletes it */
    char found_guid[LOGIKAL_ID_SIZE];
    int64_t found_changed_s;
    struct visited visited;
    char **excluded;
    int excluded_count;
    int64_t listed, submitted;
};

/* From the root down through every directory that is not excluded. */
int walk_tree(struct walk *w, struct err *err);
/* Only the projects of the directories that the database knows. */
int walk_known_directories(struct walk *w, struct err *err);
/* Only the projects of one directory (chain: the identifiers from the root down): submitted here, done by run_jobs,
 * whose outcome goes to walk_finish. */
int walk_directory_begin(struct walk *w, const char *chain, struct err *err);
int walk_finish(struct walk *w, int rc, struct err *err);

#endif
