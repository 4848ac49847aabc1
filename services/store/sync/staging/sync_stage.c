/* Where the upstream's objects wait until a whole can be applied: tables that COPY fills in batches as the lists stream
 * in. See sync_stage.h. */
#include "services/store/sync/staging/sync_stage.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conf/text/utf8.h"
#include "services/store/db/db.h"
#include "services/store/lease.h"

#define BATCH_BYTES (1024 * 1024) /* a batch is sent when it is this large, whatever its rows */

static const char *const copy_sql[STAGE_TABLE_COUNT] = {
    "COPY sync_stage_directories FROM STDIN", "COPY sync_stage_projects FROM STDIN",
    "COPY sync_stage_phases FROM STDIN", "COPY sync_stage_elevations FROM STDIN"};
static const char *const forget_sql[STAGE_TABLE_COUNT] = {
    "DELETE FROM sync_stage_directories WHERE stage = $1 AND listing = $2",
    "DELETE FROM sync_stage_projects WHERE stage = $1 AND listing = $2",
    "DELETE FROM sync_stage_phases WHERE stage = $1 AND listing = $2",
    "DELETE FROM sync_stage_elevations WHERE stage = $1 AND listing = $2"};

/* The rows of the stages that "dead" has. */
#define DELETE_ROWS                                                                                                    \
    " d AS (DELETE FROM sync_stage_directories USING dead WHERE stage = dead.id),"                                     \
    " p AS (DELETE FROM sync_stage_projects USING dead WHERE stage = dead.id),"                                        \
    " f AS (DELETE FROM sync_stage_phases USING dead WHERE stage = dead.id),"                                          \
    " e AS (DELETE FROM sync_stage_elevations USING dead WHERE stage = dead.id)"
#define DELETE_PLAN                                                                                                    \
    ", l AS (DELETE FROM sync_stage_listed USING dead WHERE stage = dead.id),"                                         \
    " n AS (DELETE FROM sync_stage_plan USING dead WHERE stage = dead.id)"

/* What runs have left that are over, whatever ended them: their lease has another holder, or nobody for long. */
static const char sweep_sql[] =
    "WITH dead AS (DELETE FROM sync_stages s WHERE NOT EXISTS (SELECT FROM leases l WHERE l.name = s.holder"
    "  AND l.token = s.holder_token AND l.expires_at > clock_timestamp() - interval '10 minutes') RETURNING "
    "s.id)," DELETE_ROWS DELETE_PLAN " SELECT count(*) FROM dead";

int stage_open(struct stage *s, struct db *db, const struct lease *holder, int64_t batch_rows, struct err *err)
{
    char token[DB_NUMBER_SIZE];
    const char *values[] = {holder->name, db_number(token, holder->token)};
    *s = (struct stage){.db = db};
    for (int i = 0; i < STAGE_TABLE_COUNT; i++) s->batch_rows[i] = batch_rows;
    if (db_exec(db, err, sweep_sql, 0, NULL) < 0) return -ERR_DB;
    PGresult *r = db_query(db, err,
                           "INSERT INTO sync_stages (id, holder, holder_token)"
                           " VALUES (nextval('sync_stage_ids'), $1, $2) RETURNING id",
                           2, values);
    if (!r) return -ERR_DB;
    s->id = db_int(r, 0, 0);
    PQclear(r);
    return 0;
}

void stage_close(struct stage *s)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, s->id)};
    for (int i = 0; i < STAGE_TABLE_COUNT; i++) buf_free(&s->rows[i]);
    if (s->id && db_is_alive(s->db))
        db_exec(s->db, NULL,
                "WITH dead AS (DELETE FROM sync_stages WHERE id = $1 RETURNING id)," DELETE_ROWS DELETE_PLAN
                " SELECT count(*) FROM dead",
                1, values);
    s->id = 0;
}

