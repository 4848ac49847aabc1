/* One project's rows: see sync_project.h. Rows that did not change are not written again. */
#include "services/store/sync/staging/sync_project.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/store/db/db.h"
#include "services/store/lease.h"
#include "services/store/sync/staging/sync_doubles.h"
#include "services/store/sync/staging/sync_exchange.h"
#include "services/store/sync/staging/sync_left_out.h"
#include "services/store/sync/staging/sync_singly.h"
#include "services/store/sync/staging/sync_stage.h"

static const char apply_phases[] =
    "INSERT INTO phases AS p (logikal_id, name, description, project_id, status, last_sync_date, synced_at, "
    "sync_status, upstream_id)"
    " SELECT DISTINCT ON (id) id, left(coalesce(nullif(name, ''), CASE WHEN id <> "
    "'00000000-0000-0000-0000-000000000000' THEN id ELSE 'Default' END),"
    "   255), description, $2::integer, 'active', now(),"
    "  now(), 'synced', nullif(upstream_id, id) FROM sync_stage_phases WHERE stage = $3::bigint"
    " AND listing = $1::bigint"
    "  AND ($4::text IS NULL OR id = $4) ORDER BY id"
    " ON CONFLICT (logikal_id, project_id) DO UPDATE SET name = excluded.name, description = excluded.description,"
    "  status = coalesce(p.status, excluded.status), last_sync_date = now(), synced_at = now(), sync_status = 'synced',"
    "  deleted_at = NULL, upstream_id = excluded.upstream_id, updated_at = now()"
    " WHERE (p.name, p.description, p.deleted_at, p.sync_status, p.upstream_id) IS DISTINCT FROM"
    "  (excluded.name, excluded.description, NULL, excluded.sync_status, excluded.upstream_id)";

/* $1 listing, $2 project row, $3 stage, $4 run */
static const char miss_phases[] =
    "INSERT INTO sync_missing AS m (object_type, object_id, run_id)"
    " SELECT 'phase', p.id, $4::bigint FROM phases p WHERE p.project_id = $2::integer AND p.deleted_at IS NULL"
    "  AND NOT EXISTS (SELECT FROM sync_stage_phases s WHERE s.stage = $3::bigint AND s.listing = $1::bigint"
    "       AND s.id = p.logikal_id)"
    " ON CONFLICT (object_type, object_id) DO UPDATE SET run_id = excluded.run_id";
static const char found_phases[] =
    "DELETE FROM sync_missing m USING phases p, sync_stage_phases s WHERE m.object_type = 'phase'"
    " AND p.id = m.object_id"
    " AND p.project_id = $2::integer AND s.stage = $3::bigint AND s.listing = $1::bigint AND s.id = p.logikal_id";

