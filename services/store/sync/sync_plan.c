/* The plan of a run: which of the staged projects are visited, and what for. See sync_tree.h. A changedDate is trusted
 * only when it is older than the listing that went with it by OVERLAP: what changed in the same moment may have been
 * missed. */
#include <stddef.h>

#include "services/store/db.h"
#include "services/store/sync/sync_tree.h"

#define OVERLAP "interval '3 s'"

static const char fill_plan[] =
    "WITH seen AS (SELECT DISTINCT ON (id) id, to_timestamp(changed) AS changed, is_deleted FROM stage_projects"
    "  ORDER BY id, is_deleted, listing DESC),"
    " state AS (SELECT p.id, p.logikal_id, d.upstream_chain, s.changed,"
    "   coalesce(s.changed IS DISTINCT FROM c.phases_date OR c.phases_date >= c.phases_at - " OVERLAP ", true)"
    "     AS phases_moved,"
    "   coalesce(s.changed IS DISTINCT FROM c.elevations_date OR c.elevations_date >= c.elevations_at - " OVERLAP
    ", true) AS elevations_moved,"
    "   coalesce($6::bigint > 0 AND c.phases_at < now() - $6::bigint * interval '1 s', false) AS phases_stale,"
    "   coalesce($7::bigint > 0 AND c.elevations_at < now() - $7::bigint * interval '1 s', false) AS elevations_stale"
    "  FROM seen s JOIN projects p ON p.logikal_id = s.id JOIN directories d ON d.id = p.directory_id"
    "  LEFT JOIN project_cursors c ON c.project_id = p.id"
    "  WHERE NOT s.is_deleted AND p.deleted_at IS NULL AND d.upstream_chain IS NOT NULL),"
    " needs AS (SELECT *, ($1::bool AND ($5::bool OR phases_moved OR phases_stale)) OR ($2::bool AND phases_moved)"
    "     AS needs_phases,"
    "   ($3::bool AND ($5::bool OR elevations_moved OR elevations_stale)) OR ($4::bool AND elevations_moved)"
    "     AS needs_elevations FROM state) "
    "INSERT INTO stage_plan (project_id, guid, chain, changed, needs_phases, needs_elevations)"
    " SELECT id, logikal_id, upstream_chain, extract(epoch FROM changed)::bigint, needs_phases, needs_elevations"
    " FROM needs WHERE needs_phases OR needs_elevations ORDER BY upstream_chain, id";

/* Seen again as it is stored: fresh. */
static const char confirm_rest[] =
    "UPDATE project_cursors c SET confirmed_at = now() FROM projects p JOIN stage_projects s ON s.id = p.logikal_id"
    " WHERE c.project_id = p.id AND NOT s.is_deleted AND c.elevations_date = to_timestamp(s.changed)"
    "  AND p.id NOT IN (SELECT project_id FROM stage_plan)";

int tree_plan(struct db *db, const struct tree_wants *wants, int64_t *planned, int64_t *skipped, struct err *err)
{
    char phases_stale[DB_NUMBER_SIZE], elevations_stale[DB_NUMBER_SIZE];
    const char *values[] = {wants->phases_due ? "t" : "f",
                            wants->phases_follow ? "t" : "f",
                            wants->elevations_due ? "t" : "f",
                            wants->elevations_follow ? "t" : "f",
                            wants->is_forced ? "t" : "f",
                            db_number(phases_stale, wants->phases_stale_s),
                            db_number(elevations_stale, wants->elevations_stale_s)};
    if (db_script(db, err, "TRUNCATE stage_plan; ANALYZE stage_projects") < 0) return -ERR_DB;
    if ((*planned = db_exec(db, err, fill_plan, 7, values)) < 0) return -ERR_DB;
    return (*skipped = db_exec(db, err, confirm_rest, 0, NULL)) < 0 ? -ERR_DB : 0;
}

int tree_plan_files(struct db *db, bool thumbnails, bool parts_lists, int64_t *planned, struct err *err)
{
    const char *values[] = {thumbnails ? "t" : "f", parts_lists ? "t" : "f"};
    if (db_script(db, err, "TRUNCATE stage_plan") < 0) return -ERR_DB;
    *planned =
        db_exec(db, err,
                "WITH RECURSIVE excluded AS (SELECT id FROM directories WHERE exclude_from_sync"
                "  UNION SELECT c.id FROM directories c JOIN excluded e ON c.parent_id = e.id) "
                "INSERT INTO stage_plan (project_id, guid, chain, needs_phases, needs_elevations)"
                " SELECT p.id, p.logikal_id, d.upstream_chain, false, false FROM projects p JOIN directories d"
                "  ON d.id = p.directory_id"
                " WHERE p.deleted_at IS NULL AND d.deleted_at IS NULL AND d.upstream_chain IS NOT NULL"
                "  AND d.id NOT IN (SELECT id FROM excluded)"
                "  AND EXISTS (SELECT FROM elevations e LEFT JOIN elevation_thumbnails t ON t.elevation_id = e.id"
                "   LEFT JOIN elevation_parts_lists l ON l.elevation_id = e.id"
                "   WHERE e.project_id = p.id AND e.deleted_at IS NULL"
                "    AND (($1::bool AND (t.elevation_id IS NULL OR (t.version_id, t.changed_date) IS DISTINCT FROM"
                "          (e.version_id, e.api_changed_date)))"
                "      OR ($2::bool AND (l.elevation_id IS NULL OR (l.version_id, l.changed_date) IS DISTINCT FROM"
                "          (e.version_id, e.api_changed_date)))))"
                " ORDER BY d.upstream_chain, p.id",
                2, values);
    return *planned < 0 ? -ERR_DB : 0;
}
