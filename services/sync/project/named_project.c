/* One project: see named_project.h. When the database knows the place, everything is asked for at once on several
 * sessions; when the project turns out to be elsewhere, or is new, the tree is searched for it. */
#include "services/sync/project/named_project.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/guid.h"
#include "services/store/sync/sync_find.h"
#include "services/store/sync/staging/sync_tree.h"
#include "services/sync/project/project.h"
#include "services/sync/tree/tree.h"
#include "services/sync/tree/vanish.h"

static void on_done(struct project_work *w)
{
    *(bool *)w->owner = true;
}

static int refuse_ambiguous(const char *what, const char *name, struct err *err)
{
    return err_set(err, ERR_INPUT, "several %s are named %.*s, so none was synced: name %s", what, NAME_OF(name),
                   *what == 'p' ? "the GUID, or the directory" : "the path");
}

/* All rows of a search as candidates, with the columns that matter to people. */
static cJSON *candidates_of(const PGresult *r, int id, int name, int directory)
{
    cJSON *all = cJSON_CreateArray();
    for (int i = 0; i < PQntuples(r); i++) {
        cJSON *each = cJSON_CreateObject();
        if (id >= 0) cJSON_AddStringToObject(each, "project_id", db_text(r, i, id));
        cJSON_AddStringToObject(each, "name", db_text(r, i, name));
        cJSON_AddStringToObject(each, "directory_id", db_text(r, i, directory) ? db_text(r, i, directory) : "");
        cJSON_AddItemToArray(all, each);
    }
    return all;
}

/* The directory that was named, if the database knows it. */
static int find_directory(struct db *db, struct named_project *one, struct err *err)
{
    if (!one->directory || one->wanted_directory) return 0;
    PGresult *r = directory_find(db, one->directory, err);
    if (!r) return -ERR_DB;
    int found = PQntuples(r), rc = 0;
    if (found > 1) {
        one->candidates = candidates_of(r, -1, 3, 1);
        rc = refuse_ambiguous("directories", one->directory, err);
    } else if (found == 1) {
        one->wanted_directory = db_int(r, 0, 0);
        if (db_text(r, 0, 2) && !(one->wanted_chain = strdup(db_text(r, 0, 2))))
            rc = err_set(err, ERR_NOMEM, "no memory");
    }
    PQclear(r);
    return rc;
}

/* Reads the project's row, if there is one, into one: 1, 0, -ERR_INPUT when there are several; the chain is the
 * caller's to free, NULL when it is not known. */
static int look_up(struct db *db, struct named_project *one, const char *name, char **chain, struct err *err)
{
    *chain = NULL;
    PGresult *r = project_find(db, name, one->directory && !one->wanted_directory ? -1 : one->wanted_directory, err);
    if (!r) return -ERR_DB;
    int found = PQntuples(r);
    if (found == 1) {
        one->project_id = db_int(r, 0, 0);
        one->directory_id = db_int(r, 0, 4);
        snprintf(one->guid, sizeof one->guid, "%s", db_text(r, 0, 1));
        snprintf(one->directory_identifier, sizeof one->directory_identifier, "%s",
                 db_text(r, 0, 3) ? db_text(r, 0, 3) : "");
        if (db_text(r, 0, 2) && !(*chain = strdup(db_text(r, 0, 2)))) found = err_set(err, ERR_NOMEM, "no memory");
    } else if (found > 1) {
        one->candidates = candidates_of(r, 1, 5, 3);
        found = refuse_ambiguous("projects", name, err);
    }
    PQclear(r);
    return found;
}

int named_project_guid(struct db *db, struct named_project *one, struct err *err)
{
    char *chain;
    snprintf(one->guid, sizeof one->guid, "%s", one->wanted);
    int rc = find_directory(db, one, err);
    if (rc < 0) return rc;
    int found = look_up(db, one, one->wanted, &chain, err);
    free(chain);
    return found;
}

void named_project_clear(struct named_project *one)
{
    cJSON_Delete(one->candidates);
    free(one->wanted_chain);
    one->candidates = NULL;
    one->wanted_chain = NULL;
}

