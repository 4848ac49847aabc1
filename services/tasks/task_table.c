/* The one list of tasks: see task_table.h. Names are those that clients of the replaced system know; a row here is all
 * that is needed for a task to be served, listed and limited. */
#include "services/tasks/task_table.h"

#include <string.h>

#include "services/feed/tasks.h"
#include "services/parts/tasks.h"
#include "services/sync/tasks/tasks.h"
#include "services/tasks/canvas.h"
#include "services/tasks/diagnostics.h"
#include "services/tasks/dry_run_name.h"

#define SCHEDULER "tasks.scheduler_tasks."
#define SYNC      "tasks.sync_tasks."
#define PARSER    "tasks.sqlite_parser_tasks."
#define DIAGNOSE  "tasks.diagnostics."

static const struct task_def table[] = {
    {.name = SCHEDULER "smart_sync_scheduler", .params = "", .queue = "scheduler", .run = task_smart_sync_scheduler},
    {.name = SCHEDULER "hourly_smart_sync", .params = "", .queue = "scheduler", .run = task_hourly_smart_sync},
    {.name = SCHEDULER "cleanup_old_tasks", .params = "days", .queue = "scheduler", .run = task_cleanup_old_tasks},
    {.name = SCHEDULER "system_health_monitor", .params = "", .queue = "scheduler", .run = task_system_health_monitor},

    {.name = SYNC "sync_project_task",
     .params = "project_id force_sync? dry_run",
     .queue = "sync",
     .run = task_sync_project,
     .dry_run_at = 2},
    {.name = SYNC "batch_sync_projects_task",
     .params = "project_ids force_sync?",
     .queue = "sync",
     .run = task_batch_sync_projects},
    {.name = SYNC "full_sync_task",
     .params = "force_sync? dry_run",
     .queue = "sync",
     .run = task_full_sync,
     .dry_run_at = 1},
    {.name = SYNC "health_check_task", .params = "", .queue = "sync", .run = task_health_check},
    {.name = SYNC "sync_object_type_task", .params = "object_type", .queue = "sync", .run = task_sync_object_type},
    {.name = SYNC "help_sync_task", .params = "run_id worker hops", .queue = "sync", .run = task_help_sync},
    {.name = SYNC "fetch_drawing_task", .params = "elevation_id", .queue = "sync", .run = task_fetch_drawing},
    {.name = SYNC "force_sync_project_task",
     .params = "project_id directory_id dry_run",
     .queue = "sync",
     .run = task_force_sync_project,
     .dry_run_at = 2},
    {.name = SYNC "force_sync_directory_task",
     .params = "directory_id",
     .queue = "sync",
     .run = task_force_sync_directory},
    {.name = SYNC "force_sync_directories_task", .params = "", .queue = "sync", .run = task_force_sync_directories},

    {.name = PARSER "parse_elevation_sqlite",
     .params = "elevation_id force?",
     .queue = "sqlite_parser",
     .run = task_parse_elevation_sqlite},
    {.name = PARSER "batch_parse_elevations",
     .params = "elevation_ids force?",
     .queue = "sqlite_parser",
     .run = task_batch_parse_elevations},
    {.name = PARSER "trigger_parsing_for_new_files",
     .params = "",
     .queue = "sqlite_parser",
     .run = task_trigger_parsing_for_new_files},
    {.name = PARSER "take_over_parts_files", .params = "", .queue = "sqlite_parser", .run = task_take_over_parts_files},
    {.name = PARSER "parts_table_rows",
     .params = "sha256 table first limit",
     .queue = "sqlite_parser",
     .run = task_parts_table_rows},

    {.name = FEED_DELIVER_TASK,
     .params = "",
     .queue = FEED_QUEUE,
     .run = task_deliver_webhooks,
     .ignores_result = true},
    {.name = FEED_TEST_TASK, .params = "webhook_id", .queue = FEED_QUEUE, .run = task_test_webhook},

    {.name = "celery.map", .queue = "sync", .run = task_map},
    {.name = "celery.starmap", .queue = "sync", .run = task_starmap},
    {.name = "celery.group", .queue = "sync", .run = task_canvas},
    {.name = "celery.chain", .queue = "sync", .run = task_canvas},
    {.name = "celery.chunks", .queue = "sync", .run = task_chunks},
    {.name = "celery.chord", .queue = "sync", .run = task_canvas},

    {.name = DIAGNOSE "noop", .queue = "sync", .run = task_noop, .is_diagnostic = true},
    {.name = DIAGNOSE "add", .queue = "sync", .run = task_add, .is_diagnostic = true},
    {.name = DIAGNOSE "sum", .queue = "sync", .run = task_sum, .is_diagnostic = true},
    {.name = DIAGNOSE "given", .queue = "sync", .run = task_given, .is_diagnostic = true},
    {.name = DIAGNOSE "echo", .queue = "sync", .run = task_echo, .is_diagnostic = true},
    {.name = DIAGNOSE "sleep", .queue = "sync", .run = task_sleep, .is_diagnostic = true},
    {.name = DIAGNOSE "fail", .queue = "sync", .run = task_fail, .is_diagnostic = true},
    {.name = DIAGNOSE "crash", .queue = "sync", .run = task_crash, .is_diagnostic = true},
    {.name = DIAGNOSE "effect", .queue = "sync", .run = task_effect, .is_diagnostic = true},
    {.name = DIAGNOSE "ignored", .queue = "sync", .run = task_ignored, .is_diagnostic = true, .ignores_result = true},
};

_Static_assert(sizeof table / sizeof *table <= TASKS_MAX, "tables by row are too short");

const struct task_def *task_table(size_t *count)
{
    if (count) *count = sizeof table / sizeof *table;
    return table;
}

const struct task_def *task_find(const char *name, bool with_diagnostics)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, name) == 0) return !table[i].is_diagnostic || with_diagnostics ? &table[i] : NULL;
    return NULL;
}

int task_check_dry_run(const struct task_def *def, const cJSON *args, const cJSON *kwargs, struct err *err)
{
    const char *name = def->is_diagnostic ? NULL : dry_run_member(kwargs);
    if (name && strcmp(name, "dry_run") != 0)
        return err_set(err, ERR_INPUT, "%.40s is no argument, a dry run is asked for by dry_run: nothing was done",
                       name);
    const cJSON *asked = task_arg(def->dry_run_at > 0 ? args : NULL, kwargs, def->dry_run_at, "dry_run");
    if (!asked || cJSON_IsNull(asked) || cJSON_IsFalse(asked) || def->is_diagnostic) return 0;
    if (!cJSON_IsTrue(asked)) return err_set(err, ERR_INPUT, "dry_run is neither true nor false: nothing was done");
    return def->dry_run_at > 0
               ? 0
               : err_set(err, ERR_INPUT, "%s cannot be previewed (dry_run): nothing was done", def->name);
}