/* $1 listings, $2 project row, $3 stage, $4 phases of which only those that are known */
static const char apply_elevations[] =
    "INSERT INTO elevations AS e (logikal_id, name, description, status, project_id, phase_id, width, height,"
    "  last_sync_date, last_update_date, synced_at, sync_status, has_parts_data, parse_status, parse_retry_count,"
    "  deleted_at, version_id, api_created_date, api_changed_date, amount, elevation_type, system_description,"
    "  model_description, user_description, upstream_id)"
    " SELECT DISTINCT ON (s.id) s.id, left(coalesce(nullif(s.name, ''), s.id), 255), s.description, left(s.state, 50),"
    "  $2::integer, p.id, s.width, s.height, now(), to_timestamp(s.changed), now(),"
    "  CASE WHEN s.is_recycled THEN 'deleted' ELSE 'synced' END, false, 'pending', 0,"
    "  CASE WHEN s.is_recycled THEN now() END, s.version_id, to_timestamp(s.created),"
    " to_timestamp(s.changed), s.amount,"
    "  s.type, s.system_description, s.model_description, s.user_description, nullif(s.upstream_id, s.id)"
    " FROM sync_stage_elevations s JOIN phases p ON p.project_id = $2::integer AND p.logikal_id = s.phase"
    " WHERE s.stage = $3::bigint AND s.listing = ANY ($1::bigint[]) AND NOT (s.is_recycled AND EXISTS"
    "   (SELECT FROM elevations o WHERE o.logikal_id = s.id AND o.deleted_at IS NULL))"
    "  AND (s.phase <> ALL ($4::text[]) OR EXISTS (SELECT FROM elevations o WHERE o.logikal_id = s.id))"
    "  AND ($5::text IS NULL OR s.id = $5) ORDER BY s.id, s.is_recycled, NOT EXISTS"
    "   (SELECT FROM elevations o WHERE o.logikal_id = s.id AND o.phase_id = p.id), s.listing" /* in two: where it is */
    " ON CONFLICT (logikal_id) DO UPDATE SET name = excluded.name, description = excluded.description,"
    "  status = excluded.status, project_id = excluded.project_id, phase_id = excluded.phase_id,"
    "  width = excluded.width, height = excluded.height, last_sync_date = now(),"
    "  last_update_date = coalesce(excluded.last_update_date, e.last_update_date), synced_at = now(),"
    "  sync_status = excluded.sync_status, updated_at = now(),"
    "  deleted_at = CASE WHEN excluded.deleted_at IS NULL THEN NULL ELSE coalesce(e.deleted_at, now()) END,"
    "  version_id = excluded.version_id, api_created_date = excluded.api_created_date,"
    "  api_changed_date = excluded.api_changed_date, amount = excluded.amount,"
    "  elevation_type = excluded.elevation_type, system_description = excluded.system_description,"
    "  model_description = excluded.model_description, user_description = excluded.user_description,"
    "  upstream_id = excluded.upstream_id,"
    "  parse_version = CASE WHEN e.name = excluded.name THEN e.parse_version ELSE 0 END" /* read by its name */
    " WHERE (e.name, e.description, e.status, e.project_id, e.phase_id, e.width, e.height, e.deleted_at IS NULL,"
    "   e.version_id, e.api_created_date, e.api_changed_date, e.amount, e.elevation_type, e.system_description,"
    "   e.model_description, e.user_description, e.sync_status, e.upstream_id) IS DISTINCT FROM"
    "  (excluded.name, excluded.description, excluded.status, excluded.project_id, excluded.phase_id, excluded.width,"
    "   excluded.height, excluded.deleted_at IS NULL, excluded.version_id, excluded.api_created_date,"
    "   excluded.api_changed_date, excluded.amount, excluded.elevation_type, excluded.system_description,"
    "   excluded.model_description, excluded.user_description, excluded.sync_status, excluded.upstream_id)";

/* $1 listings, $2 project row, $3 stage, $4 run, $5 phases that were listed whole: missing are those of these phases
 * that none of the listings shows, or shows in the recycle bin; and what is left in a phase that is gone itself. */
static const char miss_elevations[] =
    "INSERT INTO sync_missing AS m (object_type, object_id, run_id)"
    " SELECT 'elevation', e.id, $4::bigint FROM (SELECT x.logikal_id FROM elevations x JOIN phases p ON p.id = "
    "x.phase_id"
    "   WHERE x.project_id = $2::integer AND x.deleted_at IS NULL"
    "    AND (p.deleted_at IS NOT NULL OR p.logikal_id = ANY ($5::text[]))"
    /* as sets: nothing is known yet of how many there are, and each looked up among all of the others takes hours */
    "  EXCEPT SELECT s.id FROM sync_stage_elevations s WHERE s.stage = $3::bigint"
    "   AND s.listing = ANY ($1::bigint[]) AND NOT s.is_recycled) gone"
    " JOIN elevations e ON e.logikal_id = gone.logikal_id WHERE e.project_id = $2::integer"
    " ON CONFLICT (object_type, object_id) DO UPDATE SET run_id = excluded.run_id";
