/* What the listings of a run have left out (table sync_missing), and the holds on it (sync_holds). See
 * sync_missing.h. */
#include "services/store/sync/sync_missing.h"

#include <stdio.h>
#include <string.h>

#include "services/store/db/db.h"
#include "services/store/lease.h"

const char *const missing_types[MISSING_TYPES] = {"directory", "project", "phase", "elevation"};

static int type_of(const char *name)
{
    for (int i = 0; i < MISSING_TYPES; i++)
        if (strcmp(missing_types[i], name) == 0) return i;
    return MISSING_ELEVATIONS;
}

/* Rows that are marked already, or are not there any more. */
static const char forget_marked[] =
    "DELETE FROM sync_missing m WHERE CASE m.object_type"
    " WHEN 'directory' THEN NOT EXISTS (SELECT FROM directories x WHERE x.id = m.object_id AND x.deleted_at IS NULL)"
    " WHEN 'project' THEN NOT EXISTS (SELECT FROM projects x WHERE x.id = m.object_id AND x.deleted_at IS NULL)"
    " WHEN 'phase' THEN NOT EXISTS (SELECT FROM phases x WHERE x.id = m.object_id AND x.deleted_at IS NULL)"
    " ELSE NOT EXISTS (SELECT FROM elevations x WHERE x.id = m.object_id AND x.deleted_at IS NULL) END";

int64_t missing_claim(struct db *db, int64_t run, bool is_all, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, run)};
    if (db_exec(db, err, forget_marked, 0, NULL) < 0) return -ERR_DB;
    if (db_exec(db, err,
                "DELETE FROM sync_moved v WHERE NOT EXISTS (SELECT FROM sync_runs r WHERE r.id = v.run_id"
                " AND r.state = 'running')",
                0, NULL) < 0)
        return -ERR_DB;
    if (is_all && db_exec(db, err,
                          "UPDATE sync_missing m SET run_id = $1, state = CASE state WHEN 'confirmed' THEN 'new' ELSE"
                          " state END WHERE run_id <> $1 AND NOT EXISTS"
                          " (SELECT FROM sync_runs r WHERE r.id = m.run_id AND r.state = 'running')",
                          1, values) < 0)
        return -ERR_DB;
    PGresult *r =
        db_query(db, err, "SELECT count(*) FROM sync_missing WHERE run_id = $1 AND state <> 'refused'", 1, values);
    if (!r) return -ERR_DB;
    int64_t count = db_int(r, 0, 0);
    PQclear(r);
    return count;
}

int missing_add_project(struct db *db, int64_t run, int64_t project_id, struct err *err)
{
    char id[DB_NUMBER_SIZE], project[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, run), db_number(project, project_id)};
    return db_exec(db, err,
                   "INSERT INTO sync_missing AS m (object_type, object_id, run_id, state)"
                   " SELECT 'project', id, $1::bigint, 'confirmed' FROM projects WHERE id = $2 AND deleted_at IS NULL"
                   " ON CONFLICT (object_type, object_id) DO UPDATE SET run_id = excluded.run_id",
                   2, values) < 0
               ? -ERR_DB
               : 0;
}

#define JUDGED "m.run_id = $1::bigint AND m.state <> 'refused'"

/* Directories whose projects were seen in another place were renamed, or emptied by hand, with all that lies below
 * them: they are no loss. */
static const char count_gone[] =
    "WITH RECURSIVE roots AS (SELECT object_type, object_id FROM sync_missing m WHERE " JUDGED "),"
    " sub AS (SELECT object_id AS root, object_id AS id FROM roots WHERE object_type = 'directory'"
    "  UNION SELECT s.root, c.id FROM directories c JOIN sub s ON c.parent_id = s.id WHERE c.deleted_at IS NULL),"
    " renamed AS (SELECT id FROM sub WHERE root IN"
    "  (SELECT s.root FROM sub s WHERE s.id IN (SELECT directory_id FROM sync_moved v WHERE v.run_id = $1::bigint))),"
    " lists AS (SELECT array_agg(object_id) FILTER (WHERE object_type = 'directory') AS d,"
    "  array_agg(object_id) FILTER (WHERE object_type = 'project') AS p,"
    "  array_agg(object_id) FILTER (WHERE object_type = 'phase') AS h,"
    "  array_agg(object_id) FILTER (WHERE object_type = 'elevation') AS e FROM roots)"
    " SELECT b.object_type, count(*) FROM lists, LATERAL logikald_below(d, p, h, e) b"
    " WHERE NOT (b.object_type = 'directory' AND b.object_id IN (SELECT id FROM renamed)) GROUP BY b.object_type";

