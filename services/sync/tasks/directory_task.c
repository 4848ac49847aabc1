/* The forced syncs of directories: the projects of one, and the tree of all of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/parts/enqueue.h"
#include "services/store/sync/sync_log.h"
#include "services/store/sync/sync_find.h"
#include "services/sync/full.h"
#include "services/sync/tasks/join.h"
#include "services/sync/tasks/result.h"
#include "services/sync/tasks/tasks.h"
#include "services/sync/tree/tree.h"
#include "services/sync/tree/vanish.h"
#include "services/sync/project/worklist.h"

#define PARSE_BATCH 100

struct directory {
    char identifier[1024];
    char *chain;
    cJSON *candidates; /* several have the name; NULL = not so */
};

static int find_directory(struct db *db, const char *wanted, struct directory *d, struct err *err)
{
    PGresult *r = directory_find(db, wanted, err);
    if (!r) return -ERR_DB;
    int found = PQntuples(r);
    if (found > 1) {
        d->candidates = cJSON_CreateArray();
        for (int i = 0; i < found; i++) {
            cJSON *each = cJSON_CreateObject();
            cJSON_AddStringToObject(each, "directory_id", db_text(r, i, 1));
            cJSON_AddStringToObject(each, "name", db_text(r, i, 3));
            cJSON_AddItemToArray(d->candidates, each);
        }
        found = err_set(err, ERR_INPUT, "several directories are named %.*s, so none was synced: name the path",
                        NAME_OF(wanted));
    } else if (found) {
        snprintf(d->identifier, sizeof d->identifier, "%s", db_text(r, 0, 1));
        if (db_text(r, 0, 2) && !(d->chain = strdup(db_text(r, 0, 2)))) found = err_set(err, ERR_NOMEM, "no memory");
    }
    PQclear(r);
    return found;
}

/* The directory from the database; when it is not known there, the tree is walked once. */
static int locate(struct sync_run *run, const char *wanted, struct directory *d, struct err *err)
{
    const struct tree_types directories_only = {.directories = true};
    int found = find_directory(run->db, wanted, d, err);
    if (found < 0 || d->chain) return found < 0 ? found : 0;
    int rc = sync_tree(run, &directories_only, err);
    if (rc < 0) return rc;
    found = find_directory(run->db, wanted, d, err);
    if (found < 0 || d->chain) return found < 0 ? found : 0;
    return err_set(err, ERR_NOT_FOUND, "there is no directory %.*s in Logikal", NAME_OF(wanted));
}

/* What the directory has lost may have moved: the whole tree is listed before it is judged. */
static int look_elsewhere(struct sync_run *run, struct err *err)
{
    struct walk w = {.run = run, .projects = WALK_ALL_PROJECTS};
    struct apply_counts n;
    int rc = walk_tree(&w, err);
    if (rc == 0) rc = tree_apply_directories(&run->stage, &run->lease, run->id, &n, err);
    return rc == 0 ? tree_apply_projects(&run->stage, &run->lease, run->id, true, &n, err) : rc;
}

static int sync_projects(struct sync_run *run, const struct directory *d, struct err *err)
{
    struct walk w = {.run = run, .projects = WALK_ALL_PROJECTS};
    const struct tree_wants wants = {.phases_due = true, .elevations_due = true, .is_forced = true};
    struct apply_counts n = {0};
    int64_t planned = 0, skipped = 0;
    if (walk_directory_begin(&w, d->chain, err) < 0) return err_result(err);
    int rc = walk_finish(&w, run_jobs(run, err), err);
    if (rc == 0) rc = tree_apply_projects(&run->stage, &run->lease, run->id, true, &n, err);
    if (rc < 0) return rc;
    run->counts.projects = n.seen;
    run->counts.withheld[MISSING_PROJECTS] += n.withheld;
    if (tree_plan(&run->stage, &wants, &planned, &skipped, err) < 0) return err_result(err);
    rc = planned ? worklist_run(run, planned, true, "projects of the directory", err) : 0;
    if (rc == 0 && n.missing) rc = look_elsewhere(run, err);
    return rc == 0 ? vanish_judge(run, false, sync_elsewhere, NULL, err) : rc;
}

