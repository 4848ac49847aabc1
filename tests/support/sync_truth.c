/* Truth for the tests of the sync: see sync_truth.h. The dump goes into a table of the database as JSON, and SQL
 * compares it with what the sync has stored. */
#include "tests/support/sync_truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "conf/text/buf.h"
#include "services/store/frames.h"

void sync_world_start(struct sync_world *w, const char *const sim_arguments[])
{
    *w = (struct sync_world){0};
    pg_start(&w->pg);
    sim_start(&w->sim, sim_arguments);
    sync_world_clear(w);
}

void sync_world_open(struct sync_world *w, const char *words)
{
    const char *arguments[32] = {NULL};
    char *text = strdup(words), *rest = text;
    for (int i = 0; i < 31 && (arguments[i] = strtok_r(rest, " ", &rest)) != NULL; i++) continue;
    sync_world_start(w, arguments);
    free(text);
}

void sync_world_stop(struct sync_world *w)
{
    sim_stop(&w->sim);
    pg_stop(&w->pg);
}

static char **environment(struct sync_world *w)
{
    static char texts[5][512];
    static char *env[32];
    int n = 0;
    snprintf(texts[0], sizeof texts[0], "DATABASE_URL=%s", w->database_url ? w->database_url : w->pg.url);
    snprintf(texts[1], sizeof texts[1], "LOGIKAL_API_BASE_URL=%s", w->sim.base_url);
    snprintf(texts[2], sizeof texts[2], "LOGIKAL_AUTH_USERNAME=demo");
    snprintf(texts[3], sizeof texts[3], "LOGIKAL_AUTH_PASSWORD=demo");
    snprintf(texts[4], sizeof texts[4], "BACKGROUND_SYNC_ENABLED=true");
    for (; n < 5; n++) env[n] = texts[n];
    for (int i = 0; i < 16 && w->extra_env[i]; i++) env[n++] = (char *)(uintptr_t)w->extra_env[i];
    env[n] = NULL;
    return env;
}

/* A worker that still writes down what it has done may be in the way. */
static bool is_dropped(struct sync_world *w)
{
    PGconn *conn = pg_connect(&w->pg);
    PGresult *r = PQexec(conn, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    bool is_done = PQresultStatus(r) == PGRES_COMMAND_OK;
    if (!is_done) print_message("%s", PQresultErrorMessage(r));
    PQclear(r);
    PQfinish(conn);
    return is_done;
}

void sync_world_clear(struct sync_world *w)
{
    char *output = NULL;
    char *const argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), (char *)"migrate", NULL};
    WAIT_UNTIL(is_dropped(w), 20000);
    if (process_run(argv, environment(w), &output) != 0) fail_msg("migrate failed: %s", output);
    free(output);
}

void sync_world_settings(struct sync_world *w, bool are_odd)
{
    static const char set[] =
        "DO $do$ DECLARE setting text; BEGIN FOREACH setting IN ARRAY ARRAY['datestyle TO ''German''',"
        " 'intervalstyle TO iso_8601', 'extra_float_digits TO -10', 'bytea_output TO escape', 'array_nulls TO off',"
        " 'standard_conforming_strings TO off', 'transform_null_equals TO on',"
        " 'default_transaction_isolation TO serializable']"
        " LOOP EXECUTE format('ALTER DATABASE %I SET ', current_database()) || setting; END LOOP; END $do$";
    static const char reset[] =
        "DO $do$ BEGIN EXECUTE format('ALTER DATABASE %I RESET ALL', current_database()); END $do$";
    pg_exec(&w->pg, are_odd ? set : reset);
}

void sync_task_start(struct sync_world *w, struct process *p, const char *task, const char *args, const char *kwargs)
{
    const char *argv[10] = {support_program("logikald-roles"), "task", task};
    int n = 3;
    if (args) argv[n++] = "--args", argv[n++] = args;
    if (kwargs) argv[n++] = "--kwargs", argv[n++] = kwargs;
    const char *pause = getenv("SYNC_PAUSE_MS"); /* for trying how it is on a slow machine: docs/testing.md */
    for (int64_t end = support_deadline(pause ? strtol(pause, NULL, 10) : 0); !support_late(end);) support_pause();
    process_start(p, "sync-task", (char *const *)(uintptr_t)argv, environment(w));
}

