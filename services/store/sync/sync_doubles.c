/* Doubles: see sync_doubles.h. Where an elevation was moved, the project that it has left has changed too, and its list
 * is older than that: the row follows. A list that is as recent as its project's last change is right about what it
 * shows. */
#include "services/store/sync/sync_doubles.h"

#include <stddef.h>
#include <stdio.h>

#include "conf/utf8.h"
#include "services/store/db.h"
#include "services/store/sync/sync_stage.h"

/* $1 stage, $2 listings, $3 project, $4 run */
static const char elsewhere[] =
    "WITH held AS (SELECT e.logikal_id, q.name, q.logikal_id AS guid FROM elevations e"
    "   JOIN projects q ON q.id = e.project_id JOIN directories d ON d.id = q.directory_id"
    "   JOIN phases h ON h.id = e.phase_id JOIN project_cursors c ON c.project_id = q.id"
    "  WHERE e.logikal_id IN (SELECT s.id FROM sync_stage_elevations s WHERE s.stage = $1 AND"
    "     s.listing = ANY ($2::bigint[])) AND e.project_id <> $3::integer AND e.deleted_at IS NULL"
    "   AND q.deleted_at IS NULL AND d.deleted_at IS NULL AND h.deleted_at IS NULL"
    "   AND c.elevations_date = q.api_changed_date"
    "   AND NOT EXISTS (SELECT FROM sync_missing m WHERE (m.object_type, m.object_id) IN"
    "    (('elevation', e.id), ('phase', e.phase_id), ('project', e.project_id), ('directory', q.directory_id)))),"
    " taken AS (DELETE FROM sync_stage_elevations s USING held WHERE s.stage = $1 AND s.listing = ANY ($2::bigint[])"
    "  AND s.id = held.logikal_id RETURNING s.id, s.phase),"
    " noted AS (INSERT INTO sync_doubles SELECT $4::bigint, id, $3::integer, phase FROM taken) SELECT logikal_id, "
    "left(name, 100), guid FROM held ORDER BY 1";

static const char in_several[] =
    "SELECT s.id, count(DISTINCT s.directory), left(min(s.directory), 150), left(max(s.directory), 150)"
    " FROM sync_stage_projects s WHERE s.stage = $1 AND NOT s.is_deleted GROUP BY s.id"
    " HAVING count(DISTINCT s.directory) > 1 ORDER BY s.id LIMIT 100";

static void tell(const struct stage *stage, const char *type, const char *id, char *why)
{
    utf8_finish(why);
    if (stage->refused) stage->refused(stage->refused_arg, type, id, why);
}

int64_t doubles_elevations(const struct stage *stage, int64_t run, const char *project, const char *listings,
                           struct err *err)
{
    char id[DB_NUMBER_SIZE], run_text[DB_NUMBER_SIZE], why[500];
    const char *values[] = {db_number(id, stage->id), listings, project, db_number(run_text, run)};
    PGresult *r = db_query(stage->db, err, elsewhere, 4, values);
    if (!r) return -ERR_DB;
    int64_t count = PQntuples(r);
    for (int i = 0; i < PQntuples(r); i++) {
        snprintf(why, sizeof(why), "it is in project %s (%s) too, where it stays", db_text(r, i, 1), db_text(r, i, 2));
        tell(stage, "elevation", db_text(r, i, 0), why);
    }
    PQclear(r);
    return count;
}

static const char settle[] =
    "WITH moved AS (SELECT DISTINCT ON (m.object_id) m.object_id, x.project_id, h.id AS phase_id FROM sync_doubles x"
    "  JOIN elevations e ON e.logikal_id = x.logikal_id AND e.deleted_at IS NULL"
    "  JOIN sync_missing m ON m.object_type = 'elevation' AND m.object_id = e.id AND m.run_id = x.run_id"
    "   AND m.state <> 'refused'"
    "  JOIN phases h ON h.project_id = x.project_id AND h.logikal_id = x.phase AND h.deleted_at IS NULL"
    "  WHERE x.run_id = $1 ORDER BY m.object_id, h.id),"
    " found AS (DELETE FROM sync_missing m USING moved WHERE m.object_type = 'elevation' AND m.object_id ="
    "  moved.object_id)"
    " UPDATE elevations e SET project_id = moved.project_id, phase_id = moved.phase_id, updated_at = now() FROM moved"
    " WHERE e.id = moved.object_id";

int doubles_settle(struct db *db, int64_t run, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, run)};
    if (db_exec(db, err, settle, 1, values) < 0) return -ERR_DB;
    return db_exec(db, err,
                   "DELETE FROM sync_doubles x WHERE x.run_id = $1 OR NOT EXISTS (SELECT FROM sync_runs r WHERE"
                   " r.id = x.run_id AND r.state = 'running')",
                   1, values) < 0
               ? -ERR_DB
               : 0;
}

int doubles_projects(const struct stage *stage, struct err *err)
{
    char id[DB_NUMBER_SIZE], why[500];
    const char *values[] = {db_number(id, stage->id)};
    PGresult *r = db_query(stage->db, err, in_several, 1, values);
    if (!r) return -ERR_DB;
    for (int i = 0; i < PQntuples(r); i++) {
        snprintf(why, sizeof(why), "it is listed in %s directories, %s and %s among them, and stays in one",
                 db_text(r, i, 1), db_text(r, i, 2), db_text(r, i, 3));
        tell(stage, "project", db_text(r, i, 0), why);
    }
    PQclear(r);
    return 0;
}
