/* Statements on consistency: the view project_checks in the words that clients know. */
#include "services/store/web/watch/checks_read.h"
#include "services/store/web/list_sql.h"

/* A list of the texts whose condition holds. */
#define LIST(...)                                                                                                      \
    "(SELECT coalesce(json_agg(t) FILTER (WHERE t IS NOT NULL), '[]') FROM unnest(ARRAY[" __VA_ARGS__ "]) t)"
#define COUNTED(n, text) "CASE WHEN " n " > 0 THEN " n " || ' " text "' END"

#define MISPLACED     COUNTED("c.misplaced", "elevations name another project than their phase does")
#define ORPHANED      COUNTED("c.orphaned", "elevations are in a phase that is gone")
#define PARTS_MISSING COUNTED("c.parts_missing", "elevations are marked as having a parts list, but none is stored")
#define NO_DIRECTORY  "CASE WHEN c.directory_id IS NULL THEN 'The project is in no directory' END"
#define ERRORS        LIST(MISPLACED ", " ORPHANED ", " PARTS_MISSING ", " NO_DIRECTORY)
#define EMPTY_PHASES  COUNTED("c.empty_phases", "phases have no elevations")
#define PARSE_FAILED  COUNTED("c.parse_failed", "parts lists could not be read")
#define NO_PHASES     "CASE WHEN c.phases = 0 THEN 'The project has no phases' END"
#define NEVER_SYNCED  "CASE WHEN c.last_sync_date IS NULL THEN 'The project was never synced' END"
#define WARNINGS      LIST(EMPTY_PHASES ", " PARSE_FAILED ", " NO_PHASES ", " NEVER_SYNCED)
#define IS_VALID      "(c.misplaced = 0 AND c.orphaned = 0 AND c.parts_missing = 0 AND c.directory_id IS NOT NULL)"
#define VALIDATION                                                                                                     \
    "json_build_object('project_id', c.logikal_id, 'valid', " IS_VALID ", 'errors', " ERRORS ", 'warnings', " WARNINGS \
    ", 'checks', json_build_object('phases_count', c.phases, 'elevations_count', c.elevations, 'empty_phases',"        \
    " c.empty_phases, 'misplaced_elevations', c.misplaced, 'orphaned_elevations', c.orphaned,"                         \
    " 'missing_parts_lists', c.parts_missing, 'parse_failures', c.parse_failed))"
#define UNSYNCED_PHASES     COUNTED("c.unsynced_phases", "phases were never synced")
#define UNSYNCED_ELEVATIONS COUNTED("c.unsynced_elevations", "elevations were never synced")
#define SYNCS_FAILED                                                                                                   \
    "CASE WHEN c.failures > 0 THEN 'The last ' || c.failures || ' syncs failed: ' || coalesce(c.last_error, '') END"
#define INCONSISTENCIES LIST(UNSYNCED_PHASES ", " UNSYNCED_ELEVATIONS ", " SYNCS_FAILED)
#define RECOMMENDATIONS                                                                                                \
    LIST("CASE WHEN c.unsynced_phases + c.unsynced_elevations > 0 OR c.failures > 0 THEN"                              \
         " 'Run a forced sync of the project' END")
#define PARTIAL                                                                                                        \
    "json_build_object('project_id', c.logikal_id, 'has_partial_failures', c.unsynced_phases > 0 OR"                   \
    " c.unsynced_elevations > 0 OR coalesce(c.failures, 0) > 0, 'sync_status', json_build_object("                     \
    "'project', json_build_object('last_sync_date', c.last_sync_date, 'last_update_date', c.last_update_date,"         \
    " 'is_synced', c.last_sync_date IS NOT NULL),"                                                                     \
    " 'phases', json_build_object('total', c.phases, 'synced', c.phases - c.unsynced_phases, 'unsynced',"              \
    " c.unsynced_phases), 'elevations', json_build_object('total', c.elevations, 'synced',"                            \
    " c.elevations - c.unsynced_elevations, 'unsynced', c.unsynced_elevations)),"                                      \
    " 'inconsistencies', " INCONSISTENCIES ", 'recommendations', " RECOMMENDATIONS ")"
#define THE_PROJECT " FROM project_checks c WHERE c.logikal_id = logikald_guid($1) OR c.id::text = $1 LIMIT 1"
#define HAS_ISSUES                                                                                                     \
    "(NOT " IS_VALID " OR c.unsynced_phases > 0 OR c.unsynced_elevations > 0 OR coalesce(c.failures, 0) > 0)"

const struct query query_check_project = {
    .name = "check_project", .is_slow = true, .sql = "SELECT " VALIDATION THE_PROJECT};
const struct query query_partial_failures = {
    .name = "partial_failures", .is_slow = true, .sql = "SELECT " PARTIAL THE_PROJECT};