static const char count_living[] =
    "WITH run AS (SELECT started_at AS at FROM sync_runs WHERE id = $1::bigint)"
    " SELECT 'directory', count(*), count(*) FILTER (WHERE created_at >= run.at), 0 FROM directories, run"
    "  WHERE deleted_at IS NULL"
    " UNION ALL SELECT 'project', count(*), count(*) FILTER (WHERE created_at >= run.at), 0 FROM projects, run"
    "  WHERE deleted_at IS NULL"
    " UNION ALL SELECT 'phase', count(*), count(*) FILTER (WHERE created_at >= run.at),"
    "  count(*) FILTER (WHERE logikal_id = '00000000-0000-0000-0000-000000000000') FROM phases, run"
    "  WHERE deleted_at IS NULL"
    " UNION ALL SELECT 'elevation', count(*), count(*) FILTER (WHERE created_at >= run.at), 0 FROM elevations, run"
    "  WHERE deleted_at IS NULL";

static const char count_roots[] =
    "SELECT count(*) FILTER (WHERE m.object_id IS NULL) = 0 AND count(*) > 0 FROM directories d"
    " LEFT JOIN sync_missing m ON m.object_type = 'directory' AND m.object_id = d.id AND " JUDGED
    " WHERE d.deleted_at IS NULL AND d.parent_id IS NULL";

int missing_count(struct db *db, int64_t run, struct missing_counts *out, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, run)};
    *out = (struct missing_counts){.root_is_empty = false};
    PGresult *gone = db_query(db, err, count_gone, 1, values);
    PGresult *living = gone ? db_query(db, err, count_living, 1, values) : NULL;
    PGresult *roots = living ? db_query(db, err, count_roots, 1, values) : NULL;
    for (int i = 0; roots && i < PQntuples(gone); i++) out->gone[type_of(db_text(gone, i, 0))] = db_int(gone, i, 1);
    for (int i = 0; roots && i < PQntuples(living); i++) {
        int type = type_of(db_text(living, i, 0));
        out->living[type] = db_int(living, i, 1);
        out->fresh[type] = db_int(living, i, 2);
        out->default_phases += db_int(living, i, 3);
    }
    if (roots) out->root_is_empty = db_bool(roots, 0, 0);
    int rc = roots ? 0 : -ERR_DB;
    PQclear(gone);
    PQclear(living);
    PQclear(roots);
    return rc;
}

/* Each missing row with its place. A place that is gone itself, or that nobody knows the way to, cannot be looked at.
 */
