/* The scheduled sync, and the same by hand: which types are due, one sync of the tree for them, and what is noted about
 * each type afterwards. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "services/parts/enqueue.h"
#include "services/store/sync/sync_config.h"
#include "services/store/sync/sync_log.h"
#include "services/sync/due.h"
#include "services/sync/full.h"
#include "services/sync/tasks/idle.h"
#include "services/sync/tasks/join.h"
#include "services/sync/tasks/result.h"
#include "services/sync/tasks/tasks.h"

static const char *const staged_types[STAGE_TABLE_COUNT] = {"directory", "project", "phase", "elevation"};

/* What one execution has at hand. */
struct round {
    struct sync_run run;
    struct object_config configs[OBJECT_TYPES_MAX];
    int config_count;
    struct due_entry plan[OBJECT_TYPES_MAX];
    int plan_count;
    const char *only; /* one type; NULL = those that are due */
    enum due_mode mode;
    bool is_dry;
    struct tree_types types;
    int64_t logs[OBJECT_TYPES_MAX]; /* of the entries of the plan */
    int due_count;
    int rc; /* of the tree's sync */
    struct err err;
    cJSON *result, *counts, *details;
    bool is_failed; /* some type failed */
};

static const struct object_config *config_of(const struct round *r, const char *type)
{
    for (int i = 0; i < r->config_count; i++)
        if (strcmp(r->configs[i].type, type) == 0) return &r->configs[i];
    return NULL;
}

static bool is_due(const struct round *r, const char *type)
{
    for (int i = 0; i < r->plan_count; i++)
        if (strcmp(r->configs[r->plan[i].config].type, type) == 0) return due_is_yes(r->plan[i].due);
    return false;
}

/* Does a change of `parent` bring `type` along? */
static bool follows(const struct round *r, const char *type, const char *parent)
{
    const struct object_config *child = config_of(r, type), *from = config_of(r, parent);
    return child && from && child->is_enabled && from->cascades &&
           due_depends(r->configs, r->config_count, type, parent);
}

static void set_types(struct round *r)
{
    const struct object_config *phase = config_of(r, "phase"), *elevation = config_of(r, "elevation");
    bool projects = is_due(r, "project");
    r->types = (struct tree_types){.directories = is_due(r, "directory"), .projects = projects};
    r->types.projects_follow = r->types.directories && follows(r, "project", "directory");
    r->types.wants = (struct tree_wants){
        .phases_due = is_due(r, "phase"),
        .phases_follow = (projects || r->types.projects_follow) && follows(r, "phase", "project"),
        .elevations_due = is_due(r, "elevation"),
        .elevations_follow = ((projects || r->types.projects_follow) && follows(r, "elevation", "project")) ||
                             (is_due(r, "phase") && follows(r, "elevation", "phase")),
        .is_forced = r->run.is_forced,
        .phases_stale_s = phase ? (int64_t)phase->stale_min * 60 : 0,
        .elevations_stale_s = elevation ? (int64_t)elevation->stale_min * 60 : 0};
    r->types.files = r->types.wants.elevations_due || r->types.wants.elevations_follow;
}

static void set_batches(struct round *r)
{
    for (int i = 0; i < STAGE_TABLE_COUNT; i++) {
        const struct object_config *c = config_of(r, staged_types[i]);
        if (c && c->batch_size > 0 && c->batch_size < r->run.stage.batch_rows[i])
            r->run.stage.batch_rows[i] = c->batch_size;
    }
}

static int begin_types(struct round *r, struct err *err)
{
    r->config_count = sync_config_load(r->run.db, r->configs, err);
    if (r->config_count < 0) return -ERR_DB;
    if (r->mode == DUE_SAFETY_NET && sync_config_look_at_rows(r->run.db, r->configs, r->config_count, err) < 0)
        return -ERR_DB;
    r->plan_count = due_plan(r->configs, r->config_count, r->mode, r->plan);
    for (int i = 0; i < r->plan_count; i++) {
        struct due_entry *e = &r->plan[i];
        const char *type = r->configs[e->config].type;
        if (r->only && strcmp(type, r->only) != 0 && due_is_yes(e->due)) e->due = DUE_NOT;
        if (r->only && strcmp(type, r->only) == 0 && (e->due == DUE_DISABLED || e->due == DUE_BLOCKED))
            e->due = DUE_INTERVAL; /* asked for by hand */
        if (e->due == DUE_CYCLE) run_note_error(&r->run, "%s is not synced: %s", type, due_reason(e->due));
        if (!due_is_yes(e->due)) continue;
        r->due_count++;
        r->logs[i] = sync_log_begin(r->run.db, type, r->run.ctx->id, 0, err);
        if (r->logs[i] < 0 || sync_config_note_attempt(r->run.db, type, err) < 0) return -ERR_DB;
    }
    set_types(r);
    set_batches(r);
    return 0;
}

