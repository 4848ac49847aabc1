/* The tasks around the sync: cleaning up, watching the freshness, checking that the neighbours answer. */
#include <stdio.h>
#include <stdlib.h>

#include "conf/clock.h"
#include "services/logikal/login_check.h"
#include "services/store/journal.h"
#include "services/store/maintenance.h"
#include "services/store/sizes.h"
#include "services/store/sync/parts/parts_files.h"
#include "services/store/sync/files/sync_drawing.h"
#include "services/store/task_history.h"
#include "services/store/timeline.h"
#include "services/sync/tasks/result.h"
#include "services/sync/tasks/tasks.h"

#define DAYS_KEPT 30

static cJSON *new_result(const struct task_ctx *ctx, bool is_success, const char *when)
{
    char text[CLOCK_TEXT_SIZE];
    cJSON *result = cJSON_CreateObject();
    cJSON_AddBoolToObject(result, "success", is_success);
    cJSON_AddStringToObject(result, "task_id", ctx->id ? ctx->id : "");
    cJSON_AddStringToObject(result, when, clock_iso_us(wall_us(), text));
    return result;
}

int task_cleanup_old_tasks(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                           struct err *err)
{
    if (result_is_switched_off(ctx, result)) return 0;
    const cJSON *given = task_arg(args, kwargs, 0, "days");
    int days = DAYS_KEPT;
    if (cJSON_IsNumber(given) && given->valuedouble >= 1 && given->valuedouble <= 36500) days = (int)given->valuedouble;
    struct cleanup_counts n = {0};
    struct db *db = db_open_conf(ctx->conf, true, "logikald cleanup", err);
    int rc = db ? maintenance_cleanup(db, days, &n, err) : -ERR_DB;
    if (rc == 0) n.changes = journal_prune(db, (int)conf_int(ctx->conf, SET_CHANGES_DAYS), err);
    if (n.changes < 0) rc = -ERR_DB;
    int64_t tasks = rc == 0 ? task_history_sweep(db, (int)conf_int(ctx->conf, SET_TASK_HISTORY_DAYS), err) : 0;
    if (tasks < 0) rc = -ERR_DB;
    int64_t events = rc == 0 ? timeline_sweep(db, (int)conf_int(ctx->conf, SET_TIMELINE_DAYS), err) : 0;
    if (events < 0) rc = -ERR_DB;
    struct parts_swept swept = {0};
    if (rc == 0)
        rc = parts_sweep(db, (int)conf_int(ctx->conf, SET_PARTS_VERSIONS),
                         (int)conf_int(ctx->conf, SET_PARTS_VANISHED_DAYS), &swept, err);
    int64_t drawings = rc == 0 ? drawings_sweep(db, (int)conf_int(ctx->conf, SET_DRAWINGS_DAYS),
                                                (int)conf_int(ctx->conf, SET_PARTS_VANISHED_DAYS), err)
                               : 0;
    if (drawings < 0) rc = -ERR_DB;
    db_close(db);
    if (rc < 0) return rc;
    *result = new_result(ctx, true, "completed_at");
    cJSON_AddNumberToObject(*result, "days_kept", days);
    cJSON_AddNumberToObject(*result, "sync_logs_deleted", (double)n.sync_logs);
    cJSON_AddNumberToObject(*result, "sync_runs_deleted", (double)n.sync_runs);
    cJSON_AddNumberToObject(*result, "api_logs_deleted", (double)n.api_logs);
    cJSON_AddNumberToObject(*result, "parsing_errors_deleted", (double)n.parsing_errors);
    cJSON_AddNumberToObject(*result, "changes_deleted", (double)n.changes);
    cJSON_AddNumberToObject(*result, "tasks_deleted", (double)tasks);
    cJSON_AddNumberToObject(*result, "events_deleted", (double)events);
    cJSON_AddNumberToObject(*result, "parts_versions_deleted", (double)swept.versions);
    cJSON_AddNumberToObject(*result, "parts_lists_deleted", (double)swept.lists);
    cJSON_AddNumberToObject(*result, "parts_files_deleted", (double)swept.files);
    cJSON_AddNumberToObject(*result, "parts_bytes_deleted", (double)swept.bytes);
    cJSON_AddNumberToObject(*result, "drawings_deleted", (double)drawings);
    return 0;
}

