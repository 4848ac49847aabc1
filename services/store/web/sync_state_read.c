/* Statements on how fresh the stored objects are, and what the last syncs did. */
#include "services/store/web/sync_state_read.h"
#include "services/store/web/list_sql.h"

#define LOG_JSON                                                                                                       \
    "json_build_object('id', l.id, 'sync_type', l.sync_type, 'status', l.status, 'message', coalesce(l.message, ''),"  \
    " 'items_processed', coalesce(l.items_processed, 0), 'items_successful', coalesce(l.items_successful, 0),"         \
    " 'items_failed', coalesce(l.items_failed, 0), 'duration_seconds', l.duration_seconds, 'started_at',"              \
    " l.started_at, 'completed_at', l.completed_at)"

const struct query query_sync_state = {
    .name = "sync_state",
    .sql =
        "SELECT json_build_object('success', true, 'sync_config', json_build_object("
        "'is_sync_enabled', coalesce((SELECT is_sync_enabled FROM sync_config ORDER BY id LIMIT 1), true),"
        " 'sync_interval_minutes', coalesce((SELECT sync_interval_minutes FROM sync_config ORDER BY id LIMIT 1), 60),"
        " 'last_full_sync', greatest((SELECT max(last_full_sync) FROM sync_config), (SELECT max(completed_at)"
        " FROM sync_logs WHERE sync_type = 'full' AND status = 'completed')),"
        " 'last_incremental_sync', greatest((SELECT max(last_incremental_sync) FROM sync_config),"
        " (SELECT max(completed_at) FROM sync_logs WHERE sync_type = 'scheduled' AND status = 'completed'))),"
        " 'recent_logs', (SELECT coalesce(json_agg(" LOG_JSON " ORDER BY l.started_at DESC), '[]')"
        " FROM (SELECT * FROM sync_logs ORDER BY started_at DESC LIMIT 20) l))",
};

/* Stale rows below a project p with its cursor k. */
#define H_IS_STALE STALE_SQL("h", "k.confirmed_at", "phase")
#define STALE_PHASES                                                                                                   \
    "(SELECT count(*) FILTER (WHERE " H_IS_STALE ") FROM phases h"                                                     \
    " WHERE h.project_id = p.id AND h.deleted_at IS NULL)"
#define E_IS_STALE STALE_SQL("e", "k.confirmed_at", "elevation")
#define STALE_ELEVATIONS                                                                                               \
    "(SELECT count(*) FILTER (WHERE " E_IS_STALE ") FROM elevations e JOIN phases h ON h.id = e.phase_id"              \
    " WHERE h.project_id = p.id AND e.deleted_at IS NULL)"

const struct query query_project_sync_status = {
    .name = "project_sync_status",
    .sql =
        "SELECT coalesce((SELECT json_build_object('project_id', $1::text, 'exists', true, 'sync_needed',"
        " t.stale OR t.stale_phases > 0 OR t.stale_elevations > 0, 'project_stale', t.stale,"
        " 'stale_phases_count', t.stale_phases, 'stale_elevations_count', t.stale_elevations, 'total_phases',"
        " t.phases, 'total_elevations', t.elevations, 'last_sync_date', t.last_sync_date, 'last_update_date',"
        " t.last_update_date, 'reason', CASE WHEN t.last_sync_date IS NULL THEN 'Never synced'"
        " WHEN t.is_changed THEN 'Changed since the last sync'"
        " WHEN t.stale THEN 'Not confirmed for longer than its threshold'"
        " WHEN t.stale_phases > 0 THEN 'Phases are stale' WHEN t.stale_elevations > 0 THEN 'Elevations are stale' END)"
        " FROM (SELECT p.last_sync_date, p.last_update_date, " PROJECT_CHANGED " AS is_changed, " PROJECT_IS_STALE
        " AS stale, " STALE_PHASES " AS stale_phases, " STALE_ELEVATIONS " AS stale_elevations,"
        " (SELECT count(*) FROM phases h WHERE h.project_id = p.id AND h.deleted_at IS NULL) AS phases,"
        " (SELECT count(*) FROM elevations e JOIN phases h ON h.id = e.phase_id"
        " WHERE h.project_id = p.id"
        " AND e.deleted_at IS NULL) AS elevations"
        " FROM projects p LEFT JOIN project_cursors k ON k.project_id = p.id"
        " WHERE p.deleted_at IS NULL AND (p.logikal_id = logikald_guid($1) OR p.id::text = $1) ORDER BY"
        " p.logikal_id = logikald_guid($1) DESC LIMIT 1"
        ") t), json_build_object('project_id', $1::text, 'exists', false, 'sync_needed', true, "
        "'project_stale', true,"
        " 'stale_phases_count', 0, 'stale_elevations_count', 0, 'total_phases', 0,"
        " 'total_elevations', 0,"
        " 'last_sync_date', NULL, 'last_update_date', NULL, 'reason',"
        " 'The project is not in the database'))",
};

#define COUNTED(x, is_stale, more, from)                                                                               \
    "(SELECT count(*) AS total, count(*) FILTER (WHERE " is_stale ") AS stale" more " FROM " from " WHERE " x          \
    ".deleted_at IS NULL) "
#define ALL_PROJECTS                                                                                                   \
    COUNTED("p", PROJECT_IS_STALE, ", count(*) FILTER (WHERE p.last_sync_date IS NULL) AS never", PROJECTS_SEEN)
#define ALL_PHASES     COUNTED("h", PHASE_IS_STALE, "", PHASES_SEEN)
#define ALL_ELEVATIONS COUNTED("e", ELEVATION_IS_STALE, "", ELEVATIONS_SEEN)

const struct query query_sync_summary = {
    .name = "sync_summary",
    .is_slow = true,
    .sql = "SELECT json_build_object('summary', json_build_object('total_projects', p.total, 'stale_projects', p.stale,"
           " 'projects_never_synced', p.never, 'total_phases', h.total, 'stale_phases', h.stale, 'total_elevations',"
           " e.total, 'stale_elevations', e.stale), 'generated_at', now()) FROM " ALL_PROJECTS "p, " ALL_PHASES
           "h, " ALL_ELEVATIONS "e",
};

/* Who says that it changed since it was read has it read anew by its next sync, though no date of the upstream moved.
 */
const struct query query_project_mark_updated = {
    .name = "project_mark_updated",
    .sql = "WITH p AS (UPDATE projects SET last_update_date = coalesce($2::timestamptz, now()), updated_at = now()"
           " WHERE deleted_at IS NULL AND (logikal_id = logikald_guid($1) OR id::text = $1) RETURNING *),"
           " anew AS (UPDATE project_cursors k SET phases_date = NULL, elevations_date = NULL FROM p"
           " WHERE k.project_id = p.id AND " PROJECT_CHANGED ")"
           " SELECT json_build_object('success', true, 'project_id', logikal_id, 'update_date', last_update_date,"
           " 'last_update_date', last_update_date, 'message', 'Project marked as updated') FROM p",
};

const struct query query_task_run = {
    .name = "task_run",
    .sql = "SELECT state, current, total, status, result, to_json(finished_at)#>>'{}' FROM sync_runs WHERE task_id = $1"
           " ORDER BY id DESC LIMIT 1",
};
