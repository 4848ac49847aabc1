/* Applying the upper part of the upstream's tree, directories and projects, from the stage; and planning from it which
 * projects are to be visited. See sync_tree.h. */
#include "services/store/sync/staging/sync_tree.h"

#include <stddef.h>
#include <stdlib.h>

#include "services/store/db/db.h"
#include "services/store/lease.h"
#include "services/store/sync/staging/sync_doubles.h"
#include "services/store/sync/staging/sync_exchange.h"
#include "services/store/sync/staging/sync_heirs.h"
#include "services/store/sync/staging/sync_left_out.h"
#include "services/store/sync/staging/sync_singly.h"
#include "services/store/sync/staging/sync_stage.h"

/* What is listed in two places is where it was before, else as high as may be: no two are below each other then. */
#define SEEN_DIRECTORIES                                                                                               \
    "WITH RECURSIVE seen AS (SELECT DISTINCT ON (logikald_directory_key(s.identifier))"                                \
    "  logikald_directory_key(s.identifier) AS key, logikald_directory_key(s.parent) AS parent_key, s.*"               \
    "  FROM sync_stage_directories s LEFT JOIN directories o ON o.logikal_id = logikald_directory_key(s.identifier)"   \
    "  WHERE s.stage = $1 ORDER BY logikald_directory_key(s.identifier), o.upstream_chain IS DISTINCT FROM s.chain,"   \
    "  s.level, s.listing DESC) "

static const char insert_directories[] = SEEN_DIRECTORIES
    "INSERT INTO directories AS d (logikal_id, name, full_path, level, exclude_from_sync, synced_at, last_api_sync,"
    "  sync_status, upstream_path, upstream_chain)"
    " SELECT key, left(coalesce(nullif(name, ''), identifier), 255), left(identifier, 500), level, false, now(), now(),"
    "  'synced', identifier, chain FROM seen WHERE $2::text IS NULL OR key = $2"
    " ON CONFLICT (logikal_id) DO UPDATE SET name = excluded.name, full_path = excluded.full_path,"
    "  level = excluded.level, synced_at = now(), last_api_sync = now(), sync_status = 'synced', deleted_at = NULL,"
    "  upstream_path = excluded.upstream_path, upstream_chain = excluded.upstream_chain";

static const char link_directories[] = SEEN_DIRECTORIES
    "UPDATE directories c SET parent_id = p.id FROM seen LEFT JOIN directories p ON p.logikal_id = seen.parent_key"
    " WHERE c.logikal_id = seen.key AND c.parent_id IS DISTINCT FROM p.id";

/* $1 stage, $2 run: rows whose parent was listed whole, without them. What is below goes with them, when they go. */
static const char miss_directories[] =
    SEEN_DIRECTORIES "INSERT INTO sync_missing AS m (object_type, object_id, run_id)"
                     " SELECT 'directory', d.id, $2::bigint FROM directories d"
                     "  LEFT JOIN directories p ON p.id = d.parent_id"
                     "  WHERE d.deleted_at IS NULL AND NOT EXISTS (SELECT FROM seen WHERE key = d.logikal_id)"
                     "   AND EXISTS (SELECT FROM sync_stage_listed l WHERE l.stage = $1 AND l.kind = 'd'"
                     "                AND l.identifier IS NOT DISTINCT FROM coalesce(p.upstream_path, p.logikal_id))"
                     " ON CONFLICT (object_type, object_id) DO UPDATE SET run_id = excluded.run_id";
static const char found_directories[] =
    SEEN_DIRECTORIES "DELETE FROM sync_missing m USING directories d, seen WHERE m.object_type = 'directory'"
                     " AND d.id = m.object_id AND seen.key = d.logikal_id";

/* What is listed in two directories is where it was before. */
#define SEEN_PROJECTS                                                                                                  \
    "WITH seen AS (SELECT DISTINCT ON (s.id) s.* FROM sync_stage_projects s WHERE stage = $1"                          \
    "  ORDER BY s.id, s.is_deleted, (SELECT d.logikal_id FROM projects x JOIN directories d ON d.id = x.directory_id"  \
    "   WHERE x.logikal_id = s.id) IS DISTINCT FROM logikald_directory_key(s.directory), s.listing DESC) "

