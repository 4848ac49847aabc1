/* The tasks for single projects, by hand or forced by the ERP, and for batches of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "services/parts/enqueue.h"
#include "services/store/sync/sync_config.h"
#include "services/store/sync/sync_log.h"
#include "services/sync/tasks/join.h"
#include "services/sync/full.h"
#include "services/sync/project/named_project.h"
#include "services/sync/tasks/result.h"
#include "services/sync/tasks/tasks.h"

#define PARSE_BATCH 100

static void add_names(cJSON *result, const struct named_project *one)
{
    cJSON_AddStringToObject(result, "project_id", one->guid);
    if (one->directory_identifier[0])
        cJSON_AddStringToObject(result, "directory_id", one->directory_identifier);
    else
        cJSON_AddNullToObject(result, "directory_id");
}

static cJSON *make_result(const struct sync_run *run, const struct named_project *one, int rc, const struct err *err)
{
    const struct sync_counts *c = &run->counts;
    char message[sizeof err->text];
    bool is_success = rc == 0 && c->failed_projects == 0 && c->failed_phases == 0;
    if (rc < 0)
        snprintf(message, sizeof message, "%s", err->text);
    else if (!is_success)
        snprintf(message, sizeof message, "synced in part: %lld errors", (long long)run->error_count);
    else if (one->was_current)
        snprintf(message, sizeof message, "nothing has changed since the last sync");
    else
        snprintf(message, sizeof message, "synced %lld phases, %lld elevations and %lld parts lists",
                 (long long)c->phases, (long long)c->elevations, (long long)c->parts_lists);
    cJSON *result = result_new(run, is_success, message);
    if (rc < 0) cJSON_AddStringToObject(result, "error_type", one->candidates ? "ambiguous" : err_code_name(err->code));
    if (one->candidates) cJSON_AddItemToObject(result, "candidates", cJSON_Duplicate(one->candidates, true));
    add_names(result, one);
    result_add_counts(result, c);
    result_add_status(result, run, rc, false);
    result_add_upstream(result, run);
    result_add_errors(result, run);
    return result;
}

static int count_all(struct sync_run *run, struct err *err)
{
    const struct sync_counts *c = &run->counts;
    if (sync_counter_add(run->db, "project", "synced", c->projects, err) < 0 ||
        sync_counter_add(run->db, "phase", "synced", c->phases, err) < 0 ||
        sync_counter_add(run->db, "elevation", "synced", c->elevations, err) < 0 ||
        sync_counter_add(run->db, "thumbnail", "synced", c->thumbnails, err) < 0 ||
        sync_counter_add(run->db, "parts_list", "synced", c->parts_lists, err) < 0 ||
        sync_counter_add(run->db, "parts_list", "failed", c->parts_failed, err) < 0)
        return -ERR_DB;
    return sync_duration_add(run->db, "project", run_duration_ms(run), err);
}

static int work(struct sync_run *run, void *arg, cJSON **result, struct err *err)
{
    struct named_project *one = arg;
    const struct sync_counts *c = &run->counts;
    struct parts_requested parsed;
    struct err why = {0};
    int64_t log =
        sync_log_begin(run->db, one->is_forced ? "project_forced" : "project", run->ctx->id, one->project_id, err);
    if (log < 0) return -ERR_DB;
    int rc = run_connect(run, &why);
    one->elsewhere = sync_elsewhere;
    if (rc == 0) rc = named_project_sync(run, one, &why);
    if (rc == -ERR_DB || rc == -ERR_CONFLICT || rc == -ERR_NOMEM) return err_set(err, why.code, "%s", why.text);
    *result = make_result(run, one, rc, &why);
    if (result_add_preview(*result, run, err) < 0) return -ERR_DB;
    int64_t synced = c->phases + c->elevations, failed = c->failed_phases + c->failed_projects + c->parts_failed;
    if (result_log(run, log, *result, rc, synced + c->failed_phases, synced, failed, err) < 0 ||
        count_all(run, err) < 0)
        return -ERR_DB;
    if (rc == -ERR_CANCELLED) return err_set(err, ERR_CANCELLED, "%s", why.text);
    if (c->parts_lists && parts_request(run->ctx, run->db, PARTS_NEW, one->project_id, PARSE_BATCH, &parsed, err) < 0)
        return err_result(err);
    return 0;
}

/* 0 and the scope; -ERR_INPUT when what was named is ambiguous. */
static int find_scope(struct task_ctx *ctx, struct named_project *one, char scope[LEASE_NAME_SIZE], struct err *err)
{
    struct db *db = db_open_conf(ctx->conf, false, "logikald sync", err);
    int found = db ? named_project_guid(db, one, err) : err_result(err);
    db_close(db);
    if (found < 0) return found;
    char *name = NULL;
    bool is_named_in = !found && one->directory;
    if (is_named_in && asprintf(&name, "%s in %s", one->guid, one->directory) < 0)
        return err_set(err, ERR_NOMEM, "no memory");
    run_scope(scope, "project", is_named_in ? name : one->guid);
    free(name);
    return 0;
}