static struct project_work *start_work(struct sync_run *run, const struct named_project *one, const char *chain,
                                       const int64_t *changed, bool *is_done, struct err *err)
{
    struct project_work *w = project_work_new(run, one->project_id, one->guid, chain);
    if (!w) return err_set(err, ERR_NOMEM, "no memory"), NULL;
    w->needs_phases = w->needs_elevations = true;
    w->needs_files = run->with_thumbnails || run->with_parts;
    w->changed_from = changed;
    w->done = on_done;
    w->owner = is_done;
    if (project_work_start(w, err) == 0) return w;
    project_work_free(w);
    return NULL;
}

static int apply_project(struct sync_run *run, struct err *err)
{
    struct apply_counts n = {0};
    int rc = tree_apply_directories(&run->stage, &run->lease, run->id, &n, err);
    if (rc == 0) rc = tree_apply_projects(&run->stage, &run->lease, run->id, false, &n, err);
    run->counts.projects += rc == 0;
    return rc;
}

/* Sessions at hand from the start, since a project that is read for the first time will need them all. */
static void open_ahead(struct sync_run *run, const char *chain, const char *guid)
{
    struct place place = {0};
    if (place_set(&place, chain, guid, NULL, NULL) == 0)
        logikal_open_ahead(run->client, &place, logikal_max_sessions(run->client));
    place_clear(&place);
}

static int is_first_time(struct db *db, int64_t project_id, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, project_id)};
    PGresult *r = db_query(
        db, err,
        "SELECT NOT EXISTS (SELECT FROM project_cursors WHERE project_id = $1 AND elevations_date IS NOT NULL)", 1,
        values);
    if (!r) return -ERR_DB;
    int is_first = db_bool(r, 0, 0);
    PQclear(r);
    return is_first;
}

/* Its rows and files; 1 = it is there, 0 = it is not any more, or negative. */
static int work_on(struct sync_run *run, const struct named_project *one, const char *chain, const int64_t *changed,
                   struct walk *beside, struct err *err)
{
    bool is_done = false;
    struct project_work *work = start_work(run, one, chain, changed, &is_done, err);
    int rc = work ? run_jobs(run, err) : err_result(err);
    if (!work) logikal_drop_pending(run->client); /* the listing beside it must not outlive its owner */
    if (beside) rc = walk_finish(beside, rc, err);
    bool is_gone = work && work->is_gone;
    project_work_free(work);
    return rc < 0 ? rc : !is_gone;
}

/* With the listing of its directory beside its own lists. */
static int sync_known(struct sync_run *run, struct named_project *one, const char *chain, struct err *err)
{
    struct walk w = {.run = run, .projects = WALK_ALL_PROJECTS, .find = one->guid};
    int is_first = is_first_time(run->db, one->project_id, err);
    if (is_first < 0 || walk_directory_begin(&w, chain, err) < 0) return err_result(err);
    if (is_first) open_ahead(run, chain, one->guid);
    int rc = work_on(run, one, chain, &w.found_changed_s, &w, err);
    if (rc < 0) return rc;
    if (!w.is_found) return 0;
    int applied = apply_project(run, err);
    return applied < 0 ? applied : rc;
}

/* Only when it moved: its directory is listed first. */
static int sync_if_moved(struct sync_run *run, struct named_project *one, const char *chain, struct err *err)
{
    struct walk w = {.run = run, .projects = WALK_ALL_PROJECTS, .find = one->guid};
    const struct tree_wants wants = {.phases_due = true, .elevations_due = true};
    int64_t planned = 0, skipped = 0;
    if (walk_directory_begin(&w, chain, err) < 0) return err_result(err);
    int rc = walk_finish(&w, run_jobs(run, err), err);
    if (rc < 0 || !w.is_found) return rc;
    if ((rc = apply_project(run, err)) < 0) return rc;
    if (tree_plan(&run->stage, &wants, &planned, &skipped, err) < 0) return err_result(err);
    if (planned == 0 && tree_plan_files(&run->stage, run->id, run->with_thumbnails, run->with_parts, &planned, err) < 0)
        return err_result(err);
    one->was_current = planned == 0;
    return one->was_current ? 1 : work_on(run, one, chain, &w.found_changed_s, NULL, err);
}

/* The project was seen by a walk: its row is stored, and it is worked on. */
static int sync_found(struct sync_run *run, struct named_project *one, const struct walk *w, struct err *err)
{
    char *chain = NULL;
    int rc = apply_project(run, err);
    if (rc == 0 && look_up(run->db, one, w->found_guid, &chain, err) < 0) rc = -ERR_DB;
    if (rc == 0 && chain) {
        open_ahead(run, chain, one->guid);
        rc = work_on(run, one, chain, &w->found_changed_s, NULL, err);
    }
    free(chain);
    return rc;
}

