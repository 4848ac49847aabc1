/* Doubles: see sync_doubles.h. An elevation that was moved is missing in the list of the project that it has left, and
 * one that was copied is not: so the row is given to whom it is claimed by only when it is missing. */
#include "services/store/sync/staging/sync_doubles.h"

#include <stddef.h>
#include <stdio.h>

#include "conf/text/utf8.h"
#include "services/store/db/db.h"
#include "services/store/sync/staging/sync_project.h"
#include "services/store/sync/staging/sync_stage.h"

/* $1 stage, $2 listings, $3 project, $4 run */
static const char claim[] =
    "WITH held AS (SELECT e.logikal_id FROM elevations e JOIN projects q ON q.id = e.project_id"
    "   JOIN directories d ON d.id = q.directory_id JOIN phases h ON h.id = e.phase_id"
    "  WHERE e.logikal_id IN (SELECT s.id FROM sync_stage_elevations s WHERE s.stage = $1 AND"
    "     s.listing = ANY ($2::bigint[])) AND e.project_id <> $3::integer AND e.deleted_at IS NULL"
    "   AND q.deleted_at IS NULL AND d.deleted_at IS NULL AND h.deleted_at IS NULL"
    "   AND NOT EXISTS (SELECT FROM sync_missing m WHERE (m.object_type, m.object_id) IN"
    "    (('elevation', e.id), ('phase', e.phase_id), ('project', e.project_id), ('directory', q.directory_id)))),"
    " taken AS (DELETE FROM sync_stage_elevations s USING held WHERE s.stage = $1 AND s.listing = ANY ($2::bigint[])"
    "  AND s.id = held.logikal_id RETURNING s.*),"
    " kept AS (INSERT INTO sync_claims SELECT $4::bigint, $3::integer, taken.* FROM taken RETURNING id)"
    " SELECT count(DISTINCT id) FROM kept";

/* In other words in any member: which of them is stored is by chance. How its identifier is written does not matter. */
#define IN_OTHER_WORDS " HAVING count(DISTINCT to_jsonb(s) - ARRAY['stage', 'listing', 'upstream_id']) > 1"

static const char elevations_twice[] =
    "SELECT s.id, count(*), left(min(s.name), 100), left(max(s.name), 100) FROM sync_stage_elevations s"
    " WHERE s.stage = $1 AND s.listing = ANY ($2::bigint[]) AND s.id IN (SELECT x.id FROM sync_stage_elevations x"
    "  WHERE x.stage = $1 AND x.listing = ANY ($2::bigint[]) GROUP BY x.id HAVING count(*) > 1)"
    " GROUP BY s.id" IN_OTHER_WORDS " ORDER BY s.id LIMIT 20";
static const char phases_twice[] =
    "SELECT s.id, count(*), left(min(s.name), 100), left(max(s.name), 100) FROM sync_stage_phases s"
    " WHERE s.stage = $1 AND s.listing = $2 GROUP BY s.id" IN_OTHER_WORDS " ORDER BY s.id LIMIT 20";
/* In one list: what two lists show is told by the walk. */
static const char directories_twice[] =
    "SELECT left(s.identifier, 200), count(*), left(min(s.name), 100), left(max(s.name), 100)"
    " FROM sync_stage_directories s WHERE s.stage = $1 GROUP BY s.identifier, s.chain"
    " HAVING count(DISTINCT coalesce(s.name, '')) > 1 ORDER BY 1 LIMIT 20";
static const char projects_twice[] =
    "SELECT s.id, count(*), left(min(s.directory || ': ' || coalesce(s.name, '')), 150),"
    "  left(max(s.directory || ': ' || coalesce(s.name, '')), 150) FROM sync_stage_projects s WHERE s.stage = $1 AND"
    "  NOT s.is_deleted AND s.id IN (SELECT x.id FROM sync_stage_projects x WHERE x.stage = $1 AND NOT x.is_deleted"
    "   GROUP BY x.id HAVING count(*) > 1) GROUP BY s.id" IN_OTHER_WORDS " ORDER BY s.id LIMIT 20";

/* Claims of a run whose elevation is not where it was any more. $1 run */
#define FREE                                                                                                           \
    " FROM sync_claims c JOIN elevations e ON e.logikal_id = c.id LEFT JOIN sync_missing m"                            \
    "  ON m.object_type = 'elevation' AND m.object_id = e.id"                                                          \
    " WHERE c.run_id = $1::bigint AND (m.object_id IS NOT NULL OR e.deleted_at IS NOT NULL)"

static const char free_projects[] = "SELECT DISTINCT c.project_id" FREE;
/* $2 stage, $3 project, as listing its number below zero, which no list has */
static const char stage_free[] =
    "INSERT INTO sync_stage_elevations SELECT $2::bigint AS stage, -$3::bigint AS listing, c.phase, c.id, c.version_id,"
    "  c.name, c.description, c.type, c.state, c.automatic_description, c.system_description, c.model_description,"
    "  c.user_description, c.created, c.changed, c.amount, c.width, c.height, c.is_recycled, c.upstream_id" FREE
    " AND c.project_id = $3::bigint";