static const char found_elevations[] =
    "DELETE FROM sync_missing m USING elevations e, sync_stage_elevations s WHERE m.object_type = 'elevation'"
    " AND e.id = m.object_id AND s.stage = $2::bigint AND s.listing = ANY ($1::bigint[]) AND s.id = e.logikal_id"
    " AND NOT s.is_recycled";

/* A date that was there in a listing of three seconds before, too, is old enough, whatever the upstream's clock says.
 */
static const char move_cursor[] =
    "INSERT INTO project_cursors AS c (project_id, phases_date, phases_at, elevations_date,"
    " elevations_at, confirmed_at,"
    "  failed_at, failures, last_error, phases_listed_at, elevations_listed_at)"
    " VALUES ($1::integer, to_timestamp($2::bigint), to_timestamp($3::bigint), to_timestamp($4::bigint),"
    "  to_timestamp($5::bigint), CASE WHEN $6::text IS NULL THEN now() END,"
    "  CASE WHEN $6::text IS NOT NULL THEN now() END, CASE WHEN $6::text IS NULL THEN 0 ELSE 1 END, $6::text,"
    "  CASE WHEN $3::bigint IS NOT NULL THEN now() END, CASE WHEN $5::bigint IS NOT NULL THEN now() END)"
    " ON CONFLICT (project_id) DO UPDATE SET phases_date = coalesce(excluded.phases_date, c.phases_date),"
    "  phases_listed_at = coalesce(excluded.phases_listed_at, c.phases_listed_at),"
    "  elevations_listed_at = coalesce(excluded.elevations_listed_at, c.elevations_listed_at),"
    "  phases_at = CASE WHEN excluded.phases_date = c.phases_date AND c.phases_listed_at < now() - interval '3 s'"
    "   THEN greatest(excluded.phases_at, excluded.phases_date + interval '4 s')"
    "   ELSE coalesce(excluded.phases_at, c.phases_at) END,"
    "  elevations_date = coalesce(excluded.elevations_date, c.elevations_date),"
    "  elevations_at = CASE WHEN excluded.elevations_date = c.elevations_date"
    "    AND c.elevations_listed_at < now() - interval '3 s'"
    "   THEN greatest(excluded.elevations_at, excluded.elevations_date + interval '4 s')"
    "   ELSE coalesce(excluded.elevations_at, c.elevations_at) END,"
    "  confirmed_at = coalesce(excluded.confirmed_at, c.confirmed_at),"
    " failed_at = coalesce(excluded.failed_at, c.failed_at),"
    "  failures = CASE WHEN $6::text IS NULL THEN 0 ELSE c.failures + 1 END, last_error = excluded.last_error";

static int64_t query_count(struct db *db, const char *sql, const char *listings, const char *stage, struct err *err)
{
    const char *values[] = {listings, stage};
    PGresult *r = db_query(db, err, sql, 2, values);
    if (!r) return -ERR_DB;
    int64_t count = db_int(r, 0, 0);
    PQclear(r);
    return count;
}

static int write_phases(struct db *db, const struct project_apply *a, const char *project, struct project_counts *n,
                        struct err *err)
{
    char listing[DB_NUMBER_SIZE], stage[DB_NUMBER_SIZE], run[DB_NUMBER_SIZE];
    const char *values[] = {db_number(listing, a->phases_listing), project, db_number(stage, a->stage->id),
                            db_number(run, a->run)};
    if (!a->phases_listing) return 0;
    n->phases = query_count(db, "SELECT count(DISTINCT id) FROM sync_stage_phases WHERE listing = $1 AND stage = $2",
                            listing, stage, err);
    const struct write insert = {"phase",
                                 apply_phases,
                                 3,
                                 values,
                                 "SELECT DISTINCT id FROM sync_stage_phases WHERE listing = $1::bigint AND stage = "
                                 "$3::bigint AND $2::text IS NOT NULL",
                                 3};
    if (n->phases < 0 || left_out_phases(a->stage, a->phases_listing, project, err) < 0) return -ERR_DB;
    if ((n->phases_twice = doubles_phases(a->stage, a->phases_listing, err)) < 0) return -ERR_DB;
    if ((n->phases_written = stage_write(a->stage, &insert, a->singly, &n->refused, err)) < 0) return -ERR_DB;
    if (db_exec(db, err, found_phases, 3, values) < 0) return -ERR_DB;
    return a->phases_are_whole && !a->stage->lost && db_exec(db, err, miss_phases, 4, values) < 0 ? -ERR_DB : 0;
}