/* What a walk has found by a name: 1 = one project, and it is synced; 0 = none; -ERR_INPUT = several. */
static int take_found(struct sync_run *run, struct named_project *one, struct walk *w, struct err *err)
{
    int rc = 0;
    if (!w->is_exact && cJSON_GetArraySize(w->candidates) > 1) {
        one->candidates = w->candidates;
        w->candidates = NULL;
        rc = refuse_ambiguous("projects", w->find, err);
    } else if (w->is_found) {
        rc = sync_found(run, one, w, err);
    }
    cJSON_Delete(w->candidates);
    return rc;
}

/* In the directory that was named, which the database knows: 1 = synced, 0 = it is not there. */
static int search_directory(struct sync_run *run, struct named_project *one, const char *name, struct err *err)
{
    struct walk w = {.run = run, .projects = WALK_ALL_PROJECTS, .find = name};
    open_ahead(run, one->wanted_chain, NULL);
    int rc = walk_directory_begin(&w, one->wanted_chain, err);
    if (rc == 0) rc = walk_finish(&w, run_jobs(run, err), err);
    if (rc < 0) {
        cJSON_Delete(w.candidates);
        return rc;
    }
    return take_found(run, one, &w, err);
}

/* Nowhere in the whole tree: a project that is stored is gone. Not so where it could not be seen. */
static int note_gone(struct sync_run *run, const struct named_project *one, struct err *err)
{
    int is_excluded = one->directory_identifier[0] ? tree_is_excluded(run->db, one->directory_identifier, err) : 0;
    if (!one->project_id || is_excluded) return is_excluded < 0 ? is_excluded : 0;
    if (missing_add_project(run->db, run->id, one->project_id, err) < 0) return -ERR_DB;
    return vanish_judge(run, false, one->elsewhere, NULL, err);
}

/* Through the whole tree; the directories on the way are stored. A name is looked for to the end: there may be another.
 */
static int search(struct sync_run *run, struct named_project *one, const char *name, struct err *err)
{
    struct walk w = {.run = run, .projects = WALK_ALL_PROJECTS, .find = name, .find_in = one->directory};
    open_ahead(run, NULL, NULL);
    int rc = walk_tree(&w, err);
    if (rc < 0) {
        cJSON_Delete(w.candidates);
        return rc;
    }
    if (w.is_found) return take_found(run, one, &w, err);
    if (w.run->counts.failed_directories || w.run->counts.places_unchecked)
        return err_set(err, ERR_UPSTREAM, "project %.*s was not found, but not every directory could be listed",
                       NAME_OF(name));
    if ((rc = note_gone(run, one, err)) < 0) return rc;
    return err_set(err, ERR_NOT_FOUND, "there is no project %.*s in Logikal%s", NAME_OF(name),
                   run->counts.vanished_of[MISSING_PROJECTS] ? " any more: it is marked as gone" : "");
}

int named_project_sync(struct sync_run *run, struct named_project *one, struct err *err)
{
    char *chain = NULL, key[GUID_SIZE];
    int rc = find_directory(run->db, one, err);
    int found = rc == 0 ? look_up(run->db, one, one->wanted, &chain, err) : rc;
    if (found < 0) {
        free(chain);
        return found;
    }
    const char *name = found ? one->guid : one->wanted;
    bool is_guid = guid_key(name, key);
    if (found && chain)
        rc = one->is_forced ? sync_known(run, one, chain, err) : sync_if_moved(run, one, chain, err);
    else if (one->wanted_chain)
        rc = search_directory(run, one, name, err);
    if (rc == 0 && one->wanted_chain && !is_guid)
        rc = err_set(err, ERR_NOT_FOUND, "there is no project %.*s in directory %.*s", NAME_OF(name),
                     NAME_OF(one->directory));
    if (rc == 0) rc = search(run, one, name, err);
    free(chain);
    if (rc > 0 && vanish_judge(run, false, one->elsewhere, NULL, err) < 0) rc = err_result(err);
    if (rc == 0) rc = err_set(err, ERR_NOT_FOUND, "project %.*s vanished while it was synced", NAME_OF(one->wanted));
    return rc < 0 ? rc : 0;
}
