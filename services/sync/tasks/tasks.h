/* The sync's tasks, as the task table lists them (task_fn of ipc/task.h). Arguments bind by position or by name.
 *
 * Scheduled tasks answer {"success":true,"skipped":true,"reason":"Background sync is disabled",...} and do nothing when
 * the master switch of their configuration is off; manual and forced ones work anyway. All of them need PostgreSQL;
 * those that fetch need Logikal, one fetch at a time over all processes (a request for what is being synced joins it).
 */
#ifndef LOGIKALD_SERVICES_SYNC_TASKS_TASKS_H
#define LOGIKALD_SERVICES_SYNC_TASKS_TASKS_H

#include "ipc/task.h"

/* ---- queue scheduler; scheduled ---- */
/* tasks.scheduler_tasks.smart_sync_scheduler(): syncs the object types that are due. */
int task_smart_sync_scheduler(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                              struct err *err);
/* tasks.scheduler_tasks.hourly_smart_sync(): the same, and types of which some rows are stale as well. */
int task_hourly_smart_sync(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                           struct err *err);
/* tasks.scheduler_tasks.cleanup_old_tasks(days=30): removes old logs, runs and leases. */
int task_cleanup_old_tasks(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                           struct err *err);
/* tasks.scheduler_tasks.system_health_monitor(): freshness of what is served, failures, parts lists not read. */
int task_system_health_monitor(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                               struct err *err);

/* ---- queue sync; manual ---- */
/* tasks.sync_tasks.sync_project_task(project_id, force_sync=False): GUID, name or row id. */
int task_sync_project(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err);
/* tasks.sync_tasks.batch_sync_projects_task(project_ids, force_sync=False) */
int task_batch_sync_projects(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                             struct err *err);
/* tasks.sync_tasks.full_sync_task(force_sync=False): the whole tree now, whatever the intervals say. */
int task_full_sync(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err);
/* tasks.sync_tasks.health_check_task(): can PostgreSQL and Logikal be reached. */
int task_health_check(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err);
/* tasks.sync_tasks.sync_object_type_task(object_type): one type of the sync intervals page, now. */
int task_sync_object_type(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                          struct err *err);

/* tasks.sync_tasks.help_sync_task(run_id, worker): sent by a sync that has many projects before it; a runner of another
 * worker takes part in it. Not for people. */
int task_help_sync(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err);

/* tasks.sync_tasks.fetch_drawing_task(elevation_id): the upstream's drawing of one elevation (row id), for the API. */
int task_fetch_drawing(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err);

/* ---- queue sync; forced, as the ERP asks for them ---- */
/* tasks.sync_tasks.force_sync_project_task(project_id, directory_id=None): GUID or name; the directory by path or id.
 * Result: success, message, project_id, directory_id, phases_synced, elevations_synced, parts_lists_synced,
 * parts_lists_failed, duration_seconds. */
int task_force_sync_project(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                            struct err *err);
/* tasks.sync_tasks.force_sync_directory_task(directory_id): the projects of a directory; the same, and projects_synced.
 */
int task_force_sync_directory(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                              struct err *err);
/* tasks.sync_tasks.force_sync_directories_task(): all directories; directories_synced. */
int task_force_sync_directories(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result,
                                struct err *err);

#endif