static int write_elevations(struct db *db, const struct project_apply *a, const char *project, struct project_counts *n,
                            struct err *err)
{
    char stage[DB_NUMBER_SIZE], run[DB_NUMBER_SIZE];
    const char *listings = a->listings ? a->listings : "{}";
    const char *values[] = {listings, project, db_number(stage, a->stage->id), db_number(run, a->run),
                            a->phases_listed ? a->phases_listed : "{}"};
    const char *found[] = {listings, stage};
    n->elevations = query_count(
        db, "SELECT count(DISTINCT id) FROM sync_stage_elevations WHERE listing = ANY ($1::bigint[]) AND stage = $2",
        listings, stage, err);
    if (n->elevations < 0 || left_out_elevations(a->stage, listings, err) < 0) return -ERR_DB;
    if ((n->doubles = doubles_elevations(a->stage, a->run, project, listings, &n->twice, err)) < 0) return -ERR_DB;
    struct exchange exchange;
    int rc = exchange_elevations(a->stage, project, listings, values[4], &exchange, err);
    if (rc < 0) return rc;
    n->withheld = exchange.withheld;
    const char *inserted[] = {listings, project, stage, exchange.places};
    const struct write insert = {"elevation",
                                 apply_elevations,
                                 4,
                                 inserted,
                                 "SELECT DISTINCT id FROM sync_stage_elevations WHERE listing = ANY ($1::bigint[])"
                                 " AND stage = $3::bigint AND $2::text IS NOT NULL",
                                 3};
    if (n->elevations > 0) n->elevations_written = stage_write(a->stage, &insert, a->singly, &n->refused, err);
    free(exchange.places);
    if (n->elevations_written < 0) return -ERR_DB;
    if (n->elevations > 0 && db_exec(db, err, found_elevations, 2, found) < 0) return -ERR_DB;
    return !a->stage->lost && db_exec(db, err, miss_elevations, 5, values) < 0 ? -ERR_DB : 0;
}

int project_apply_claims(const struct stage *stage, const char *project, struct err *err)
{
    char listing[DB_NUMBER_SIZE + 4], id[DB_NUMBER_SIZE];
    snprintf(listing, sizeof listing, "{-%s}", project);
    const char *values[] = {listing, project, db_number(id, stage->id), "{}", NULL}, *found[] = {listing, id};
    if (db_exec(stage->db, err, apply_elevations, 5, values) < 0) return -ERR_DB;
    return db_exec(stage->db, err, found_elevations, 2, found) < 0 ? -ERR_DB : 0;
}

static int write_cursor(struct db *db, const struct project_apply *a, const char *project,
                        const struct project_counts *n, struct err *err)
{
    char date[DB_NUMBER_SIZE], phases_at[DB_NUMBER_SIZE], elevations_at[DB_NUMBER_SIZE];
    bool is_whole = n->refused == 0 && a->stage->lost == 0;
    bool has_phases = is_whole && a->phases_listing && a->phases_are_whole && a->phases_at_s && !n->phases_twice;
    bool has_elevations =
        is_whole && a->elevations_are_whole && a->elevations_at_s && !n->withheld && !n->doubles && !n->twice;
    const char *error = a->error;
    if (!error && !is_whole) error = "some of its objects were refused by PostgreSQL";
    if (!error && n->withheld) error = "unknown elevations stand in the place of its own";
    if (!error && n->phases_twice) error = "some of its phases are listed in two ways";
    if (!error && n->twice) error = "some of its elevations are listed in two ways";
    if (!error && n->doubles) error = "elevations of it are in another project too";
    const char *changed = a->changed_s ? db_number(date, a->changed_s) : NULL;
    const char *values[] = {project,
                            has_phases ? changed : NULL,
                            has_phases ? db_number(phases_at, a->phases_at_s) : NULL,
                            has_elevations ? changed : NULL,
                            has_elevations ? db_number(elevations_at, a->elevations_at_s) : NULL,
                            error};
    return db_exec(db, err, move_cursor, 6, values) < 0 ? -ERR_DB : 0;
}