cJSON *sync_task_result(struct process *p)
{
    char *log = process_log(p);
    cJSON *result = NULL;
    for (char *line = log, *next; line && *line; line = next) {
        size_t len = strcspn(line, "\n");
        next = line[len] ? line + len + 1 : NULL;
        line[len] = '\0';
        cJSON *json = *line == '{' ? cJSON_Parse(line) : NULL;
        if (!json) continue;
        cJSON_Delete(result);
        result = json;
    }
    if (!result) print_message("no result in: %s\n", log);
    free(log);
    return result;
}

static void show_faults(struct process *p)
{
    char *log = process_log(p);
    if (strstr(log, "Sanitizer") || strstr(log, "runtime error")) fail_msg("a fault in the task: %s", log);
    free(log);
}

cJSON *sync_task(struct sync_world *w, const char *task, const char *args, const char *kwargs, int *status)
{
    struct process p;
    sync_task_start(w, &p, task, args, kwargs);
    int waited = process_wait(&p, 120000);
    show_faults(&p);
    if (status) *status = WIFEXITED(waited) ? WEXITSTATUS(waited) : 128;
    cJSON *result = sync_task_result(&p);
    if (!result) fail_msg("%s gave no result", task);
    return result;
}

void sync_all(struct sync_world *w, bool force)
{
    int status;
    cJSON *result =
        sync_task(w, "tasks.sync_tasks.full_sync_task", NULL, force ? "{\"force_sync\":true}" : NULL, &status);
    char *text = cJSON_Print(result);
    if (status != 0 || !result_true(result, "success")) fail_msg("the full sync failed: %s", text);
    free(text);
    cJSON_Delete(result);
}

bool result_true(const cJSON *result, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(result, name));
}

double result_number(const cJSON *result, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(result, name);
    return cJSON_IsNumber(value) ? value->valuedouble : -1;
}

const char *result_text(const cJSON *result, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(result, name));
    return text ? text : "";
}

/* ---- the comparison ---- */

/* Each pair selects the same columns from the dump and from the database; rows of one that the other has not are the
 * differences. A project in the recycle bin takes what is below with it. */
const struct truth_kind truth_kinds[TRUTH_KINDS] = {
    {"directory",
     "SELECT doc->>'id', doc->'object'->>'name', coalesce(doc->>'parent', '') FROM truth WHERE doc->>'type' = "
     "'directory'",
     "SELECT d.upstream_path, d.name, coalesce(p.upstream_path, '') FROM directories d LEFT JOIN directories p ON p.id "
     "="
     " d.parent_id WHERE d.deleted_at IS NULL",
     3, 1},
    {"project",
     "SELECT doc->>'id', doc->'object'->>'name', doc->>'parent', (doc->'object'->>'createdDate')::float8,"
     " (doc->'object'->>'changedDate')::float8, doc->'object'->>'jobNumber', doc->'object'->>'offerNumber',"
     " doc->'object'->>'personInCharge', (doc->'object'->>'estimated')::boolean FROM truth WHERE doc->>'type' = "
     "'project'"
     " AND doc->'object'->>'isDeleted' = 'false'",
     "SELECT p.logikal_id, p.name, d.upstream_path, extract(epoch FROM p.api_created_date)::float8,"
     " extract(epoch FROM p.api_changed_date)::float8, p.job_number, p.offer_number, p.person_in_charge, p.is_estimated"
     " FROM projects p JOIN directories d ON d.id = p.directory_id WHERE p.deleted_at IS NULL",
     9, 1},
    {"phase",
     "SELECT doc->>'parent', doc->>'id', doc->'object'->>'name', doc->'object'->>'description' FROM truth"
     " WHERE doc->>'type' = 'phase' AND doc->>'parent' IN (SELECT id FROM live_projects)",
     "SELECT p.logikal_id, x.logikal_id, x.name, x.description FROM phases x JOIN projects p ON p.id = x.project_id"
     " WHERE x.deleted_at IS NULL",
     4, 2},
    {"elevation",
     "SELECT doc->>'id', doc->>'parent', doc->>'project', o->>'name', o->>'versionId', (o->>'width')::float8,"
     " (o->>'height')::float8, (o->>'amount')::float8, o->>'type', o->>'state', o->>'systemDescription',"
     " o->>'modelDescription', o->>'userDescription', (o->>'createdDate')::float8, (o->>'changedDate')::float8"
     " FROM truth, LATERAL (SELECT doc->'object' AS o) x WHERE doc->>'type' = 'elevation'"
     " AND o->>'isInRecycleBin' = 'false' AND doc->>'project' IN (SELECT id FROM live_projects)",
     "SELECT e.logikal_id, x.logikal_id, p.logikal_id, e.name, e.version_id, e.width, e.height, e.amount,"
     " e.elevation_type, e.status, e.system_description, e.model_description, e.user_description,"
     " extract(epoch FROM e.api_created_date)::float8, extract(epoch FROM e.api_changed_date)::float8"
     " FROM elevations e JOIN phases x ON x.id = e.phase_id JOIN projects p ON p.id = e.project_id"
     " WHERE e.deleted_at IS NULL AND x.project_id = p.id",
     15, 1},
    {"file",
     "SELECT doc->>'id', doc->>'parts_sha256', doc->>'thumbnail_sha256', 'success' FROM truth"
     " WHERE doc->>'type' = 'elevation' AND doc->'object'->>'isInRecycleBin' = 'false'"
     " AND doc->>'project' IN (SELECT id FROM live_projects)",
     "SELECT e.logikal_id, coalesce(f.sha256, encode(sha256(l.content), 'hex')), encode(sha256(t.content), 'hex'),"
     " e.parse_status FROM elevations e LEFT JOIN elevation_parts_lists l ON l.elevation_id = e.id"
     " LEFT JOIN parts_files f ON f.sha256 = l.sha256 AND l.content IS NULL"
     " LEFT JOIN elevation_thumbnails t ON t.elevation_id = e.id WHERE e.deleted_at IS NULL",
     4, 1},
    {"read",
     "SELECT doc->>'id', p->>'auto_description', p->>'system_code', p->>'system_name', (p->>'width_out')::float8,"
     " (p->>'height_out')::float8, (p->>'weight_out')::float8, (p->>'panes')::int8 FROM truth, LATERAL (SELECT"
     " doc->'parts' AS p) x WHERE doc->>'type' = 'elevation' AND doc->'object'->>'isInRecycleBin' = 'false'"
     " AND doc->>'project' IN (SELECT id FROM live_projects)",
     "SELECT e.logikal_id, e.auto_description, e.system_code, e.system_name, e.width_out, e.height_out, e.weight_out,"
     " (SELECT count(*) FROM elevation_glass g WHERE g.elevation_id = e.id) FROM elevations e WHERE e.deleted_at IS"
     " NULL",
     8, 1},
};