/* $1 stage, $2 places of which only those that are known, $3 what is left out is taken from the row as well */
static const char insert_projects[] = SEEN_PROJECTS
    "INSERT INTO projects AS p (logikal_id, name, directory_id, status, last_sync_date, last_update_date, deleted_at,"
    "  api_created_date, api_changed_date, job_number, offer_number, person_in_charge, is_estimated, synced_at,"
    "  sync_status, upstream_id)"
    " SELECT s.id, left(coalesce(nullif(s.name, ''), s.id), 255), d.id,"
    "  CASE WHEN s.is_deleted THEN 'deleted' ELSE 'active' END, now(), to_timestamp(s.changed),"
    "  CASE WHEN s.is_deleted THEN now() END, to_timestamp(s.created), to_timestamp(s.changed), s.job_number,"
    "  s.offer_number, s.person_in_charge, coalesce(s.is_estimated, false), now(), CASE WHEN s.is_deleted THEN "
    "'deleted' ELSE 'synced' "
    "END, nullif(s.upstream_id, s.id)"
    " FROM seen s JOIN directories d ON d.logikal_id = logikald_directory_key(s.directory)"
    " WHERE NOT (s.is_deleted AND EXISTS (SELECT FROM projects o WHERE "
    "o.logikal_id = s.id AND o.deleted_at IS NULL))"
    "  AND (logikald_directory_key(s.directory) <> ALL ($2::text[])"
    "       OR EXISTS (SELECT FROM projects o WHERE o.logikal_id = s.id))"
    "  AND ($4::text IS NULL OR s.id = $4)"
    " ON CONFLICT (logikal_id) DO UPDATE SET name = excluded.name, directory_id = excluded.directory_id,"
    "  upstream_id = excluded.upstream_id,"
    "  status = CASE WHEN excluded.deleted_at IS NOT NULL OR p.status = 'deleted' OR p.status IS NULL"
    "           THEN excluded.status ELSE p.status END,"
    "  last_sync_date = now(), last_update_date = coalesce(excluded.last_update_date, p.last_update_date),"
    "  deleted_at = CASE WHEN excluded.deleted_at IS NULL THEN NULL ELSE coalesce(p.deleted_at, now()) END,"
    "  api_created_date = excluded.api_created_date,"
    "  api_changed_date = coalesce(excluded.api_changed_date, CASE WHEN NOT $3::bool THEN p.api_changed_date END),"
    "  job_number = excluded.job_number, offer_number = excluded.offer_number,"
    "  person_in_charge = excluded.person_in_charge, is_estimated = excluded.is_estimated, synced_at = now(),"
    "  sync_status = excluded.sync_status";

/* $1 stage, $2 run. Where projects were that are seen elsewhere now: such a directory was renamed or emptied, not lost.
 */
static const char note_moves[] =
    SEEN_PROJECTS "INSERT INTO sync_moved SELECT DISTINCT $2::bigint, p.directory_id FROM seen s JOIN projects p ON "
                  "p.logikal_id = s.id"
                  " JOIN directories d ON d.logikal_id = logikald_directory_key(s.directory)"
                  " WHERE p.directory_id <> d.id AND p.deleted_at IS NULL AND NOT s.is_deleted";

/* $1 stage, $2 run, $3 all were listed. In the recycle bin is missing, too: who says so of all of them is not believed
 * at once either. */