#define LOOKABLE                                                                                                       \
    "WITH mine AS MATERIALIZED (SELECT object_type, object_id, state FROM sync_missing m WHERE " JUDGED "),"           \
    " placed AS (SELECT 'd' AS kind, x.parent_id AS place, m.*, u.upstream_chain AS chain, NULL AS guid,"              \
    "   NULL AS phase, x.parent_id IS NULL OR (u.upstream_chain IS NOT NULL AND u.deleted_at IS NULL) AS is_known"     \
    "   FROM mine m JOIN directories x ON m.object_type = 'directory' AND x.id = m.object_id"                          \
    "   LEFT JOIN directories u ON u.id = x.parent_id"                                                                 \
    "  UNION ALL SELECT 'p', x.directory_id, m.*, d.upstream_chain, NULL, NULL,"                                       \
    "   d.upstream_chain IS NOT NULL AND d.deleted_at IS NULL"                                                         \
    "   FROM mine m JOIN projects x ON m.object_type = 'project' AND x.id = m.object_id"                               \
    "   JOIN directories d ON d.id = x.directory_id"                                                                   \
    "  UNION ALL SELECT 'h', x.project_id, m.*, d.upstream_chain, coalesce(p.upstream_id, p.logikal_id), NULL,"        \
    "   d.upstream_chain IS NOT NULL AND d.deleted_at IS NULL AND p.deleted_at IS NULL"                                \
    "   FROM mine m JOIN phases x ON m.object_type = 'phase' AND x.id = m.object_id"                                   \
    "   JOIN projects p ON p.id = x.project_id JOIN directories d ON d.id = p.directory_id"                            \
    "  UNION ALL SELECT 'e', x.phase_id, m.*, d.upstream_chain, coalesce(p.upstream_id, p.logikal_id), "               \
    "coalesce(h.upstream_id, h.logikal_id),"                                                                           \
    "   d.upstream_chain IS NOT NULL AND d.deleted_at IS NULL AND p.deleted_at IS NULL AND h.deleted_at IS NULL"       \
    "    AND h.logikal_id IS NOT NULL"                                                                                 \
    "   FROM mine m JOIN elevations x ON m.object_type = 'elevation' AND x.id = m.object_id"                           \
    "   JOIN phases h ON h.id = x.phase_id JOIN projects p ON p.id = h.project_id"                                     \
    "   JOIN directories d ON d.id = p.directory_id),"                                                                 \
    " places AS (SELECT kind, coalesce(place, 0) AS place, chain, guid, phase, count(*) AS missing,"                   \
    "   count(*) FILTER (WHERE state = 'new') AS fresh, count(*) FILTER (WHERE state = 'held') AS held"                \
    "   FROM placed g WHERE is_known GROUP BY kind, place, chain, guid, phase) "

PGresult *missing_places(struct db *db, int64_t run, bool with_held, int limit, struct err *err)
{
    char id[DB_NUMBER_SIZE], most[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, run), with_held ? "t" : "f", db_number(most, limit)};
    return db_query(db, err,
                    LOOKABLE "SELECT kind, place, chain, guid, phase, missing FROM places"
                             " WHERE fresh > 0 OR ($2::bool AND held > 0)"
                             " ORDER BY strpos('dphe', kind), missing DESC, place LIMIT $3::integer",
                    3, values);
}

/* $1 run, $2 place, $3 identifiers that are there */
static const char *const found_again[] = {
    "DELETE FROM sync_missing m USING directories x WHERE m.run_id = $1::bigint AND m.object_type = 'directory'"
    " AND x.id = m.object_id AND coalesce(x.parent_id, 0) = $2::integer"
    " AND x.logikal_id IN (SELECT logikald_directory_key(i) FROM unnest($3::text[]) i)",
    "DELETE FROM sync_missing m USING projects x WHERE m.run_id = $1::bigint AND m.object_type = 'project'"
    " AND x.id = m.object_id AND x.directory_id = $2::integer AND x.logikal_id = ANY ($3::text[])",
    "WITH found AS (DELETE FROM sync_missing m USING phases x WHERE m.run_id = $1::bigint"
    "   AND m.object_type = 'phase' AND x.id = m.object_id AND x.project_id = $2::integer"
    "   AND x.logikal_id = ANY ($3::text[]) RETURNING x.id, x.project_id)"
    " UPDATE project_cursors c SET phases_date = NULL, elevations_date = NULL"
    " WHERE project_id IN (SELECT project_id FROM found)",
    "WITH found AS (DELETE FROM sync_missing m USING elevations x WHERE m.run_id = $1::bigint"
    "   AND m.object_type = 'elevation' AND x.id = m.object_id AND x.phase_id = $2::integer"
    "   AND x.logikal_id = ANY ($3::text[]) RETURNING x.id, x.project_id)"
    " UPDATE project_cursors c SET elevations_date = NULL WHERE project_id IN (SELECT project_id FROM found)"};