static bool is_tree_type(const char *type)
{
    for (int i = 0; i < STAGE_TABLE_COUNT; i++)
        if (strcmp(type, staged_types[i]) == 0) return true;
    return false;
}

/* What the tree's sync means for one type. */
static struct object_outcome tree_outcome(const struct round *r, const char *type)
{
    const struct sync_counts *c = &r->run.counts;
    struct object_outcome o = {.duration_ms = run_duration_ms(&r->run)};
    if (strcmp(type, "directory") == 0) {
        o.successful = c->directories;
        o.failed = c->failed_directories;
    } else if (strcmp(type, "project") == 0) {
        o.successful = c->projects;
        o.failed = c->failed_projects;
        o.skipped = c->projects_skipped;
    } else if (strcmp(type, "phase") == 0) {
        o.successful = c->phases;
        o.failed = c->failed_projects;
    } else {
        o.successful = c->elevations;
        o.failed = c->failed_phases + c->objects_refused + c->parts_failed + c->thumbnails_failed;
        o.is_broken = r->rc < 0 && r->run.has_rows && r->types.files; /* the files are this type's */
    }
    for (int i = 0; i < STAGE_TABLE_COUNT; i++)
        if (strcmp(type, staged_types[i]) == 0) o.batches = r->run.stage.batches[i];
    for (int i = 0; i < MISSING_TYPES; i++)
        if (strcmp(type, missing_types[i]) == 0) o.is_held = r->run.hold.id && r->run.hold.rows[i] > 0;
    o.processed = o.successful + o.failed;
    o.is_success =
        (r->rc == 0 || r->run.has_rows) && !o.is_broken && (o.failed == 0 || o.successful > 0 || o.skipped > 0);
    o.error = r->rc < 0 && !o.is_success ? r->err.text : o.failed ? r->run.errors.data : NULL;
    return o;
}

static int parse_type(struct round *r, const struct object_config *c, struct object_outcome *o, struct err *err)
{
    struct parts_requested n = {0};
    enum parts_waiting which = strcmp(c->type, "sqlite_parser") == 0     ? PARTS_NEW
                               : strcmp(c->type, "elevation_glass") == 0 ? PARTS_PARTIAL
                                                                         : PARTS_FAILED;
    int64_t started_ms = mono_ms();
    int rc = parts_request(r->run.ctx, r->run.db, which, 0, c->batch_size, &n, err);
    *o = (struct object_outcome){.processed = n.sent + n.read + n.failed,
                                 .successful = n.sent + n.read,
                                 .failed = n.failed,
                                 .batches = n.batches,
                                 .is_success = rc == 0,
                                 .error = rc < 0 ? err->text : NULL,
                                 .duration_ms = mono_ms() - started_ms};
    return rc;
}

static void add_detail(struct round *r, const char *type, const struct object_outcome *o, const char *status)
{
    cJSON *detail = cJSON_AddObjectToObject(r->details, type);
    cJSON_AddStringToObject(detail, "status", status);
    cJSON_AddNumberToObject(detail, "processed", (double)o->processed);
    cJSON_AddNumberToObject(detail, "successful", (double)o->successful);
    cJSON_AddNumberToObject(detail, "failed", (double)o->failed);
    cJSON_AddNumberToObject(detail, "skipped", (double)o->skipped);
    cJSON_AddNumberToObject(detail, "batches", (double)o->batches);
    if (o->error) cJSON_AddStringToObject(detail, "error", o->error);
    cJSON_AddNumberToObject(r->counts, type, (double)o->successful);
}