static const char miss_projects[] = SEEN_PROJECTS
    "INSERT INTO sync_missing AS m (object_type, object_id, run_id)"
    " SELECT 'project', p.id, $2::bigint FROM projects p JOIN directories d ON d.id = p.directory_id"
    " WHERE p.deleted_at IS NULL AND NOT EXISTS (SELECT FROM seen WHERE seen.id = p.logikal_id AND NOT seen.is_deleted)"
    "  AND (EXISTS (SELECT FROM seen WHERE seen.id = p.logikal_id)"
    "       OR ($3::bool AND (d.deleted_at IS NOT NULL OR EXISTS (SELECT FROM sync_stage_listed l WHERE l.stage = $1"
    "           AND l.kind = 'p' AND l.identifier = coalesce(d.upstream_path, d.logikal_id)))))"
    " ON CONFLICT (object_type, object_id) DO UPDATE SET run_id = excluded.run_id";
static const char found_projects[] = SEEN_PROJECTS
    "DELETE FROM sync_missing m USING projects p, seen WHERE m.object_type = 'project' AND p.id = m.object_id"
    " AND seen.id = p.logikal_id AND NOT seen.is_deleted";

int tree_mark_listed(const struct stage *stage, char kind, const char *identifier, struct err *err)
{
    const char kind_text[] = {kind, '\0'};
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, stage->id), kind_text, identifier};
    return db_exec(stage->db, err, "INSERT INTO sync_stage_listed VALUES ($1, $2, $3)", 3, values) < 0 ? -ERR_DB : 0;
}

int tree_forget_listed(const struct stage *stage, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, stage->id)};
    return db_exec(stage->db, err,
                   "WITH listed AS (DELETE FROM sync_stage_listed WHERE stage = $1)"
                   " DELETE FROM sync_stage_plan WHERE stage = $1",
                   1, values) < 0
               ? -ERR_DB
               : 0;
}

static int64_t count_projects(const struct stage *stage, const char *const *stage_id, struct err *err)
{
    PGresult *r = db_query(stage->db, err, "SELECT count(*) FROM sync_stage_projects WHERE stage = $1", 1, stage_id);
    if (!r) return -ERR_DB;
    int64_t count = db_int(r, 0, 0);
    PQclear(r);
    return count;
}

/* The transaction of an apply begins: it is ours to write, and all is there to write it from. */
static int begin_apply(const struct stage *stage, const struct lease *lease, struct err *err)
{
    if (db_begin(stage->db, err) < 0) return -ERR_DB;
    if (lease_check(stage->db, lease, err) < 0 || stage_check(stage, err) < 0) return err_result(err);
    return 0;
}

static int apply_directories(const struct stage *stage, const struct lease *lease, int64_t run, bool singly,
                             struct apply_counts *counts, struct err *err)
{
    struct db *db = stage->db;
    char id[DB_NUMBER_SIZE], run_text[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, stage->id), db_number(run_text, run)};
    int rc = begin_apply(stage, lease, err);
    if (rc < 0) return rc;
    const struct write insert = {
        "directory",
        insert_directories,
        1,
        values,
        "SELECT DISTINCT logikald_directory_key(identifier) FROM sync_stage_directories WHERE stage = $1",
        1};
    if (left_out_directories(stage, err) < 0 || doubles_directories(stage, err) < 0) return -ERR_DB;
    if ((counts->written = stage_write(stage, &insert, singly, &counts->refused, err)) < 0) return -ERR_DB;
    if (db_exec(db, err, link_directories, 1, values) < 0) return -ERR_DB;
    if (heirs_exclude(stage, err) < 0) return -ERR_DB;
    if (db_exec(db, err, found_directories, 1, values) < 0) return -ERR_DB;
    if (!stage->lost && (counts->missing = db_exec(db, err, miss_directories, 2, values)) < 0) return -ERR_DB;
    return db_commit(db, err);
}

int tree_apply_directories(const struct stage *stage, const struct lease *lease, int64_t run,
                           struct apply_counts *counts, struct err *err)
{
    *counts = (struct apply_counts){0};
    if (db_script(stage->db, err, "ANALYZE (SKIP_LOCKED) sync_stage_directories, sync_stage_listed") < 0)
        return -ERR_DB;
    int rc = apply_directories(stage, lease, run, false, counts, err);
    bool was_refused = rc < 0 && db_was_refused(stage->db);
    if (rc < 0) db_rollback(stage->db);
    if (was_refused && (rc = apply_directories(stage, lease, run, true, counts, err)) < 0) db_rollback(stage->db);
    counts->seen = counts->written;
    return rc;
}

