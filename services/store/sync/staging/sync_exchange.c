/* Another world in the place of the known one: a listing that leaves out more than half of what lives in a place and
 * shows as many objects that nobody has seen before (another tenant, a restored copy). See sync_exchange.h. */
#include "services/store/sync/staging/sync_exchange.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "services/store/db/db.h"
#include "services/store/sync/staging/sync_stage.h"

/* From seen and known (id, place; known: is_listed, the place was listed whole): the places where it is so, or all with
 * something unknown when it is so of all of them together. One object that was replaced by another is no other world.
 */
#define VERDICT                                                                                                        \
    " unknown AS (SELECT place, count(*) AS n FROM seen WHERE NOT is_known GROUP BY place),"                           \
    " old AS (SELECT place, count(*) AS n, count(*) FILTER (WHERE is_listed AND NOT EXISTS"                            \
    "  (SELECT FROM seen WHERE seen.id = known.id)) AS gone FROM known GROUP BY place),"                               \
    " whole AS (SELECT gone >= 2 AND gone * 2 > n AND unknown * 2 > n AS is_so FROM"                                   \
    "  (SELECT sum(gone) AS gone, sum(n) AS n, (SELECT sum(n) FROM unknown) AS unknown FROM old) o),"                  \
    " places AS (SELECT u.place, u.n FROM unknown u LEFT JOIN old USING (place), whole WHERE whole.is_so"              \
    "  OR (old.gone >= 2 AND old.gone * 2 > old.n AND u.n * 2 > old.n))"                                               \
    " SELECT coalesce(sum(n), 0)::bigint, coalesce(array_agg(place), '{}') FROM places"

/* $1 stage */
static const char projects[] =
    "WITH seen AS (SELECT DISTINCT s.id, logikald_directory_key(s.directory) AS place, EXISTS"
    "   (SELECT FROM projects o WHERE o.logikal_id = s.id) AS is_known"
    "  FROM sync_stage_projects s WHERE s.stage = $1 AND NOT s.is_deleted),"
    " known AS (SELECT p.logikal_id AS id, d.logikal_id AS place, EXISTS (SELECT FROM sync_stage_listed l WHERE"
    "   l.stage = $1 AND l.kind = 'p' AND l.identifier = coalesce(d.upstream_path, d.logikal_id)) AS is_listed"
    "  FROM projects p JOIN directories d ON d.id = p.directory_id WHERE p.deleted_at IS NULL"
    " AND NOT EXISTS (SELECT FROM"
    "   sync_missing m WHERE m.object_type = 'project' AND m.object_id = p.id AND m.state = 'refused'))," VERDICT;

/* $1 stage, $2 project row, $3 listings, $4 phases */
static const char elevations[] =
    "WITH seen AS (SELECT DISTINCT s.id, s.phase AS place, EXISTS (SELECT FROM elevations o WHERE o.logikal_id = s.id)"
    "   AS is_known FROM sync_stage_elevations s WHERE s.stage = $1 AND s.listing = ANY ($3::bigint[])"
    "   AND NOT s.is_recycled),"
    " known AS (SELECT e.logikal_id AS id, p.logikal_id AS place,"
    "   p.deleted_at IS NOT NULL OR p.logikal_id = ANY ($4::text[]) AS is_listed"
    "  FROM elevations e JOIN phases p ON p.id = e.phase_id WHERE e.project_id = $2::integer AND e.deleted_at IS NULL"
    "   AND NOT EXISTS (SELECT FROM sync_missing m WHERE m.object_type = 'elevation' AND m.object_id = e.id"
    "    AND m.state = 'refused'))," VERDICT;

static int ask(const struct stage *stage, const char *sql, int n, const char *const *values, struct exchange *out,
               struct err *err)
{
    *out = (struct exchange){0};
    PGresult *r = db_query(stage->db, err, sql, n, values);
    if (!r) return -ERR_DB;
    out->withheld = db_int(r, 0, 0);
    out->places = strdup(db_text(r, 0, 1));
    PQclear(r);
    return out->places ? 0 : err_set(err, ERR_NOMEM, "no memory");
}

int exchange_projects(const struct stage *stage, struct exchange *out, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, stage->id)};
    return ask(stage, projects, 1, values, out, err);
}

int exchange_elevations(const struct stage *stage, const char *project, const char *listings, const char *phases,
                        struct exchange *out, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, stage->id), project, listings, phases};
    return ask(stage, elevations, 4, values, out, err);
}