static int apply_once(struct db *db, const struct lease *lease, const struct project_apply *apply,
                      struct project_counts *counts, struct err *err)
{
    char project[DB_NUMBER_SIZE];
    db_number(project, apply->project_id);
    *counts = (struct project_counts){0};
    if (db_begin(db, err) < 0) return -ERR_DB;
    int rc = lease_check(db, lease, err);
    if (rc == 0) rc = stage_check(apply->stage, err);
    if (rc == 0) rc = write_phases(db, apply, project, counts, err);
    if (rc == 0) rc = write_elevations(db, apply, project, counts, err);
    if (rc == 0) rc = write_cursor(db, apply, project, counts, err);
    return rc == 0 ? db_commit(db, err) : rc;
}

int project_apply(struct db *db, const struct lease *lease, const struct project_apply *apply,
                  struct project_counts *counts, struct err *err)
{
    int rc = apply_once(db, lease, apply, counts, err);
    bool was_refused = rc < 0 && db_was_refused(db);
    if (rc < 0) db_rollback(db);
    if (!was_refused) return rc;
    struct project_apply alone = *apply;
    alone.singly = true;
    rc = apply_once(db, lease, &alone, counts, err);
    if (rc < 0) db_rollback(db);
    return rc;
}

int project_note_files(struct db *db, int64_t project_id, struct err *err)
{
    char project[DB_NUMBER_SIZE];
    const char *values[] = {db_number(project, project_id)};
    return db_exec(db, err,
                   "UPDATE project_cursors SET files_date = elevations_date WHERE project_id = $1"
                   " AND files_date IS DISTINCT FROM elevations_date",
                   1, values) < 0
               ? -ERR_DB
               : 0;
}

int project_note_failure(struct db *db, int64_t project_id, const char *text, struct err *err)
{
    char project[DB_NUMBER_SIZE];
    const char *values[] = {db_number(project, project_id), text};
    return db_exec(db, err,
                   "INSERT INTO project_cursors AS c (project_id, failed_at, failures, last_error)"
                   " VALUES ($1, now(), 1, $2) ON CONFLICT (project_id) DO UPDATE SET failed_at = now(),"
                   "  failures = c.failures + 1, last_error = excluded.last_error",
                   2, values) < 0
               ? -ERR_DB
               : 0;
}

PGresult *project_phases(struct db *db, int64_t project_id, struct err *err)
{
    char project[DB_NUMBER_SIZE];
    const char *values[] = {db_number(project, project_id)};
    return db_query(db, err,
                    "SELECT logikal_id, coalesce(upstream_id, logikal_id) FROM phases WHERE project_id = $1 AND "
                    "deleted_at IS NULL AND logikal_id IS NOT NULL"
                    " ORDER BY id",
                    1, values);
}

char *project_spelling(struct db *db, int64_t project_id, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, project_id)};
    PGresult *r =
        db_query(db, err, "SELECT upstream_id FROM projects WHERE id = $1 AND upstream_id IS NOT NULL", 1, values);
    char *spelling = r ? strdup(PQntuples(r) ? db_text(r, 0, 0) : "") : NULL;
    if (r && !spelling) err_set(err, ERR_NOMEM, "no memory");
    PQclear(r);
    return spelling;
}