static int note_type(struct round *r, int entry, const struct object_outcome *o, struct err *err)
{
    struct db *db = r->run.db;
    const char *type = r->configs[r->plan[entry].config].type;
    bool is_cancelled = r->rc == -ERR_CANCELLED && !o->is_success;
    const char *status = is_cancelled ? "cancelled" : !o->is_success ? "failed" : o->is_held ? "held" : "completed";
    char message[160];
    snprintf(message, sizeof message, "%s: %lld of %lld, %s", type, (long long)o->successful, (long long)o->processed,
             due_reason(r->plan[entry].due));
    const struct log_end end = {.status = status,
                                .message = message,
                                .error = o->error,
                                .processed = o->processed,
                                .successful = o->successful,
                                .failed = o->failed,
                                .skipped = o->skipped,
                                .duration_ms = o->duration_ms};
    add_detail(r, type, o, !is_cancelled && (o->is_broken || (o->is_success && o->failed)) ? "partial" : status);
    if (!o->is_success) r->is_failed = true;
    if (sync_log_end(db, r->logs[entry], &end, err) < 0) return -ERR_DB;
    if (!is_cancelled && sync_config_note_outcome(db, type, o, err) < 0) return -ERR_DB;
    if (sync_counter_add(db, type, "synced", o->successful, err) < 0 ||
        sync_counter_add(db, type, "failed", o->failed, err) < 0 ||
        sync_counter_add(db, type, "skipped", o->skipped, err) < 0)
        return -ERR_DB;
    return sync_duration_add(db, type, o->duration_ms, err);
}

/* Did something that this type depends on fail in this round? Its name, or NULL. */
static const char *failed_dependency(const struct round *r, int entry, const bool has_failed[])
{
    const char *type = r->configs[r->plan[entry].config].type;
    for (int i = 0; i < entry; i++) {
        const char *other = r->configs[r->plan[i].config].type;
        if (has_failed[i] && due_depends(r->configs, r->config_count, type, other)) return other;
    }
    return NULL;
}

static int end_types(struct round *r, struct err *err)
{
    bool has_failed[OBJECT_TYPES_MAX] = {false};
    for (int i = 0; i < r->plan_count; i++) {
        const struct object_config *c = &r->configs[r->plan[i].config];
        struct object_outcome o = {0};
        char why[120];
        if (!due_is_yes(r->plan[i].due)) continue;
        const char *failed = failed_dependency(r, i, has_failed);
        if (failed && r->rc == 0) {
            snprintf(why, sizeof why, SYNC_LEFT_OUT "%s failed", failed);
            o.error = why;
        } else if (is_tree_type(c->type)) {
            o = tree_outcome(r, c->type);
        } else if (r->run.is_dry) {
            o.is_success = true; /* its work is done by other tasks */
        } else if (r->rc == 0 || r->run.has_rows) {
            if (parse_type(r, c, &o, err) < 0 && err->code == ERR_DB) return -ERR_DB;
        } else {
            o.error = r->err.text;
        }
        has_failed[i] = !o.is_success;
        if (note_type(r, i, &o, err) < 0) return -ERR_DB;
    }
    return sync_counter_add(r->run.db, "thumbnail", "synced", r->run.counts.thumbnails, err) < 0 ||
                   sync_counter_add(r->run.db, "parts_list", "synced", r->run.counts.parts_lists, err) < 0 ||
                   sync_counter_add(r->run.db, "parts_list", "failed", r->run.counts.parts_failed, err) < 0
               ? -ERR_DB
               : 0;
}

/* New parts lists are read as soon as they are there, if their parser is switched on and brought along. */
static int parse_new(struct round *r, struct err *err)
{
    const struct object_config *parser = config_of(r, "sqlite_parser");
    struct parts_requested n = {0};
    if (!r->run.counts.parts_lists || !parser || !parser->is_enabled || is_due(r, "sqlite_parser")) return 0;
    return parts_request(r->run.ctx, r->run.db, PARTS_NEW, 0, parser->batch_size, &n, err);
}

static bool needs_upstream(const struct round *r)
{
    return r->types.directories || r->types.projects || r->types.wants.phases_due || r->types.wants.elevations_due;
}

static void make_result(struct round *r)
{
    char message[sizeof r->err.text + 64];
    bool is_broken = r->rc < 0 && r->run.has_rows;
    if (r->due_count == 0)
        snprintf(message, sizeof message, "nothing is due");
    else if (r->is_failed && r->rc < 0 && is_broken)
        snprintf(message, sizeof message, "rows synced, files broke off: %s", r->err.text);
    else if (r->is_failed && r->rc < 0)
        snprintf(message, sizeof message, "the sync failed: %s", r->err.text);
    else if (r->is_failed)
        snprintf(message, sizeof message, "the sync failed in part");
    else if (r->run.error_count)
        snprintf(message, sizeof message, "%d object types synced, with %lld errors", r->due_count,
                 (long long)r->run.error_count);
    else
        snprintf(message, sizeof message, "%d object types synced", r->due_count);
    cJSON *head = result_new(&r->run, !r->is_failed, message);
    cJSON_AddFalseToObject(head, "skipped");
    cJSON_AddItemToObject(head, "objects_synced", r->counts);
    cJSON_AddItemToObject(head, "details", r->details);
    r->counts = r->details = NULL;
    result_add_counts(head, &r->run.counts);
    cJSON_AddNumberToObject(head, "projects_skipped", (double)r->run.counts.projects_skipped);
    result_add_status(head, &r->run, r->rc, is_broken);
    result_add_upstream(head, &r->run);
    result_add_errors(head, &r->run);
    r->result = head;
}