/* Those with something wrong come first; a report names at most 200 projects. */
const struct query query_integrity_report = {
    .name = "integrity_report",
    .is_slow = true,
    .sql =
        "WITH c AS MATERIALIZED (SELECT * FROM project_checks WHERE $1::text IS NULL OR logikal_id = logikald_guid($1)"
        "  OR id::text = $1)"
        " SELECT CASE WHEN $1::text IS NOT NULL AND NOT EXISTS (SELECT FROM c) THEN NULL ELSE json_build_object("
        "'generated_at', now(), 'scope', CASE WHEN $1::text IS NULL THEN 'all_projects' ELSE 'project' END, 'summary',"
        " (SELECT json_build_object('total_projects', count(*), 'consistent_projects', count(*) FILTER (WHERE "
        "NOT " HAS_ISSUES "), 'projects_with_issues', count(*) FILTER (WHERE " HAS_ISSUES "), 'consistency_rate',"
        " coalesce(round(100.0 * count(*) FILTER (WHERE NOT " HAS_ISSUES ") / nullif(count(*), 0), 2), 100)) FROM c),"
        " 'detailed_analysis', (SELECT coalesce(json_agg(json_build_object('project_id', c.logikal_id, 'project_name',"
        " c.name, 'validation', " VALIDATION ", 'partial_failure_analysis', " PARTIAL ")), '[]')"
        " FROM (SELECT * FROM c ORDER BY " HAS_ISSUES " DESC, c.id LIMIT 200) c),"
        " 'recommendations', (SELECT CASE WHEN count(*) FILTER (WHERE " HAS_ISSUES ") > 0"
        " THEN json_build_array('Repair or sync the projects with issues') ELSE '[]'::json END FROM c)) END",
};

#define MOVED    COUNTED("(SELECT count(*) FROM moved)", "elevations put into the project of their phase")
#define BURIED   COUNTED("(SELECT count(*) FROM buried)", "elevations of vanished phases marked as vanished")
#define UNMARKED COUNTED("(SELECT count(*) FROM unmarked)", "elevations no longer marked as having a parts list")
#define REPAIRS  LIST(MOVED ", " BURIED ", " UNMARKED)

/* Everything that the rows themselves tell how to put right. */
const struct query query_repair_project = {
    .name = "repair_project",
    .is_slow = true,
    .sql = "WITH p AS (SELECT id, logikal_id, now() AS at FROM projects WHERE deleted_at IS NULL AND"
           " (logikal_id = logikald_guid($1) OR id::text = $1) LIMIT 1),"
           " moved AS (UPDATE elevations e SET project_id = h.project_id, updated_at = now() FROM phases h, p"
           " WHERE h.project_id = p.id AND e.phase_id = h.id AND e.project_id IS DISTINCT FROM p.id AND"
           " e.deleted_at IS NULL AND h.deleted_at IS NULL RETURNING e.id),"
           " buried AS (UPDATE elevations e SET deleted_at = now(), updated_at = now() FROM phases h, p"
           " WHERE h.project_id = p.id AND e.phase_id = h.id AND e.deleted_at IS NULL AND h.deleted_at IS NOT NULL"
           " RETURNING e.id),"
           " unmarked AS (UPDATE elevations e SET has_parts_data = false, parse_status = 'pending', updated_at = now()"
           " FROM phases h, p WHERE h.project_id = p.id AND e.phase_id = h.id AND e.has_parts_data AND e.deleted_at IS"
           " NULL AND h.deleted_at IS NULL AND e.project_id = p.id AND NOT EXISTS (SELECT FROM elevation_parts_lists l"
           " WHERE l.elevation_id = e.id AND l.sha256 IS NOT NULL) RETURNING e.id)"
           " SELECT json_build_object('project_id', p.logikal_id, 'success', true, 'repairs_made', " REPAIRS ","
           " 'errors', '[]'::json, 'started_at', p.at, 'completed_at', clock_timestamp()) FROM p",
};

#define STALE_OBJECTS(type, x, is_changed, is_stale, from)                                                             \
    "SELECT " x ".id, " x ".logikal_id, " x ".name, " x ".last_sync_date, " x                                          \
    ".last_update_date AS logikal_last_update, CASE WHEN " x                                                           \
    ".last_sync_date IS NULL THEN 'never synced' WHEN " is_changed                                                     \
    " THEN 'changed since the last sync' ELSE 'not confirmed for longer than its threshold' END"                       \
    " AS staleness_reason FROM " from " WHERE " x ".deleted_at IS NULL AND $1 = '" type "' AND " is_stale
#define STALE_PROJECTS   STALE_OBJECTS("project", "p", PROJECT_CHANGED, PROJECT_IS_STALE, PROJECTS_SEEN)
#define STALE_PHASES     STALE_OBJECTS("phase", "h", PHASE_CHANGED, PHASE_IS_STALE, PHASES_SEEN)
#define STALE_ELEVATIONS STALE_OBJECTS("elevation", "e", ELEVATION_CHANGED, ELEVATION_IS_STALE, ELEVATIONS_SEEN)
#define STALE_DIRECTORIES                                                                                              \
    "SELECT d.id, d.logikal_id, d.name, coalesce(d.last_api_sync, d.synced_at), d.api_changed_date,"                   \
    " 'not confirmed for longer than its threshold' FROM directories d WHERE $1 = 'directory' AND d.deleted_at IS"     \
    " NULL AND " DIRECTORY_IS_STALE

const struct query query_stale_objects = {
    .name = "stale_objects",
    .is_slow = true,
    .sql = "WITH stale AS (" STALE_PROJECTS " UNION ALL " STALE_PHASES " UNION ALL " STALE_ELEVATIONS
           " UNION ALL " STALE_DIRECTORIES ") SELECT json_build_object('object_type', $1::text, 'stale_objects',"
           " (SELECT coalesce(json_agg(s), '[]') FROM (SELECT * FROM stale ORDER BY id LIMIT 1000) s), 'total_count',"
           " (SELECT count(*) FROM stale), 'checked_at', now())",
};