/* Nothing was done, and it is said why. */
static cJSON *refused_result(struct task_ctx *ctx, const struct named_project *one, const struct err *why)
{
    struct sync_run run = {.ctx = ctx, .started_ms = mono_ms()};
    return make_result(&run, one, -ERR_INPUT, why);
}

/* 0 and the result, or negative. */
static int sync_one(struct task_ctx *ctx, struct named_project *one, cJSON **result, struct err *err)
{
    char scope[LEASE_NAME_SIZE];
    *result = NULL;
    int rc = find_scope(ctx, one, scope, err);
    const struct run_ask ask = {.scope = scope, .asks = "project", .is_forced = one->is_forced, .is_dry = one->is_dry};
    if (rc == 0)
        rc = join_or_work(ctx, &ask, work, one, result, err);
    else if (one->candidates)
        *result = refused_result(ctx, one, err), rc = 0;
    named_project_clear(one);
    return rc;
}

static int refuse(struct task_ctx *ctx)
{
    ctx->exc_type = "ValueError";
    return -ERR_INPUT;
}

int task_sync_project(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err)
{
    char *project = argument_text(args, kwargs, 0, "project_id", err);
    if (!project) return refuse(ctx);
    struct named_project one = {.wanted = project,
                                .is_forced = task_flag(args, kwargs, 1, "force_sync"),
                                .is_dry = task_flag(args, kwargs, 2, "dry_run")};
    int rc = sync_one(ctx, &one, result, err);
    if (rc == 0 && *result) cJSON_AddBoolToObject(*result, "force_sync", one.is_forced);
    free(project);
    return rc;
}

int task_force_sync_project(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                            struct err *err)
{
    char *project = argument_text(args, kwargs, 0, "project_id", err);
    if (!project) return refuse(ctx);
    const cJSON *given = task_arg(args, kwargs, 1, "directory_id");
    char *directory = given && !cJSON_IsNull(given) ? argument_text(args, kwargs, 1, "directory_id", err) : NULL;
    struct named_project one = {
        .wanted = project, .directory = directory, .is_forced = true, .is_dry = task_flag(args, kwargs, 2, "dry_run")};
    int rc = sync_one(ctx, &one, result, err);
    free(directory);
    free(project);
    return rc;
}

/* One after the other, each with its own result; a failure does not stop the rest. */
static int sync_each(struct task_ctx *ctx, const cJSON *ids, bool is_forced, cJSON *results, int *failed,
                     struct err *err)
{
    int done = 0, total = cJSON_GetArraySize(ids), rc = 0;
    const cJSON *id;
    cJSON_ArrayForEach(id, ids) {
        cJSON *entry = NULL;
        struct err why = {0};
        cJSON *wrapped = cJSON_CreateArray();
        cJSON_AddItemToArray(wrapped, cJSON_Duplicate(id, true));
        char *text = argument_text(wrapped, NULL, 0, "project_id", &why);
        struct named_project one = {.wanted = text, .is_forced = is_forced};
        rc = text ? sync_one(ctx, &one, &entry, &why) : -ERR_INPUT;
        if (!entry) {
            entry = cJSON_CreateObject();
            cJSON_AddFalseToObject(entry, "success");
            cJSON_AddStringToObject(entry, "message", why.text);
            cJSON_AddItemToObject(entry, "project_id", cJSON_Duplicate(id, true));
        }
        *failed += !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry, "success"));
        cJSON_AddItemToArray(results, entry);
        cJSON_Delete(wrapped);
        free(text);
        if (rc == -ERR_CANCELLED || rc == -ERR_DB) return err_set(err, why.code, "%s", why.text);
        ctx->ops->progress(ctx->self, ++done, total, "projects");
    }
    return 0;
}

int task_batch_sync_projects(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                             struct err *err)
{
    const cJSON *ids = task_arg(args, kwargs, 0, "project_ids");
    if (!cJSON_IsArray(ids)) return err_set(err, ERR_INPUT, "project_ids is missing or is not a list"), refuse(ctx);
    int failed = 0, total = cJSON_GetArraySize(ids);
    char message[100];
    cJSON *head = cJSON_CreateObject(), *results = cJSON_CreateArray();
    int rc = sync_each(ctx, ids, task_flag(args, kwargs, 1, "force_sync"), results, &failed, err);
    snprintf(message, sizeof message, "%d of %d projects synced", total - failed, total);
    cJSON_AddBoolToObject(head, "success", failed == 0);
    cJSON_AddStringToObject(head, "message", message);
    cJSON_AddNumberToObject(head, "total", total);
    cJSON_AddNumberToObject(head, "successful", total - failed);
    cJSON_AddNumberToObject(head, "failed", failed);
    cJSON_AddItemToObject(head, "results", results);
    if (rc < 0)
        cJSON_Delete(head);
    else
        *result = head;
    return rc;
}