static const char *const confirm[] = {
    "UPDATE sync_missing m SET state = 'confirmed' FROM directories x WHERE m.run_id = $1::bigint AND m.state IN "
    "('new', 'held')"
    " AND m.object_type = 'directory' AND x.id = m.object_id AND coalesce(x.parent_id, 0) = $2::integer",
    "UPDATE sync_missing m SET state = 'confirmed' FROM projects x WHERE m.run_id = $1::bigint"
    " AND m.state IN ('new', 'held')"
    " AND m.object_type = 'project' AND x.id = m.object_id AND x.directory_id = $2::integer",
    "UPDATE sync_missing m SET state = 'confirmed' FROM phases x WHERE m.run_id = $1::bigint"
    " AND m.state IN ('new', 'held')"
    " AND m.object_type = 'phase' AND x.id = m.object_id AND x.project_id = $2::integer",
    "UPDATE sync_missing m SET state = 'confirmed' FROM elevations x WHERE m.run_id = $1::bigint AND m.state IN "
    "('new', 'held')"
    " AND m.object_type = 'elevation' AND x.id = m.object_id AND x.phase_id = $2::integer"};

int64_t missing_looked(struct db *db, int64_t run, char kind, int64_t place, const char *ids, struct err *err)
{
    static const char kinds[] = "dphe";
    int type = (int)(strchr(kinds, kind) - kinds);
    char id[DB_NUMBER_SIZE], at[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, run), db_number(at, place), ids};
    int64_t found = db_exec(db, err, found_again[type], 3, values);
    if (found < 0 || db_exec(db, err, confirm[type], 2, values) < 0) return -ERR_DB;
    return found;
}

static int begin(struct db *db, const struct lease *lease, struct err *err)
{
    if (db_begin(db, err) < 0) return -ERR_DB;
    return lease_check(db, lease, err);
}

static int end(struct db *db, int rc, struct err *err)
{
    if (rc == 0) rc = db_commit(db, err);
    if (rc < 0) db_rollback(db);
    return rc;
}

static int mark_going(struct db *db, int64_t marked[MISSING_TYPES], struct err *err)
{
    PGresult *r = db_query(db, err, "SELECT object_type, marked FROM logikald_mark_going()", 0, NULL);
    if (!r) return -ERR_DB;
    for (int i = 0; i < PQntuples(r); i++) marked[type_of(db_text(r, i, 0))] = db_int(r, i, 1);
    PQclear(r);
    return 0;
}

int missing_mark(struct db *db, const struct lease *lease, int64_t run, int64_t marked[MISSING_TYPES], struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, run)};
    int rc = begin(db, lease, err);
    if (rc == 0 && db_exec(db, err,
                           LOOKABLE ", waits AS (SELECT object_type, object_id FROM placed WHERE is_known"
                                    " AND state IN ('new', 'held'))"
                                    " UPDATE sync_missing m SET state = 'going' WHERE " JUDGED
                                    "  AND (object_type, object_id) NOT IN (SELECT object_type, object_id FROM waits)",
                           1, values) < 0)
        rc = -ERR_DB;
    if (rc == 0) rc = mark_going(db, marked, err);
    return end(db, rc, err);
}

static int64_t open_hold(struct db *db, const char *run, const char *reason, struct err *err)
{
    const char *values[] = {run, reason};
    PGresult *r =
        db_query(db, err,
                 "WITH former AS (SELECT h.id FROM sync_holds h WHERE h.state = 'open' AND EXISTS"
                 "  (SELECT FROM sync_missing m WHERE m.hold_id = h.id AND m.state = 'held' AND m.run_id = $1)"
                 "  ORDER BY h.id LIMIT 1),"
                 " made AS (INSERT INTO sync_holds (reason, run_id) SELECT $2, $1 WHERE NOT EXISTS"
                 "  (SELECT FROM former) RETURNING id)"
                 " SELECT id FROM former UNION ALL SELECT id FROM made",
                 2, values);
    if (!r) return -ERR_DB;
    int64_t id = db_int(r, 0, 0);
    PQclear(r);
    return id;
}