static const char still_claimed[] =
    "SELECT DISTINCT c.id, left(q.name, 100), q.logikal_id, left(p.name, 100) FROM sync_claims c"
    " JOIN elevations e ON e.logikal_id = c.id JOIN projects q ON q.id = e.project_id"
    " JOIN projects p ON p.id = c.project_id WHERE c.run_id = $1 AND e.project_id <> c.project_id ORDER BY 1 LIMIT 100";
static const char forget[] = "DELETE FROM sync_claims c WHERE c.run_id = $1 OR NOT EXISTS (SELECT FROM sync_runs r"
                             " WHERE r.id = c.run_id AND r.state = 'running')";

static void tell(const struct stage *stage, const char *type, const char *id, char *why)
{
    utf8_finish(why);
    if (stage->refused) stage->refused(stage->refused_arg, type, id, why);
}

/* How many, or -ERR_DB. */
static int64_t tell_twice(const struct stage *stage, const char *type, const char *sql, int n,
                          const char *const *values, struct err *err)
{
    char why[500];
    PGresult *r = db_query(stage->db, err, sql, n, values);
    if (!r) return -ERR_DB;
    int count = PQntuples(r);
    for (int i = 0; i < count; i++) {
        snprintf(why, sizeof why, "it is listed %s times, as %s and as %s, and stored once", db_text(r, i, 1),
                 db_text(r, i, 2) ? db_text(r, i, 2) : "nothing", db_text(r, i, 3) ? db_text(r, i, 3) : "nothing");
        tell(stage, type, db_text(r, i, 0), why);
    }
    PQclear(r);
    return count;
}

int64_t doubles_elevations(const struct stage *stage, int64_t run, const char *project, const char *listings,
                           int64_t *twice, struct err *err)
{
    char id[DB_NUMBER_SIZE], run_text[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, stage->id), listings, project, db_number(run_text, run)};
    if ((*twice = tell_twice(stage, "elevation", elevations_twice, 2, values, err)) < 0) return -ERR_DB;
    PGresult *r = db_query(stage->db, err, claim, 4, values);
    int64_t count = r ? db_int(r, 0, 0) : -ERR_DB;
    PQclear(r);
    return count;
}

int64_t doubles_phases(const struct stage *stage, int64_t listing, struct err *err)
{
    char id[DB_NUMBER_SIZE], number[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, stage->id), db_number(number, listing)};
    return tell_twice(stage, "phase", phases_twice, 2, values, err);
}

int doubles_directories(const struct stage *stage, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, stage->id)};
    return tell_twice(stage, "directory", directories_twice, 1, values, err) < 0 ? -ERR_DB : 0;
}

int doubles_projects(const struct stage *stage, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, stage->id)};
    return tell_twice(stage, "project", projects_twice, 1, values, err) < 0 ? -ERR_DB : 0;
}

/* The elevations of which a project has got the better of the one they were in. */
static int follow(const struct stage *stage, const char *run, const char *project, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {run, db_number(id, stage->id), project};
    if (db_exec(stage->db, err, stage_free, 3, values) < 0) return -ERR_DB;
    return project_apply_claims(stage, project, err);
}

static int tell_claimed(const struct stage *stage, const char *const *run, struct err *err)
{
    char why[500];
    PGresult *r = db_query(stage->db, err, still_claimed, 1, run);
    if (!r) return -ERR_DB;
    for (int i = 0; i < PQntuples(r); i++) {
        snprintf(why, sizeof why, "project %s lists it, but it is in project %s (%s) too, where it stays",
                 db_text(r, i, 3), db_text(r, i, 1), db_text(r, i, 2));
        tell(stage, "elevation", db_text(r, i, 0), why);
    }
    PQclear(r);
    return 0;
}

int doubles_settle(const struct stage *stage, int64_t run, struct err *err)
{
    char run_text[DB_NUMBER_SIZE];
    const char *values[] = {db_number(run_text, run)};
    if (db_begin(stage->db, err) < 0) return -ERR_DB;
    PGresult *r = db_query(stage->db, err, free_projects, 1, values);
    int rc = r ? stage_check(stage, err) : -ERR_DB;
    for (int i = 0; rc == 0 && i < PQntuples(r); i++) rc = follow(stage, run_text, db_text(r, i, 0), err);
    PQclear(r);
    if (rc == 0) rc = tell_claimed(stage, values, err);
    if (rc == 0 && db_exec(stage->db, err, forget, 1, values) < 0) rc = -ERR_DB;
    if (rc == 0) rc = db_commit(stage->db, err);
    if (rc < 0) db_rollback(stage->db);
    return rc;
}