int stage_sweep(struct db *db, struct err *err)
{
    static const char *const sweep[] = {
        "DELETE FROM sync_stage_directories x WHERE NOT EXISTS (SELECT FROM sync_stages s WHERE s.id = x.stage)",
        "DELETE FROM sync_stage_projects x WHERE NOT EXISTS (SELECT FROM sync_stages s WHERE s.id = x.stage)",
        "DELETE FROM sync_stage_phases x WHERE NOT EXISTS (SELECT FROM sync_stages s WHERE s.id = x.stage)",
        "DELETE FROM sync_stage_elevations x WHERE NOT EXISTS (SELECT FROM sync_stages s WHERE s.id = x.stage)",
        "DELETE FROM sync_stage_listed x WHERE NOT EXISTS (SELECT FROM sync_stages s WHERE s.id = x.stage)",
        "DELETE FROM sync_stage_plan x WHERE NOT EXISTS (SELECT FROM sync_stages s WHERE s.id = x.stage)"};
    for (size_t i = 0; i < sizeof sweep / sizeof sweep[0]; i++)
        if (db_exec(db, err, sweep[i], 0, NULL) < 0) return -ERR_DB;
    return 0;
}

int stage_check(const struct stage *s, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, s->id)};
    PGresult *r = db_query(s->db, err, "SELECT FROM sync_stages WHERE id = $1 FOR KEY SHARE", 1, values);
    if (!r) return -ERR_DB;
    int rows = PQntuples(r);
    PQclear(r);
    if (rows == 1) return 0;
    return err_set(err, ERR_CONFLICT,
                   "what this sync had staged is gone (PostgreSQL was restarted, or the sync stood still for long): "
                   "nothing was written");
}

static int64_t copy(struct stage *s, enum stage_table table, const char *rows, size_t len, struct err *err)
{
    if (db_copy_begin(s->db, err, copy_sql[table]) < 0) return -ERR_DB;
    int rc = db_copy_data(s->db, err, rows, len);
    int64_t sent = db_copy_end(s->db, rc < 0 ? NULL : err);
    return rc < 0 ? rc : sent;
}

/* The identifier in a row of COPY's text. */
static void id_of_row(enum stage_table table, const char *row, size_t len, char out[160])
{
    int column = table == STAGE_PROJECTS || table == STAGE_ELEVATIONS ? 3 : 2;
    const char *end = row + len;
    for (; column > 0 && row < end; row++) column -= *row == '\t';
    size_t size = row < end ? strcspn(row, "\t\n") : 0;
    snprintf(out, 160, "%.*s", (int)(size < 150 ? size : 150), row);
    utf8_finish(out);
}

/* A batch was refused: each of its rows alone. */
static int copy_singly(struct stage *s, enum stage_table table, struct err *err)
{
    static const char *const types[STAGE_TABLE_COUNT] = {"directory", "project", "phase", "elevation"};
    const struct buf *rows = &s->rows[table];
    for (const char *row = rows->data, *end = rows->data + rows->len; row < end;) {
        const char *next = memchr(row, '\n', (size_t)(end - row));
        size_t len = next ? (size_t)(next + 1 - row) : (size_t)(end - row);
        struct err why = {0};
        char id[160];
        if (copy(s, table, row, len, &why) < 0) {
            if (!db_was_refused(s->db)) return err_set(err, why.code, "%s", why.text);
            s->lost++;
            id_of_row(table, row, len, id);
            if (s->refused) s->refused(s->refused_arg, types[table], id, why.text);
        }
        row += len;
    }
    return 0;
}

int stage_flush(struct stage *s, enum stage_table table, struct err *err)
{
    struct buf *rows = &s->rows[table];
    if (s->count[table] == 0) return 0;
    if (rows->failed) return err_set(err, ERR_NOMEM, "no memory for a batch of rows");
    int rc = copy(s, table, rows->data, rows->len, err) < 0 ? -ERR_DB : 0;
    if (rc < 0 && db_was_refused(s->db) && !db_in_transaction(s->db)) rc = copy_singly(s, table, err);
    s->batches[table]++;
    s->sent[table] += s->count[table];
    s->count[table] = 0;
    buf_reset(rows);
    return rc;
}

static void number(struct buf *out, int64_t value, char separator)
{
    char text[DB_NUMBER_SIZE];
    db_copy_field(out, db_number(text, value), separator);
}

static void seconds(struct buf *out, int64_t value, char separator)
{
    char text[DB_NUMBER_SIZE];
    db_copy_field(out, value ? db_number(text, value) : NULL, separator);
}

static void real(struct buf *out, const double *value, char separator)
{
    char text[40];
    if (value) snprintf(text, sizeof text, "%.17g", *value);
    db_copy_field(out, value ? text : NULL, separator);
}