static void add_types(cJSON *result, const PGresult *r, int *stale)
{
    cJSON *types = cJSON_AddObjectToObject(result, "object_types");
    for (int i = 0; i < PQntuples(r); i++) {
        cJSON *type = cJSON_AddObjectToObject(types, db_text(r, i, 0));
        bool is_enabled = db_bool(r, i, 4), is_never = !db_text(r, i, 1);
        bool is_stale = is_enabled && (is_never || db_int(r, i, 1) > db_int(r, i, 3) * 60);
        if (is_never)
            cJSON_AddNullToObject(type, "age_seconds");
        else
            cJSON_AddNumberToObject(type, "age_seconds", (double)db_int(r, i, 1));
        cJSON_AddBoolToObject(type, "is_enabled", is_enabled);
        cJSON_AddBoolToObject(type, "is_stale", is_stale);
        cJSON_AddStringToObject(type, "last_status", db_text(r, i, 5) ? db_text(r, i, 5) : "never");
        if (db_text(r, i, 6)) cJSON_AddStringToObject(type, "last_error", db_text(r, i, 6));
        *stale += is_stale;
    }
}

static void add_totals(cJSON *result, const PGresult *r)
{
    static const char *const names[] = {"projects",         "elevations",          "parts_lists",
                                        "projects_failing", "parts_lists_waiting", "parts_lists_unreadable",
                                        "failed_syncs_24h", "syncs_running",       "oldest_project_age_seconds"};
    cJSON *totals = cJSON_AddObjectToObject(result, "totals");
    for (int i = 0; i < PQnfields(r) && i < 9; i++) cJSON_AddNumberToObject(totals, names[i], (double)db_int(r, 0, i));
}

int task_system_health_monitor(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                               struct err *err)
{
    (void)args, (void)kwargs;
    if (result_is_switched_off(ctx, result)) return 0;
    int stale = 0;
    struct db *db = db_open_conf(ctx->conf, false, "logikald monitor", err);
    if (db) sizes_sample(db, NULL);
    PGresult *types = db ? maintenance_freshness(db, err) : NULL;
    PGresult *totals = types ? maintenance_totals(db, err) : NULL;
    if (totals) {
        *result = new_result(ctx, true, "checked_at");
        add_types(*result, types, &stale);
        add_totals(*result, totals);
        cJSON_AddStringToObject(*result, "status", stale || db_int(totals, 0, 6) ? "degraded" : "healthy");
    }
    PQclear(types);
    PQclear(totals);
    db_close(db);
    return *result ? 0 : err_result(err);
}

int task_health_check(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err)
{
    (void)args, (void)kwargs, (void)err;
    struct err db_why = {0}, upstream_why = {0};
    int64_t started_ms = mono_ms();
    struct db *db = db_open_conf(ctx->conf, false, "logikald health", &db_why);
    PGresult *r = db ? db_query(db, &db_why, "SELECT 1", 0, NULL) : NULL;
    bool has_db = r != NULL, has_upstream = logikal_login_check(ctx->conf, &upstream_why) == 0;
    PQclear(r);
    db_close(db);
    *result = new_result(ctx, has_db && has_upstream, "checked_at");
    cJSON_AddStringToObject(*result, "status", has_db && has_upstream ? "healthy" : "unhealthy");
    cJSON_AddStringToObject(*result, "database", has_db ? "ok" : db_why.text);
    cJSON_AddStringToObject(*result, "logikal", has_upstream ? "ok" : upstream_why.text);
    result_add_duration(*result, mono_ms() - started_ms);
    return 0;
}
