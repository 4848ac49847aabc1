/* The plan of a run: which of the staged projects are visited, and what for. See sync_tree.h. A changedDate is trusted
 * only when it is older than the listing that went with it by OVERLAP: what changed in the same moment may have been
 * missed. */
#include <stddef.h>

#include "services/store/db/db.h"
#include "services/store/sync/files/sync_files_sql.h"
#include "services/store/sync/staging/sync_stage.h"
#include "services/store/sync/staging/sync_tree.h"

#define OVERLAP "interval '3 s'"

static const char fill_plan[] =
    "WITH seen AS (SELECT DISTINCT ON (id) id, to_timestamp(changed) AS changed, is_deleted FROM sync_stage_projects"
    "  WHERE stage = $8::bigint ORDER BY id, is_deleted, listing DESC),"
    " state AS (SELECT p.id, p.logikal_id, d.upstream_chain, s.changed,"
    "   coalesce(s.changed IS DISTINCT FROM c.phases_date OR c.phases_date >= c.phases_at - " OVERLAP ", true)"
    "     AS phases_moved,"
    "   coalesce(s.changed IS DISTINCT FROM c.elevations_date OR c.elevations_date >= c.elevations_at - " OVERLAP
    ", true) AS elevations_moved,"
    "   coalesce($6::bigint > 0 AND coalesce(c.phases_listed_at, c.phases_at) < now() - $6::bigint * interval '1 s', "
    "false) AS phases_stale,"
    "   coalesce($7::bigint > 0 AND coalesce(c.elevations_listed_at, c.elevations_at) < now() - $7::bigint * interval "
    "'1 s', false) AS elevations_stale"
    "  FROM seen s JOIN projects p ON p.logikal_id = s.id JOIN directories d ON d.id = p.directory_id"
    "  LEFT JOIN project_cursors c ON c.project_id = p.id"
    "  WHERE NOT s.is_deleted AND p.deleted_at IS NULL AND d.upstream_chain IS NOT NULL),"
    " needs AS (SELECT *, ($1::bool AND ($5::bool OR phases_moved OR phases_stale)) OR ($2::bool AND phases_moved)"
    "     AS needs_phases,"
    "   ($3::bool AND ($5::bool OR elevations_moved OR elevations_stale)) OR ($4::bool AND elevations_moved)"
    "     AS needs_elevations FROM state) "
    "INSERT INTO sync_stage_plan (stage, seq, project_id, guid, chain, changed, needs_phases, needs_elevations)"
    " SELECT $8::bigint, row_number() OVER (ORDER BY upstream_chain, id), id, logikal_id, upstream_chain, "
    "extract(epoch FROM changed)::bigint, needs_phases, needs_elevations"
    " FROM needs WHERE needs_phases OR needs_elevations";

/* Seen again as it is stored: fresh. */
static const char confirm_rest[] =
    "UPDATE project_cursors c SET confirmed_at = now()"
    " FROM projects p JOIN sync_stage_projects s ON s.id = p.logikal_id"
    " WHERE s.stage = $1 AND c.project_id = p.id AND NOT s.is_deleted AND c.elevations_date = to_timestamp(s.changed)"
    "  AND p.id NOT IN (SELECT project_id FROM sync_stage_plan WHERE stage = $1)";

static int forget_plan(const struct stage *stage, const char *const *id, struct err *err)
{
    return db_exec(stage->db, err, "DELETE FROM sync_stage_plan WHERE stage = $1", 1, id) < 0 ? -ERR_DB : 0;
}

int tree_plan(const struct stage *stage, const struct tree_wants *wants, int64_t *planned, int64_t *skipped,
              struct err *err)
{
    struct db *db = stage->db;
    char phases_stale[DB_NUMBER_SIZE], elevations_stale[DB_NUMBER_SIZE], id[DB_NUMBER_SIZE];
    const char *stage_id[] = {db_number(id, stage->id)};
    const char *values[] = {wants->phases_due ? "t" : "f",
                            wants->phases_follow ? "t" : "f",
                            wants->elevations_due ? "t" : "f",
                            wants->elevations_follow ? "t" : "f",
                            wants->is_forced ? "t" : "f",
                            db_number(phases_stale, wants->phases_stale_s),
                            db_number(elevations_stale, wants->elevations_stale_s),
                            id};
    if (forget_plan(stage, stage_id, err) < 0 || db_script(db, err, "ANALYZE (SKIP_LOCKED) sync_stage_projects") < 0)
        return -ERR_DB;
    if ((*planned = db_exec(db, err, fill_plan, 8, values)) < 0) return -ERR_DB;
    return (*skipped = db_exec(db, err, confirm_rest, 1, stage_id)) < 0 ? -ERR_DB : 0;
}

int tree_plan_files(const struct stage *stage, int64_t run, bool thumbnails, bool parts_lists, int64_t *planned,
                    struct err *err)
{
    struct db *db = stage->db;
    char id[DB_NUMBER_SIZE], run_text[DB_NUMBER_SIZE];
    const char *stage_id[] = {db_number(id, stage->id)};
    const char *values[] = {thumbnails ? "t" : "f", parts_lists ? "t" : "f", id, db_number(run_text, run)};
    if (forget_plan(stage, stage_id, err) < 0) return -ERR_DB;
    *planned =
        db_exec(db, err,
                "WITH RECURSIVE excluded AS (SELECT id FROM directories WHERE exclude_from_sync"
                "  UNION SELECT c.id FROM directories c JOIN excluded e ON c.parent_id = e.id) "
                "INSERT INTO sync_stage_plan (stage, seq, project_id, guid, chain, needs_phases, needs_elevations)"
                " SELECT $3::bigint, row_number() OVER (ORDER BY d.upstream_chain, p.id), p.id, p.logikal_id, "
                "d.upstream_chain, false, false FROM projects p JOIN directories d"
                "  ON d.id = p.directory_id"
                " WHERE p.deleted_at IS NULL AND d.deleted_at IS NULL AND d.upstream_chain IS NOT NULL"
                "  AND d.id NOT IN (SELECT id FROM excluded)"
                "  AND p.id NOT IN (SELECT object_id FROM sync_missing_below WHERE object_type = 'project')"
                "  AND EXISTS (SELECT FROM elevations e LEFT JOIN elevation_thumbnails t ON t.elevation_id = e.id"
                "   LEFT JOIN elevation_parts_lists l ON l.elevation_id = e.id"
                "   WHERE e.project_id = p.id AND e.deleted_at IS NULL"
                "    AND (($1::bool AND " WANTS_THUMBNAIL("$4") ") OR ($2::bool AND " WANTS_PARTS("$4") ")))",
                4, values);
    return *planned < 0 ? -ERR_DB : 0;
}
