/* The drawing of one elevation, which the API asks for: a run of its own with one job. Whatever comes of it is stored,
 * so that all who wait for it see the same; of two that are asked to fetch the same, one waits and finds it done. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/store/sync/files/sync_drawing.h"
#include "services/sync/tasks/join.h"
#include "services/sync/tasks/result.h"
#include "services/sync/tasks/tasks.h"

struct drawing {
    struct logikal_job job;
    struct drawing_row row;
    char *version_id, *name;
    bool is_wanted; /* somebody waits for it */
    struct buf image;
    char type[128];
    struct err why; /* what went wrong */
};

/* 1: its place is known; 0: there is no such elevation. */
static int find_place(struct db *db, struct drawing *d, struct err *err)
{
    PGresult *r = drawing_place(db, d->row.elevation_id, err);
    if (!r) return -ERR_DB;
    int found = PQntuples(r) > 0, rc = 0;
    if (found) {
        const char *id = db_text(r, 0, 3);
        rc = place_set(&d->job.place, db_text(r, 0, 0), db_text(r, 0, 1), db_text(r, 0, 2), id);
        snprintf(d->job.object, sizeof d->job.object, "%s", id);
        d->name = strdup(db_text(r, 0, 4));
        d->version_id = db_text(r, 0, 5) ? strdup(db_text(r, 0, 5)) : NULL;
        d->row.changed_s = db_int(r, 0, 6);
        d->row.version_id = d->version_id;
        d->is_wanted = db_bool(r, 0, 7);
        if (!d->name || (db_text(r, 0, 5) && !d->version_id)) rc = -1;
    }
    PQclear(r);
    return rc < 0 ? err_set(err, ERR_NOMEM, "no memory") : found;
}

static void on_done(struct logikal_job *job, struct logikal_outcome *outcome)
{
    struct drawing *d = job->arg;
    if (outcome->code) {
        err_set(&d->why, outcome->code, "%s", outcome->text);
        return;
    }
    d->image = *outcome->body;
    *outcome->body = (struct buf){0};
    snprintf(d->type, sizeof d->type, "%s", outcome->type ? outcome->type : "");
    d->row.bytes = d->image.data;
    d->row.len = d->image.len;
    d->row.type = d->type;
}

static void fetch(struct sync_run *run, struct drawing *d)
{
    struct err err = {0};
    int64_t most = conf_int(run->ctx->conf, SET_LOGIKAL_MAX_DRAWING);
    d->job.kind = JOB_DRAWING;
    d->job.limit_bytes = (size_t)most;
    d->job.done = on_done;
    d->job.arg = d;
    int rc = run_connect(run, &err);
    if (rc == 0) {
        logikal_submit(run->client, &d->job);
        rc = run_jobs(run, &err);
    }
    if (rc < 0 && !d->row.bytes && !d->why.code) d->why = err;
    if (d->why.code == ERR_LIMIT)
        err_set(&d->why, ERR_LIMIT,
                "the drawing is larger than %lld bytes: LOGIKAL_MAX_DRAWING_BYTES (and LOGIKAL_MAX_ANSWER_BYTES) would "
                "have to be more",
                (long long)most);
}

static cJSON *make_result(const struct sync_run *run, const struct drawing *d)
{
    char message[sizeof d->why.text + 300];
    if (d->why.code)
        snprintf(message, sizeof message, "drawing of elevation %.*s: %s", NAME_OF(d->name ? d->name : "?"),
                 d->why.text);
    else
        snprintf(message, sizeof message, "%s", d->row.bytes ? "the drawing is stored" : "nobody waits for it");
    cJSON *result = result_new(run, !d->why.code, message);
    if (d->why.code) cJSON_AddStringToObject(result, "error_type", err_code_name(d->why.code));
    cJSON_AddNumberToObject(result, "elevation_id", (double)d->row.elevation_id);
    result_add_upstream(result, run);
    return result;
}

/* What stops this process, or what it needs, is no answer of the upstream: the task is tried again as all are. */
static bool is_answer(const struct drawing *d)
{
    return d->why.code != ERR_CANCELLED && d->why.code != ERR_DB && d->why.code != ERR_NOMEM;
}

static int work(struct sync_run *run, void *arg, cJSON **result, struct err *err)
{
    struct drawing *d = arg;
    int found = find_place(run->db, d, err);
    if (found < 0) return found;
    if (!found) err_set(&d->why, ERR_NOT_FOUND, "there is no such elevation any more");
    if (found && d->is_wanted) fetch(run, d);
    if (!is_answer(d)) return err_set(err, d->why.code, "%s", d->why.text);
    if (d->why.code) {
        d->row.error = d->why.text;
        d->row.error_code = err_code_name(d->why.code);
    }
    if (found && d->is_wanted && drawing_store(run->db, &run->lease, &d->row, err) < 0) return err_result(err);
    *result = make_result(run, d);
    return 0;
}

static void drawing_clear(struct drawing *d)
{
    place_clear(&d->job.place);
    buf_free(&d->image);
    free(d->version_id);
    free(d->name);
}

int task_fetch_drawing(struct task_ctx *ctx, const cJSON *args, const cJSON *kwargs, cJSON **result, struct err *err)
{
    char scope[LEASE_NAME_SIZE];
    char *id = argument_text(args, kwargs, 0, "elevation_id", err);
    char *end = NULL;
    struct drawing d = {.row.elevation_id = id ? strtoll(id, &end, 10) : 0};
    bool is_number = id && end != id && !*end && d.row.elevation_id > 0 && d.row.elevation_id <= INT32_MAX;
    if (!is_number) {
        if (id) err_set(err, ERR_INPUT, "elevation_id is no number of a row");
        free(id);
        ctx->exc_type = "ValueError";
        return -ERR_INPUT;
    }
    run_scope(scope, "drawing", id);
    free(id);
    const struct run_ask ask = {.scope = scope, .asks = "drawing"};
    int rc = join_or_work(ctx, &ask, work, &d, result, err);
    drawing_clear(&d);
    return rc;
}
