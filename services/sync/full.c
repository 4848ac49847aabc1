/* A sync of the tree, for the object types whose turn it is: directories, projects, then the rows of each project that
 * moved, then the files that are missing. See full.h. */
#include "services/sync/full.h"

#include "services/sync/tree/tree.h"
#include "services/sync/tree/vanish.h"
#include "services/sync/project/worklist.h"

static bool wants_rows(const struct tree_wants *w)
{
    return w->phases_due || w->elevations_due || w->phases_follow || w->elevations_follow;
}

/* Stored projects may be found again in a directory that is new: it was renamed, and they have not gone with the old
 * one. */
static int has_projects(struct db *db, struct err *err)
{
    PGresult *r = db_query(db, err, "SELECT EXISTS (SELECT FROM projects WHERE deleted_at IS NULL)", 0, NULL);
    if (!r) return -ERR_DB;
    int has = db_bool(r, 0, 0);
    PQclear(r);
    return has;
}

/* The walk that the types ask for; *lists_projects tells whether it saw the projects of all directories. */
static int walk(struct sync_run *run, const struct tree_types *types, struct walk *w, struct err *err)
{
    bool all_projects = types->projects || types->wants.phases_due || types->wants.elevations_due;
    *w = (struct walk){.run = run};
    int has_some = all_projects || types->projects_follow ? 0 : has_projects(run->db, err);
    if (has_some < 0) return has_some;
    w->projects = all_projects                         ? WALK_ALL_PROJECTS
                  : types->projects_follow || has_some ? WALK_PROJECTS_OF_NEW
                                                       : WALK_NO_PROJECTS;
    if (types->directories) return walk_tree(w, err);
    if (all_projects) return walk_known_directories(w, err);
    return 0;
}

static int store_tree(struct sync_run *run, const struct tree_types *types, const struct walk *w, struct err *err)
{
    struct apply_counts n;
    if (types->directories) {
        if (tree_apply_directories(&run->stage, &run->lease, run->id, &n, err) < 0) return err_result(err);
        run->counts.directories += n.seen;
        run->counts.directories_written += n.written;
    }
    bool is_new_only = w->projects == WALK_PROJECTS_OF_NEW;
    if (types->projects || is_new_only) {
        if (tree_apply_projects(&run->stage, &run->lease, run->id, types->projects, &n, err) < 0)
            return err_result(err);
        run->counts.projects += n.seen;
        run->counts.withheld[MISSING_PROJECTS] += n.withheld;
        run->counts.projects_written += n.written;
    }
    return 0;
}

static int sync_rows(struct sync_run *run, const struct tree_types *types, struct err *err)
{
    int64_t planned = 0, skipped = 0;
    if (!wants_rows(&types->wants)) return 0;
    if (tree_plan(&run->stage, &types->wants, &planned, &skipped, err) < 0) return err_result(err);
    run->counts.projects_skipped = skipped;
    return planned ? worklist_run(run, planned, false, "projects", err) : 0;
}

static int sync_files(struct sync_run *run, struct err *err)
{
    int64_t planned = 0;
    if (!run->with_thumbnails && !run->with_parts) return 0;
    if (tree_plan_files(&run->stage, run->id, run->with_thumbnails, run->with_parts, &planned, err) < 0)
        return err_result(err);
    return planned ? worklist_run(run, planned, true, "thumbnails and parts lists of projects", err) : 0;
}

static int sync_without_files(struct sync_run *run, const struct tree_types *types, struct err *err)
{
    struct walk w;
    int rc = walk(run, types, &w, err);
    if (rc == 0) rc = store_tree(run, types, &w, err);
    return rc == 0 ? sync_rows(run, types, err) : rc;
}

int sync_elsewhere(struct sync_run *run, const void *types, struct err *err)
{
    static const struct tree_types all = {
        .directories = true, .projects = true, .wants = {.phases_due = true, .elevations_due = true}};
    struct tree_types again = types ? *(const struct tree_types *)types : all;
    again.wants.is_forced = false;
    again.wants.phases_stale_s = again.wants.elevations_stale_s = 0;
    if (stage_clear(&run->stage, err) < 0) return -ERR_DB;
    return sync_without_files(run, &again, err);
}

int sync_tree(struct sync_run *run, const struct tree_types *types, struct err *err)
{
    int rc = sync_without_files(run, types, err);
    if (rc == 0) rc = vanish_judge(run, true, sync_elsewhere, types, err);
    run->has_rows = rc == 0;
    if (rc == 0 && types->files) rc = sync_files(run, err);
    return rc;
}
