/* Doubles: see sync_doubles.h. Where an elevation was moved, the project that it has left has changed too, and its list
 * is older than that: the row follows. A list that is as recent as its project's last change is right about what it
 * shows. */
#include "services/store/sync/sync_doubles.h"

#include <stddef.h>
#include <stdio.h>

#include "conf/utf8.h"
#include "services/store/db.h"
#include "services/store/sync/sync_stage.h"

/* $1 stage, $2 listings, $3 project */
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
    "  AND s.id = held.logikal_id) SELECT logikal_id, left(name, 100), guid FROM held ORDER BY 1";

static const char in_several[] =
    "SELECT s.id, count(DISTINCT s.directory), left(min(s.directory), 150), left(max(s.directory), 150)"
    " FROM sync_stage_projects s WHERE s.stage = $1 AND NOT s.is_deleted GROUP BY s.id"
    " HAVING count(DISTINCT s.directory) > 1 ORDER BY s.id LIMIT 100";

static void tell(const struct stage *stage, const char *type, const char *id, char *why)
{
    utf8_finish(why);
    if (stage->refused) stage->refused(stage->refused_arg, type, id, why);
}

int64_t doubles_elevations(const struct stage *stage, const char *project, const char *listings, struct err *err)
{
    char id[DB_NUMBER_SIZE], why[500];
    const char *values[] = {db_number(id, stage->id), listings, project};
    PGresult *r = db_query(stage->db, err, elsewhere, 3, values);
    if (!r) return -ERR_DB;
    int64_t count = PQntuples(r);
    for (int i = 0; i < PQntuples(r); i++) {
        snprintf(why, sizeof(why), "it is in project %s (%s) too, where it stays", db_text(r, i, 1), db_text(r, i, 2));
        tell(stage, "elevation", db_text(r, i, 0), why);
    }
    PQclear(r);
    return count;
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
