/* Applying the upper part of the upstream's tree, directories and projects, from the stage; and planning from it which
 * projects are to be visited. Set-based; each apply is one transaction, guarded by the lease of the run. */
#ifndef LOGIKALD_SERVICES_STORE_SYNC_STAGING_SYNC_TREE_H
#define LOGIKALD_SERVICES_STORE_SYNC_STAGING_SYNC_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <libpq-fe.h>

#include "conf/err.h"

struct db;
struct lease;
struct stage;

struct apply_counts {
    int64_t seen, written;
    int64_t refused;  /* by PostgreSQL, each told */
    int64_t withheld; /* unknown ones in the place of known ones: not stored, see sync_exchange.h */
    int64_t missing;  /* living rows that a whole listing did not show: noted in sync_missing */
};

/* Remembers that a directory's children ('d') or projects ('p') were listed completely; identifier NULL = the root. */
int tree_mark_listed(const struct stage *stage, char kind, const char *identifier, struct err *err);
int tree_forget_listed(const struct stage *stage, struct err *err);

/* Directories of the stage are inserted, changed, un-marked; those whose parent was listed whole and that were not seen
 * are noted as missing, for sync_missing.h to judge. run: its id. */
int tree_apply_directories(const struct stage *stage, const struct lease *lease, int64_t run,
                           struct apply_counts *counts, struct err *err);
/* The same for projects. are_all: the stage holds all projects of the directories that were listed, and what is not in
 * it is missing; else only some were wanted, and nothing is said of the others. */
int tree_apply_projects(const struct stage *stage, const struct lease *lease, int64_t run, bool are_all,
                        struct apply_counts *counts, struct err *err);

/* Which directories have their projects listed, from the database (for a run that does not walk the tree): rows of
 * identifier, chain; without excluded subtrees. The caller clears the result; NULL on an error. */
PGresult *tree_directories(struct db *db, struct err *err);
/* Is the directory with this identifier excluded, itself or by an ancestor? 1, 0, or negative. */
int tree_is_excluded(struct db *db, const char *identifier, struct err *err);

/* What is wanted of the projects of the stage. due: the type's turn has come; follows: a project's change brings it
 * along. stale_s: listed longer ago than this = listed again (0 = no limit). */
struct tree_wants {
    bool phases_due, phases_follow, elevations_due, elevations_follow, is_forced;
    int64_t phases_stale_s, elevations_stale_s;
};
/* Fills the plan of the stage from the staged projects, and tells how many projects are in it and how many are
 * left out because nothing moved; those are noted as confirmed. */
int tree_plan(const struct stage *stage, const struct tree_wants *wants, int64_t *planned, int64_t *skipped,
              struct err *err);
/* The same plan, but of the projects that want files in this run. */
int tree_plan_files(const struct stage *stage, int64_t run, bool thumbnails, bool parts_lists, int64_t *planned,
                    struct err *err);

#endif