static int work(struct round *r, struct err *err)
{
    if (begin_types(r, err) < 0) return -ERR_DB;
    r->counts = cJSON_CreateObject();
    r->details = cJSON_CreateObject();
    if (needs_upstream(r)) {
        r->rc = run_connect(&r->run, &r->err);
        if (r->rc == 0) r->rc = sync_tree(&r->run, &r->types, &r->err);
        if (r->rc == -ERR_DB || r->rc == -ERR_CONFLICT) return err_set(err, r->err.code, "%s", r->err.text);
    }
    if (end_types(r, err) < 0 || parse_new(r, err) < 0) return err_result(err);
    if (r->due_count && sync_config_note_run(r->run.db, r->mode == DUE_EVERYTHING, err) < 0) return -ERR_DB;
    make_result(r);
    return result_add_preview(r->result, &r->run, err);
}

/* One round: 0 and the result, or negative. */
static int round_run(struct round *r, struct task_ctx *ctx, bool is_forced, bool joins, cJSON **result, struct err *err)
{
    const char *asks = r->only ? r->only : r->mode == DUE_EVERYTHING ? "all" : "due";
    const struct run_ask ask = {.scope = TREE_SCOPE, .asks = asks, .is_forced = is_forced, .is_dry = r->is_dry};
    int rc = joins ? join_or_open(&r->run, ctx, &ask, result, err) : run_open(&r->run, ctx, &ask, err);
    if (rc == 1) return 0;
    if (rc == -ERR_CONFLICT) {
        run_close(&r->run, NULL, NULL);
        *result = result_skipped(ctx, "a sync is running already");
        return 0;
    }
    if (rc == 0) rc = work(r, err);
    bool is_cancelled = r->rc == -ERR_CANCELLED || rc == -ERR_CANCELLED;
    run_close(&r->run,
              is_cancelled             ? "cancelled"
              : rc < 0 || r->is_failed ? "failed"
              : r->run.hold.id         ? "held"
                                       : "completed",
              r->result);
    cJSON_Delete(r->counts);
    cJSON_Delete(r->details);
    if (rc == 0 && is_cancelled && r->is_failed) rc = err_set(err, ERR_CANCELLED, "%s", r->err.text);
    if (rc < 0)
        cJSON_Delete(r->result);
    else
        *result = r->result;
    return rc;
}

/* A tick: most find nothing to do, and leave no trace then. Never waits for a sync that is running. */
static int scheduled(struct task_ctx *ctx, enum due_mode mode, cJSON **result, struct err *err)
{
    if (result_is_switched_off(ctx, result)) return 0;
    int idle = idle_look(ctx, mode, result, err);
    if (idle != 0) return idle < 0 ? idle : 0;
    struct round *r = calloc(1, sizeof *r);
    if (!r) return err_set(err, ERR_NOMEM, "no memory");
    r->mode = mode;
    int rc = round_run(r, ctx, false, false, result, err);
    free(r);
    return rc;
}

int task_smart_sync_scheduler(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                              struct err *err)
{
    (void)args, (void)kwargs;
    return scheduled(ctx, DUE_BY_INTERVAL, result, err);
}

int task_hourly_smart_sync(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                           struct err *err)
{
    (void)args, (void)kwargs;
    return scheduled(ctx, DUE_SAFETY_NET, result, err);
}

int task_full_sync(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err)
{
    struct round *r = calloc(1, sizeof *r);
    if (!r) return err_set(err, ERR_NOMEM, "no memory");
    r->mode = DUE_EVERYTHING;
    r->is_dry = task_flag(args, kwargs, 1, "dry_run");
    int rc = round_run(r, ctx, task_flag(args, kwargs, 0, "force_sync"), true, result, err);
    free(r);
    return rc;
}

int task_sync_object_type(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err)
{
    char *type = argument_text(args, kwargs, 0, "object_type", err);
    struct round *r = calloc(1, sizeof *r);
    if (!type || !r) {
        ctx->exc_type = "ValueError";
        free(type);
        free(r);
        return type ? err_set(err, ERR_NOMEM, "no memory") : -ERR_INPUT;
    }
    r->only = type;
    r->mode = DUE_EVERYTHING;
    int rc = round_run(r, ctx, false, true, result, err);
    free(r);
    free(type);
    return rc;
}
