/* What lists leave out: see sync_left_out.h. For each type one statement asks for it, and another one fills it in. */
#include "services/store/sync/staging/sync_left_out.h"

#include <libpq-fe.h>
#include <stdio.h>

#include "conf/text/utf8.h"
#include "services/store/db/db.h"
#include "services/store/sync/staging/sync_stage.h"

/* s is what is staged, k the row that is known; v the members of each pair. */
#define ASK(pairs, members)                                                                                            \
    "WITH found AS (SELECT v.member, min(k.name) AS one" pairs ", LATERAL (VALUES " members                            \
    ") AS v (member, is_left_out)" pairs##_WHERE                                                                       \
        " AND v.is_left_out GROUP BY v.member)"                                                                        \
        " SELECT string_agg(member, ', ' ORDER BY member), left(min(one), 100) FROM found HAVING count(*) > 0"
#define FILL(pairs, table, set) "UPDATE " table " s SET " set " FROM" pairs##_KNOWN pairs##_WHERE

#define DIRECTORIES       " FROM sync_stage_directories s, directories k"
#define DIRECTORIES_KNOWN " directories k"
#define DIRECTORIES_WHERE " WHERE s.stage = $1 AND k.logikal_id = logikald_directory_key(s.identifier)"
static const char ask_directories[] =
    ASK(DIRECTORIES, "('name', s.name IS NULL AND k.name <> left(s.identifier, 255))");
static const char fill_directories[] =
    FILL(DIRECTORIES, "sync_stage_directories", "name = k.name") " AND s.name IS NULL";

/* The plan goes by changed: where it is left out the project is read, and its row has the date kept by its insert. */
#define PROJECTS       " FROM sync_stage_projects s, projects k"
#define PROJECTS_KNOWN " projects k"
#define PROJECTS_WHERE                                                                                                 \
    " WHERE s.stage = $1 AND k.logikal_id = s.id"                                                                      \
    " AND coalesce(to_timestamp(s.changed) = k.api_changed_date, s.changed IS NULL AND k.api_changed_date IS NOT "     \
    "NULL)"
static const char ask_projects[] =
    ASK(PROJECTS, "('name', nullif(s.name, '') IS NULL AND k.name <> k.logikal_id),"
                  " ('jobNumber', s.job_number IS NULL AND k.job_number IS NOT NULL),"
                  " ('offerNumber', s.offer_number IS NULL AND k.offer_number IS NOT NULL),"
                  " ('personInCharge', s.person_in_charge IS NULL AND k.person_in_charge IS NOT NULL),"
                  " ('estimated', s.is_estimated IS NULL AND k.is_estimated),"
                  " ('createdDate', s.created IS NULL AND k.api_created_date IS NOT NULL),"
                  " ('changedDate', s.changed IS NULL AND k.api_changed_date IS NOT NULL)");
static const char fill_projects[] =
    FILL(PROJECTS, "sync_stage_projects",
         "name = coalesce(nullif(s.name, ''), k.name), job_number = coalesce(s.job_number, k.job_number),"
         " offer_number = coalesce(s.offer_number, k.offer_number),"
         " person_in_charge = coalesce(s.person_in_charge, k.person_in_charge),"
         " is_estimated = coalesce(s.is_estimated, k.is_estimated),"
         " created = coalesce(s.created, extract(epoch FROM k.api_created_date)::bigint)");

/* A phase has neither version nor date, and the default one needs no name. */
#define PHASES       " FROM sync_stage_phases s, phases k"
#define PHASES_KNOWN " phases k"
#define PHASES_WHERE " WHERE s.stage = $1 AND s.listing = $2 AND k.project_id = $3::integer AND k.logikal_id = s.id"
static const char ask_phases[] = ASK(PHASES, "('name', s.name IS NULL AND k.name NOT IN (k.logikal_id, 'Default'))");
static const char fill_phases[] = FILL(PHASES, "sync_stage_phases", "name = k.name") " AND s.name IS NULL";

#define ELEVATIONS       " FROM sync_stage_elevations s, elevations k"
#define ELEVATIONS_KNOWN " elevations k"
#define ELEVATIONS_WHERE                                                                                               \
    " WHERE s.stage = $1 AND s.listing = ANY ($2::bigint[]) AND k.logikal_id = s.id"                                   \
    " AND (k.version_id IS NOT NULL OR k.api_changed_date IS NOT NULL)"                                                \
    " AND coalesce(s.version_id = k.version_id, s.version_id IS NULL)"                                                 \
    " AND coalesce(to_timestamp(s.changed) = k.api_changed_date, s.changed IS NULL)"