static cJSON *make_result(const struct sync_run *run, const char *directory, int rc, const struct err *err)
{
    const struct sync_counts *c = &run->counts;
    char message[sizeof err->text];
    bool is_success = rc == 0 && c->failed_projects + c->failed_phases + c->failed_directories == 0;
    if (rc < 0)
        snprintf(message, sizeof message, "%s", err->text);
    else if (!is_success)
        snprintf(message, sizeof message, "synced in part: %lld errors", (long long)run->error_count);
    else
        snprintf(message, sizeof message, "synced %lld directories, %lld projects and %lld elevations",
                 (long long)c->directories, (long long)c->projects, (long long)c->elevations);
    cJSON *result = result_new(run, is_success, message);
    cJSON_AddNullToObject(result, "project_id");
    if (directory)
        cJSON_AddStringToObject(result, "directory_id", directory);
    else
        cJSON_AddNullToObject(result, "directory_id");
    cJSON_AddNumberToObject(result, "directories_synced", (double)c->directories);
    cJSON_AddNumberToObject(result, "projects_synced", (double)c->projects);
    result_add_counts(result, c);
    result_add_status(result, run, rc, false);
    result_add_upstream(result, run);
    result_add_errors(result, run);
    return result;
}

static int note_log(struct sync_run *run, int64_t log, const cJSON *result, int rc, struct err *err)
{
    const struct sync_counts *c = &run->counts;
    int64_t synced = c->directories + c->projects + c->phases + c->elevations;
    int64_t failed = c->failed_directories + c->failed_projects + c->failed_phases + c->parts_failed;
    if (sync_counter_add(run->db, "directory", "synced", c->directories, err) < 0 ||
        sync_counter_add(run->db, "project", "synced", c->projects, err) < 0 ||
        sync_counter_add(run->db, "elevation", "synced", c->elevations, err) < 0)
        return -ERR_DB;
    return result_log(run, log, result, rc, synced, synced, failed, err);
}

/* arg: the directory that is wanted, NULL = all. */
static int work(struct sync_run *run, void *arg, cJSON **result, struct err *err)
{
    const char *wanted = arg;
    const struct tree_types directories_only = {.directories = true};
    struct directory d = {.chain = NULL};
    struct parts_requested parsed;
    struct err why = {0};
    int64_t log =
        sync_log_begin(run->db, wanted ? "directory_projects_forced" : "directories_forced", run->ctx->id, 0, err);
    if (log < 0) return -ERR_DB;
    int rc = run_connect(run, &why);
    if (rc == 0 && wanted) {
        rc = locate(run, wanted, &d, &why);
        if (rc == 0) rc = sync_projects(run, &d, &why);
    } else if (rc == 0) {
        rc = sync_tree(run, &directories_only, &why);
    }
    free(d.chain);
    if (rc == -ERR_DB || rc == -ERR_CONFLICT || rc == -ERR_NOMEM) return err_set(err, why.code, "%s", why.text);
    *result = make_result(run, wanted ? (d.identifier[0] ? d.identifier : wanted) : NULL, rc, &why);
    if (rc < 0) cJSON_AddStringToObject(*result, "error_type", d.candidates ? "ambiguous" : err_code_name(why.code));
    if (d.candidates) cJSON_AddItemToObject(*result, "candidates", d.candidates);
    if (note_log(run, log, *result, rc, err) < 0) return -ERR_DB;
    if (rc == -ERR_CANCELLED) return err_set(err, ERR_CANCELLED, "%s", why.text);
    if (run->counts.parts_lists && parts_request(run->ctx, run->db, PARTS_NEW, 0, PARSE_BATCH, &parsed, err) < 0)
        return err_result(err);
    return 0;
}

static int forced(struct task_ctx *ctx, char *wanted, cJSON **result, struct err *err)
{
    char scope[LEASE_NAME_SIZE];
    if (wanted)
        run_scope(scope, "directory", wanted);
    else
        snprintf(scope, sizeof scope, TREE_SCOPE);
    const struct run_ask ask = {.scope = scope, .asks = wanted ? "directory" : "directories", .is_forced = true};
    return join_or_work(ctx, &ask, work, wanted, result, err);
}

int task_force_sync_directory(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                              struct err *err)
{
    char *directory = argument_text(args, kwargs, 0, "directory_id", err);
    *result = NULL;
    if (!directory) {
        ctx->exc_type = "ValueError";
        return -ERR_INPUT;
    }
    int rc = forced(ctx, directory, result, err);
    free(directory);
    return rc;
}

int task_force_sync_directories(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                                struct err *err)
{
    (void)args, (void)kwargs;
    *result = NULL;
    return forced(ctx, NULL, result, err);
}