static int apply_projects(const struct stage *stage, const struct lease *lease, int64_t run, bool are_all, bool singly,
                          struct apply_counts *counts, struct err *err)
{
    struct db *db = stage->db;
    char id[DB_NUMBER_SIZE], run_text[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, stage->id), db_number(run_text, run), are_all ? "t" : "f"};
    int rc = begin_apply(stage, lease, err);
    if (rc < 0) return rc;
    if ((counts->seen = count_projects(stage, values, err)) < 0) return -ERR_DB;
    if (db_exec(db, err, note_moves, 2, values) < 0 || left_out_projects(stage, err) < 0) return -ERR_DB;
    if (doubles_projects(stage, err) < 0) return -ERR_DB;
    struct exchange exchange = {0};
    if (are_all && (rc = exchange_projects(stage, &exchange, err)) < 0) return rc;
    const char *inserted[] = {id, exchange.withheld ? exchange.places : "{}", stage->takes_all ? "t" : "f"};
    const struct write insert = {
        "project", insert_projects, 3, inserted, "SELECT DISTINCT id FROM sync_stage_projects WHERE stage = $1", 1};
    counts->written = stage_write(stage, &insert, singly, &counts->refused, err);
    counts->withheld = exchange.withheld;
    free(exchange.places);
    if (counts->written < 0) return -ERR_DB;
    if (db_exec(db, err, found_projects, 1, values) < 0) return -ERR_DB;
    if (!stage->lost && (counts->missing = db_exec(db, err, miss_projects, 3, values)) < 0) return -ERR_DB;
    return db_commit(db, err);
}

int tree_apply_projects(const struct stage *stage, const struct lease *lease, int64_t run, bool are_all,
                        struct apply_counts *counts, struct err *err)
{
    *counts = (struct apply_counts){0};
    if (db_script(stage->db, err, "ANALYZE (SKIP_LOCKED) sync_stage_projects, sync_stage_listed") < 0) return -ERR_DB;
    int rc = apply_projects(stage, lease, run, are_all, false, counts, err);
    bool was_refused = rc < 0 && db_was_refused(stage->db);
    if (rc < 0) db_rollback(stage->db);
    if (was_refused && (rc = apply_projects(stage, lease, run, are_all, true, counts, err)) < 0) db_rollback(stage->db);
    return rc;
}

#define EXCLUDED                                                                                                       \
    "WITH RECURSIVE excluded AS (SELECT id FROM directories WHERE exclude_from_sync"                                   \
    "  UNION SELECT c.id FROM directories c JOIN excluded e ON c.parent_id = e.id) "

PGresult *tree_directories(struct db *db, struct err *err)
{
    return db_query(db, err,
                    EXCLUDED "SELECT upstream_path, upstream_chain FROM directories WHERE deleted_at IS NULL"
                             " AND upstream_chain IS NOT NULL AND id NOT IN (SELECT id FROM excluded)"
                             " AND id NOT IN (SELECT object_id FROM sync_missing_below WHERE object_type = 'directory')"
                             " ORDER BY upstream_chain",
                    0, NULL);
}

int tree_is_excluded(struct db *db, const char *identifier, struct err *err)
{
    const char *values[] = {identifier};
    PGresult *r =
        db_query(db, err,
                 "WITH RECURSIVE up AS (SELECT id, parent_id, exclude_from_sync FROM directories"
                 "   WHERE logikal_id = logikald_directory_key($1)"
                 "  UNION SELECT p.id, p.parent_id, p.exclude_from_sync FROM directories p"
                 "   JOIN up ON p.id = up.parent_id) SELECT coalesce(bool_or(exclude_from_sync), false) FROM up",
                 1, values);
    if (!r) return -ERR_DB;
    int is_excluded = db_bool(r, 0, 0);
    PQclear(r);
    return is_excluded;
}