void truth_load(struct sync_world *w, PGconn *conn, bool with_files)
{
    char *dump = sim_get(&w->sim, with_files ? "/dump?parts=1&width=300&height=300&format=PNG&view=Exterior&"
                                               "withdimensions=true&withdescription=false"
                                             : "/dump");
    struct buf lines = {0};
    PQclear(PQexec(conn, "CREATE TEMP TABLE truth (doc jsonb)"));
    PGresult *copy = PQexec(conn, "COPY truth FROM STDIN");
    if (PQresultStatus(copy) != PGRES_COPY_IN) fail_msg("COPY: %s", PQerrorMessage(conn));
    PQclear(copy);
    for (const char *p = dump; *p; p++) {
        if (*p == '\\') buf_char(&lines, '\\');
        buf_char(&lines, *p);
    }
    if (PQputCopyData(conn, lines.data, (int)lines.len) != 1 || PQputCopyEnd(conn, NULL) != 1)
        fail_msg("COPY: %s", PQerrorMessage(conn));
    for (PGresult *r; (r = PQgetResult(conn)); PQclear(r))
        if (PQresultStatus(r) != PGRES_COMMAND_OK) fail_msg("the dump: %s", PQerrorMessage(conn));
    PQclear(PQexec(conn, "CREATE TEMP TABLE live_projects AS SELECT doc->>'id' AS id FROM truth WHERE doc->>'type' ="
                         " 'project' AND doc->'object'->>'isDeleted' = 'false'"));
    buf_free(&lines);
    free(dump);
}

static void compare(PGconn *conn, size_t pair, const char *label, const char *a, const char *b, struct buf *out)
{
    struct buf sql = {0};
    buf_printf(&sql, "(%s) EXCEPT (%s) LIMIT 3", a, b);
    PGresult *r = PQexec(conn, sql.data);
    if (PQresultStatus(r) != PGRES_TUPLES_OK) fail_msg("%s: %s", truth_kinds[pair].what, PQerrorMessage(conn));
    for (int i = 0; i < PQntuples(r); i++) {
        buf_printf(out, "%s only %s:", truth_kinds[pair].what, label);
        for (int k = 0; k < PQnfields(r); k++)
            buf_printf(out, " | %s", PQgetisnull(r, i, k) ? "NULL" : PQgetvalue(r, i, k));
        buf_char(out, '\n');
    }
    PQclear(r);
    buf_free(&sql);
}

