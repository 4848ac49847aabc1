/* Staging: see sync_stage.h. */
#include "services/store/sync/sync_stage.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "services/store/db.h"

#define DEAD_ROWS_MAX 5000
#define BATCH_BYTES   (1024 * 1024) /* a batch is sent when it is this large, whatever its rows */

static const char *const copy_sql[STAGE_TABLE_COUNT] = {
    "COPY stage_directories FROM STDIN", "COPY stage_projects FROM STDIN", "COPY stage_phases FROM STDIN",
    "COPY stage_elevations FROM STDIN"};
static const char *const forget_sql[STAGE_TABLE_COUNT] = {
    "DELETE FROM stage_directories WHERE listing = $1", "DELETE FROM stage_projects WHERE listing = $1",
    "DELETE FROM stage_phases WHERE listing = $1", "DELETE FROM stage_elevations WHERE listing = $1"};

static const char *const vacuum_sql[STAGE_TABLE_COUNT] = {"VACUUM stage_directories", "VACUUM stage_projects",
                                                          "VACUUM stage_phases", "VACUUM stage_elevations"};

int stage_open(struct stage *s, struct db *db, int64_t batch_rows, struct err *err)
{
    *s = (struct stage){.db = db};
    for (int i = 0; i < STAGE_TABLE_COUNT; i++) s->batch_rows[i] = batch_rows;
    return db_script(
        db, err,
        "CREATE TEMP TABLE IF NOT EXISTS stage_directories (listing bigint, identifier text, name text, chain text,"
        " parent text, level integer);"
        "CREATE TEMP TABLE IF NOT EXISTS stage_projects (listing bigint, directory text, id text, name text,"
        " job_number text, offer_number text, person_in_charge text, created bigint, changed bigint,"
        " is_deleted boolean, is_estimated boolean);"
        "CREATE TEMP TABLE IF NOT EXISTS stage_phases (listing bigint, id text, name text, description text);"
        "CREATE TEMP TABLE IF NOT EXISTS stage_elevations (listing bigint, phase text, id text, version_id text,"
        " name text, description text, type text, state text, automatic_description text, system_description text,"
        " model_description text, user_description text, created bigint, changed bigint, amount double precision,"
        " width double precision, height double precision, is_recycled boolean);"
        "CREATE INDEX IF NOT EXISTS stage_phases_listing ON stage_phases (listing);"
        "CREATE INDEX IF NOT EXISTS stage_elevations_listing ON stage_elevations (listing)");
}

void stage_close(struct stage *s)
{
    for (int i = 0; i < STAGE_TABLE_COUNT; i++) buf_free(&s->rows[i]);
}

int stage_flush(struct stage *s, enum stage_table table, struct err *err)
{
    struct buf *rows = &s->rows[table];
    if (s->count[table] == 0) return 0;
    if (rows->failed) return err_set(err, ERR_NOMEM, "no memory for a batch of rows");
    if (db_copy_begin(s->db, err, copy_sql[table]) < 0) return -ERR_DB;
    int rc = db_copy_data(s->db, err, rows->data, rows->len);
    int64_t sent = db_copy_end(s->db, rc < 0 ? NULL : err);
    s->batches[table]++;
    s->sent[table] += s->count[table];
    s->count[table] = 0;
    buf_reset(rows);
    return rc < 0 || sent < 0 ? -ERR_DB : 0;
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
    if (value) snprintf(text, sizeof(text), "%.17g", *value);
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
    boolean(out, p->is_estimated, '\n');
    return end_row(s, STAGE_PROJECTS, err);
}

int stage_add_phase(struct stage *s, int64_t listing, const struct stage_phase *p, struct err *err)
{
    struct buf *out = &s->rows[STAGE_PHASES];
    number(out, listing, '\t');
    db_copy_field(out, p->id, '\t');
    db_copy_field(out, p->name, '\t');
    db_copy_field(out, p->description, '\n');
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
    number(out, listing, '\t');
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) db_copy_field(out, texts[i], '\t');
    seconds(out, e->created_s, '\t');
    seconds(out, e->changed_s, '\t');
    real(out, e->amount, '\t');
    real(out, e->width, '\t');
    real(out, e->height, '\t');
    boolean(out, e->is_recycled, '\n');
    return end_row(s, STAGE_ELEVATIONS, err);
}

int stage_forget(struct stage *s, enum stage_table table, int64_t listing, struct err *err)
{
    char text[DB_NUMBER_SIZE];
    const char *values[] = {db_number(text, listing)};
    if (stage_flush(s, table, err) < 0) return -ERR_DB;
    int64_t rows = db_exec(s->db, err, forget_sql[table], 1, values);
    if (rows < 0) return -ERR_DB;
    s->dead[table] += rows;
    if (s->dead[table] < DEAD_ROWS_MAX || db_in_transaction(s->db)) return 0;
    s->dead[table] = 0; /* nobody else cleans a temporary table */
    return db_script(s->db, err, vacuum_sql[table]);
}

int stage_clear(struct stage *s, struct err *err)
{
    for (int i = 0; i < STAGE_TABLE_COUNT; i++) {
        s->sent[i] = s->count[i] = s->dead[i] = 0;
        buf_reset(&s->rows[i]);
    }
    return db_script(s->db, err, "TRUNCATE stage_directories, stage_projects, stage_phases, stage_elevations");
}