/* Lists that have lost what is held were not read to the end of the matter: they are asked for again with the next
 * sync, whether the upstream's dates move or not, so that the hold ends when they are whole again. */
static const char ask_again[] =
    "WITH held AS (SELECT object_type, object_id FROM sync_missing WHERE hold_id = $1 AND state = 'held')"
    " UPDATE project_cursors c SET elevations_date = NULL,"
    "  phases_date = CASE WHEN p.phases THEN NULL ELSE c.phases_date END"
    " FROM (SELECT x.project_id, bool_or(x.is_phase) AS phases FROM"
    "  (SELECT e.project_id, false AS is_phase FROM held m JOIN elevations e ON m.object_type = 'elevation'"
    "    AND e.id = m.object_id"
    "   UNION ALL SELECT h.project_id, true FROM held m JOIN phases h ON m.object_type = 'phase'"
    "    AND h.id = m.object_id) x GROUP BY x.project_id) p"
    " WHERE c.project_id = p.project_id";

static int64_t hold(struct db *db, int64_t run, const char *reason, const int64_t gone[MISSING_TYPES], struct err *err)
{
    char run_text[DB_NUMBER_SIZE], id_text[DB_NUMBER_SIZE], counts[MISSING_TYPES][DB_NUMBER_SIZE];
    int64_t id = open_hold(db, db_number(run_text, run), reason, err);
    if (id < 0) return id;
    const char *rows[] = {run_text, db_number(id_text, id)};
    const char *values[] = {id_text, reason, NULL, NULL, NULL, NULL};
    for (int i = 0; i < MISSING_TYPES; i++) values[2 + i] = db_number(counts[i], gone[i]);
    if (db_exec(db, err,
                "UPDATE sync_missing m SET state = 'held', hold_id = $2 WHERE run_id = $1 AND state <> 'refused'", 2,
                rows) < 0 ||
        db_exec(db, err,
                "UPDATE sync_holds SET reason = $2, directories = $3, projects = $4, phases = $5, elevations = $6,"
                " seen_at = now() WHERE id = $1",
                6, values) < 0 ||
        db_exec(db, err, ask_again, 1, values) < 0)
        return -ERR_DB;
    return id;
}

int missing_hold(struct db *db, const struct lease *lease, int64_t run, const char *reason,
                 const int64_t gone[MISSING_TYPES], int64_t *out, struct err *err)
{
    int rc = begin(db, lease, err);
    if (rc == 0 && (*out = hold(db, run, reason, gone, err)) < 0) rc = -ERR_DB;
    return end(db, rc, err);
}

int missing_tidy_holds(struct db *db, struct err *err)
{
    return db_exec(db, err,
                   "UPDATE sync_holds h SET state = 'released', decided_at = now() WHERE state = 'open'"
                   " AND NOT EXISTS (SELECT FROM sync_missing m WHERE m.hold_id = h.id AND m.state = 'held')",
                   0, NULL) < 0
               ? -ERR_DB
               : 0;
}

int missing_held(struct db *db, struct hold_state *out, struct err *err)
{
    *out = (struct hold_state){0};
    PGresult *r = db_query(db, err,
                           "SELECT coalesce(min(id), 0), coalesce(sum(directories), 0), coalesce(sum(projects), 0),"
                           " coalesce(sum(phases), 0), coalesce(sum(elevations), 0),"
                           " coalesce((array_agg(reason ORDER BY id))[1], '') FROM sync_holds WHERE state = 'open'",
                           0, NULL);
    if (!r) return -ERR_DB;
    out->id = db_int(r, 0, 0);
    for (int i = 0; i < MISSING_TYPES; i++) out->rows[i] = db_int(r, 0, 1 + i);
    snprintf(out->reason, sizeof out->reason, "%s", db_text(r, 0, 5));
    PQclear(r);
    return 0;
}