static void check_file(const PGresult *r, struct buf *out)
{
    struct buf file = {0};
    unsigned char digest[32];
    char hex[65];
    frames_unpack(PQgetvalue(r, 0, 1), (size_t)PQgetlength(r, 0, 1), (size_t)atol(PQgetvalue(r, 0, 2)), &file, NULL);
    EVP_Digest(file.data, file.len, digest, NULL, EVP_sha256(), NULL);
    for (int k = 0; k < 32; k++) snprintf(hex + 2 * k, 3, "%02x", digest[k]);
    if (strncmp(hex, PQgetvalue(r, 0, 0), 64) != 0) buf_printf(out, "file %s is not what it is called\n", hex);
    buf_free(&file);
}

/* What is stored under a hash, unpacked, has this hash; and an elevation's list is its present version. */
static void check_files(PGconn *conn, struct buf *out)
{
    if (!PQsendQueryParams(conn, "SELECT sha256, content, raw_size::text FROM parts_files", 0, NULL, NULL, NULL, NULL,
                           1) ||
        !PQsetSingleRowMode(conn)) /* all of them together may be larger than memory */
        fail_msg("the files: %s", PQerrorMessage(conn));
    for (PGresult *one; (one = PQgetResult(conn)); PQclear(one)) {
        if (PQresultStatus(one) == PGRES_SINGLE_TUPLE)
            check_file(one, out);
        else if (PQresultStatus(one) != PGRES_TUPLES_OK)
            fail_msg("the files: %s", PQerrorMessage(conn));
    }
    PGresult *r = PQexec(conn, "SELECT l.elevation_id, l.sha256, v.sha256 FROM elevation_parts_lists l FULL JOIN"
                               " (SELECT * FROM parts_versions WHERE valid_to IS NULL) v USING (elevation_id)"
                               " WHERE l.content IS NULL AND l.sha256 IS DISTINCT FROM v.sha256");
    for (int i = 0; i < PQntuples(r); i++)
        buf_printf(out, "elevation %s has file %s, and as its version %s\n", PQgetvalue(r, i, 0), PQgetvalue(r, i, 1),
                   PQgetvalue(r, i, 2));
    PQclear(r);
}

char *truth_differences(struct sync_world *w, bool with_files)
{
    struct buf out = {0};
    PGconn *conn = pg_connect(&w->pg);
    truth_load(w, conn, with_files);
    buf_str(&out, "");
    size_t count = with_files ? TRUTH_KINDS : TRUTH_FILE;
    for (size_t i = 0; i < count; i++) {
        compare(conn, i, "upstream", truth_kinds[i].upstream, truth_kinds[i].stored, &out);
        compare(conn, i, "stored", truth_kinds[i].stored, truth_kinds[i].upstream, &out);
    }
    if (with_files) check_files(conn, &out);
    PQfinish(conn);
    return buf_steal(&out);
}

void assert_truth(struct sync_world *w, bool with_files)
{
    char *differences = truth_differences(w, with_files);
    if (*differences) fprintf(stderr, "%s", differences); /* more than a message of cmocka has room for */
    bool is_same = !*differences;
    free(differences);
    if (!is_same) fail_msg("the database is not what the upstream has");
}

int64_t sim_number(struct sync_world *w, const char *name)
{
    char *text = sim_get(&w->sim, "/stats");
    cJSON *stats = cJSON_Parse(text);
    const cJSON *value = stats;
    if (strncmp(name, "calls.", 6) == 0) {
        value = cJSON_GetObjectItemCaseSensitive(value, "calls");
        name += 6;
    }
    value = cJSON_GetObjectItemCaseSensitive(value, name);
    if (!cJSON_IsNumber(value)) fail_msg("no %s in %s", name, text);
    int64_t number = (int64_t)value->valuedouble;
    cJSON_Delete(stats);
    free(text);
    return number;
}

void assert_nothing_leaked(struct sync_world *w)
{
    assert_int_equal(sim_number(w, "leaked_sessions"), 0);
    assert_int_equal(pg_int(&w->pg, "SELECT count(*) FROM sessions"), 0);
}