static void boolean(struct buf *out, bool value, char separator)
{
    db_copy_field(out, value ? "t" : "f", separator);
}

/* A row was written to the batch. */
static int end_row(struct stage *s, enum stage_table table, struct err *err)
{
    s->count[table]++;
    if (s->count[table] < s->batch_rows[table] && s->rows[table].len < BATCH_BYTES) return 0;
    return stage_flush(s, table, err);
}

int stage_add_directory(struct stage *s, int64_t listing, const struct stage_directory *d, struct err *err)
{
    struct buf *out = &s->rows[STAGE_DIRECTORIES];
    number(out, s->id, '\t');
    number(out, listing, '\t');
    db_copy_field(out, d->identifier, '\t');
    db_copy_field(out, d->name, '\t');
    db_copy_field(out, d->chain, '\t');
    db_copy_field(out, d->parent, '\t');
    number(out, d->level, '\n');
    return end_row(s, STAGE_DIRECTORIES, err);
}

int stage_add_project(struct stage *s, int64_t listing, const struct stage_project *p, struct err *err)
{
    struct buf *out = &s->rows[STAGE_PROJECTS];
    number(out, s->id, '\t');
    number(out, listing, '\t');
    db_copy_field(out, p->directory, '\t');
    db_copy_field(out, p->id, '\t');
    db_copy_field(out, p->name, '\t');
    db_copy_field(out, p->job_number, '\t');
    db_copy_field(out, p->offer_number, '\t');
    db_copy_field(out, p->person_in_charge, '\t');
    seconds(out, p->created_s, '\t');
    seconds(out, p->changed_s, '\t');
    boolean(out, p->is_deleted, '\t');
    db_copy_field(out, !p->has_estimated ? NULL : p->is_estimated ? "t" : "f", '\t');
    db_copy_field(out, p->upstream_id, '\n');
    return end_row(s, STAGE_PROJECTS, err);
}

int stage_add_phase(struct stage *s, int64_t listing, const struct stage_phase *p, struct err *err)
{
    struct buf *out = &s->rows[STAGE_PHASES];
    number(out, s->id, '\t');
    number(out, listing, '\t');
    db_copy_field(out, p->id, '\t');
    db_copy_field(out, p->name, '\t');
    db_copy_field(out, p->description, '\t');
    db_copy_field(out, p->upstream_id, '\n');
    return end_row(s, STAGE_PHASES, err);
}

int stage_add_elevation(struct stage *s, int64_t listing, const struct stage_elevation *e, struct err *err)
{
    struct buf *out = &s->rows[STAGE_ELEVATIONS];
    const char *texts[] = {e->phase,
                           e->id,
                           e->version_id,
                           e->name,
                           e->description,
                           e->type,
                           e->state,
                           e->automatic_description,
                           e->system_description,
                           e->model_description,
                           e->user_description};
    number(out, s->id, '\t');
    number(out, listing, '\t');
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) db_copy_field(out, texts[i], '\t');
    seconds(out, e->created_s, '\t');
    seconds(out, e->changed_s, '\t');
    real(out, e->amount, '\t');
    real(out, e->width, '\t');
    real(out, e->height, '\t');
    boolean(out, e->is_recycled, '\t');
    db_copy_field(out, e->upstream_id, '\n');
    return end_row(s, STAGE_ELEVATIONS, err);
}

int stage_forget(struct stage *s, enum stage_table table, int64_t listing, struct err *err)
{
    char id[DB_NUMBER_SIZE], text[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, s->id), db_number(text, listing)};
    if (stage_flush(s, table, err) < 0) return -ERR_DB;
    return db_exec(s->db, err, forget_sql[table], 2, values) < 0 ? -ERR_DB : 0;
}

int stage_clear(struct stage *s, struct err *err)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, s->id)};
    for (int i = 0; i < STAGE_TABLE_COUNT; i++) {
        s->sent[i] = s->count[i] = 0;
        buf_reset(&s->rows[i]);
    }
    return db_exec(s->db, err, "WITH dead AS (SELECT $1::bigint AS id)," DELETE_ROWS " SELECT count(*) FROM dead", 1,
                   values) < 0
               ? -ERR_DB
               : 0;
}