static const char ask_elevations[] =
    ASK(ELEVATIONS, "('name', nullif(s.name, '') IS NULL AND k.name <> k.logikal_id),"
                    " ('versionId', s.version_id IS NULL AND k.version_id IS NOT NULL),"
                    " ('type', s.type IS NULL AND k.elevation_type IS NOT NULL),"
                    " ('state', s.state IS NULL AND k.status IS NOT NULL),"
                    " ('description', s.description IS NULL AND k.description IS NOT NULL),"
                    " ('systemDescription', s.system_description IS NULL AND k.system_description IS NOT NULL),"
                    " ('modelDescription', s.model_description IS NULL AND k.model_description IS NOT NULL),"
                    " ('userDescription', s.user_description IS NULL AND k.user_description IS NOT NULL),"
                    " ('createdDate', s.created IS NULL AND k.api_created_date IS NOT NULL),"
                    " ('changedDate', s.changed IS NULL AND k.api_changed_date IS NOT NULL),"
                    " ('amount', s.amount IS NULL AND k.amount IS NOT NULL),"
                    " ('width', s.width IS NULL AND k.width IS NOT NULL),"
                    " ('height', s.height IS NULL AND k.height IS NOT NULL)");
/* The description is the user's, where there is one. */
static const char fill_elevations[] =
    FILL(ELEVATIONS, "sync_stage_elevations",
         "name = coalesce(nullif(s.name, ''), k.name), version_id = coalesce(s.version_id, k.version_id),"
         " type = coalesce(s.type, k.elevation_type), state = coalesce(s.state, k.status), description = CASE WHEN"
         "  s.user_description IS NULL AND k.user_description <> '' THEN k.description"
         "  ELSE coalesce(s.description, k.description) END,"
         " system_description = coalesce(s.system_description, k.system_description),"
         " model_description = coalesce(s.model_description, k.model_description),"
         " user_description = coalesce(s.user_description, k.user_description),"
         " created = coalesce(s.created, extract(epoch FROM k.api_created_date)::bigint),"
         " changed = coalesce(s.changed, extract(epoch FROM k.api_changed_date)::bigint),"
         " amount = coalesce(s.amount, k.amount), width = coalesce(s.width, k.width), height = coalesce(s.height, "
         "k.height)");

static void tell(const struct stage *stage, const char *type, const PGresult *r)
{
    char key[400], text[400];
    const char *members = db_text(r, 0, 0);
    snprintf(key, sizeof key, "left out of %s: %s", type, members);
    snprintf(text, sizeof text,
             "Logikal leaves out %s of %s that have not changed (%s is one): %s; told once for all of"
             " this sync",
             members, type, db_text(r, 0, 1),
             stage->takes_all ? "it is taken from them, since the sync is forced"
                              : "what they had is kept; a forced sync would take it from them");
    utf8_finish(key);
    utf8_finish(text);
    if (stage->noted) stage->noted(stage->refused_arg, key, text);
}

static int see_to(const struct stage *stage, const char *type, const char *ask, const char *fill, int n,
                  const char *const *values, struct err *err)
{
    PGresult *r = db_query(stage->db, err, ask, n, values);
    if (!r) return -ERR_DB;
    bool is_something = PQntuples(r) > 0;
    if (is_something) tell(stage, type, r);
    PQclear(r);
    return is_something && !stage->takes_all && db_exec(stage->db, err, fill, n, values) < 0 ? -ERR_DB : 0;
}

int left_out_directories(const struct stage *stage, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, stage->id)};
    return see_to(stage, "directories", ask_directories, fill_directories, 1, values, err);
}

int left_out_projects(const struct stage *stage, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, stage->id)};
    return see_to(stage, "projects", ask_projects, fill_projects, 1, values, err);
}

int left_out_phases(const struct stage *stage, int64_t listing, const char *project, struct err *err)
{
    char id[DB_NUMBER_SIZE], number[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, stage->id), db_number(number, listing), project};
    return see_to(stage, "phases", ask_phases, fill_phases, 3, values, err);
}

int left_out_elevations(const struct stage *stage, const char *listings, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, stage->id), listings};
    return see_to(stage, "elevations", ask_elevations, fill_elevations, 2, values, err);
}
