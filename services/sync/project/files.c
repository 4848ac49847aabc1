/* Thumbnails and parts lists of a project: which are wanted comes from the database, page by page, so an interrupted
 * sync goes on where it was. A parts list is packed while it comes, and a thread stores what has come (filing.h). */
#include <stdlib.h>
#include <string.h>
#include <stdio.h>

#include "conf/conf.h"
#include "services/store/frames.h"
#include "services/store/sync/files/sync_files.h"
#include "services/sync/run/filing.h"
#include "services/sync/project/project.h"

#define PAGE_ROWS      128
#define FREE_TRIES     3  /* failures in a row that may pass by themselves */
#define FEW_JOBS       64 /* the next page is read when no more than this are open */
#define FILING_WAIT_MS 50
#define HELD_BYTES_MAX (8 * 1024 * 1024) /* of parts lists on their way, packed; beyond it they come one by one */

struct file_job {
    struct logikal_job job;
    struct project_work *work;
    int64_t elevation_id, changed_s;
    char *version_id, *name;
    bool has_good, is_of_version; /* a good parts list is there; it is of this version */
    char stored_sha256[65];       /* of the file that is stored; "" = none */
    struct framer *framer;        /* of the parts list that comes */
    size_t raw_size, held;        /* its bytes; what they take here */
    struct buf picture;
    struct filed *filed; /* once its bytes are there: many wait for theirs */
    char *type;
};

static void job_hold(struct file_job *f, size_t bytes)
{
    struct sync_run *run = f->work->run;
    run->held_bytes += (int64_t)bytes - (int64_t)f->held;
    f->held = bytes;
}

/* One is kept from file to file: its compressor's memory is most of what it costs. */
static struct framer *take_framer(struct sync_run *run, struct err *err)
{
    struct framer *framer = run->framer;
    run->framer = NULL;
    return framer ? framer : framer_new(err);
}

static void give_framer(struct file_job *f)
{
    struct sync_run *run = f->work ? f->work->run : NULL;
    bool is_kept = f->framer && run && !run->framer && framer_restart(f->framer, NULL) == 0;
    if (is_kept)
        run->framer = f->framer;
    else
        framer_free(f->framer);
    f->framer = NULL;
}

static void job_free(struct file_job *f)
{
    give_framer(f);
    if (f->work) {
        job_hold(f, 0);
        if (f->work->run->leading == f) f->work->run->leading = NULL;
    }
    if (f->filed) packed_free(&f->filed->packed);
    free(f->filed);
    buf_free(&f->picture);
    free(f->type);
    place_clear(&f->job.place);
    free(f->version_id);
    free(f->name);
    free(f);
}

/* ---- bytes of a parts list, as they come ---- */

static bool take_bytes(struct logikal_job *job, const char *bytes, size_t len)
{
    struct file_job *f = job->arg;
    struct err err = {0};
    int64_t most = conf_int(f->work->run->ctx->conf, SET_PARTS_MAX);
    f->raw_size += len;
    if ((int64_t)f->raw_size > most) { /* told when it is over; its size is of interest */
        give_framer(f);
        job_hold(f, 0);
        return true;
    }
    if (!f->framer) f->framer = take_framer(f->work->run, &err);
    if (!f->framer || framer_add(f->framer, bytes, len, &err) < 0) return run_check(f->work->run, -ERR_NOMEM, &err);
    job_hold(f, framer_packed(f->framer));
    return true;
}

static void restart(struct logikal_job *job)
{
    struct file_job *f = job->arg;
    give_framer(f);
    f->raw_size = 0;
    job_hold(f, 0);
}

/* When too much is on its way, one parts list goes on and the others wait for it. */
static bool is_full(struct logikal_job *job)
{
    struct file_job *f = job->arg;
    struct sync_run *run = f->work->run;
    if (run->held_bytes < HELD_BYTES_MAX) return false;
    if (!run->leading) run->leading = f;
    return run->leading != f;
}

/* ---- what becomes of a file ---- */

static void note(struct file_job *f, const char *why)
{
    run_note_error(f->work->run, "%s of elevation %.*s (%s): %s", f->job.kind == JOB_PARTS ? "parts list" : "thumbnail",
                   NAME_OF(f->name), f->job.object, why);
}

static void note_warning(struct file_job *f, const char *warnings)
{
    char where[600];
    snprintf(where, sizeof where, "parts list of elevation %.*s (%s)", NAME_OF(f->name), f->job.object);
    run_note_warning(f->work->run, where, warnings);
}

/* A file that is not there, with the reason; what was there before stays. free: how many such failures in a row wait
 * for nothing but the next sync. */
static int store_failure(struct file_job *f, const char *why, int free_tries, bool is_too_large, struct err *err)
{
    struct project_work *w = f->work;
    bool is_parts = f->job.kind == JOB_PARTS;
    const struct file_row row = {.elevation_id = f->elevation_id,
                                 .version_id = f->version_id,
                                 .changed_s = f->changed_s,
                                 .error = why,
                                 .refused_limit = is_too_large ? run_parts_limit(f->work->run) : 0};
    w->files_failed++;
    w->run->counts.parts_failed += is_parts;
    w->run->counts.thumbnails_failed += !is_parts;
    note(f, why);
    return file_store_failure(w->run->db, &w->lease, is_parts, &row, free_tries, err);
}

/* In the database, or not: what the thread has found. */
static void on_filed(struct filed *filed)
{
    struct file_job *f = filed->owner;
    struct project_work *w = f->work;
    struct sync_counts *counts = &w->run->counts;
    bool is_refused = filed->invalid.code != ERR_NONE;
    if (filed->rc == -ERR_CANCELLED) {
        w->is_cancelled = true;
    } else if (run_check(w->run, filed->rc, &filed->err)) {
        counts->thumbnails += !filed->is_parts;
        counts->parts_lists += filed->is_parts && !is_refused && filed->has_bytes;
        counts->parts_invalid += is_refused;
        w->has_new_parts = w->has_new_parts || (filed->is_parts && !is_refused && filed->has_bytes);
        counts->parts_failed += is_refused;
        w->files_failed += is_refused && f->has_good;
        if (is_refused) note(f, filed->invalid.text);
    }
    job_free(f);
    project_work_job_done(w);
}

/* Hands the file to the thread that stores; when too much waits there, so does this. */
static int hand_over(struct file_job *f, struct err *err)
{
    struct sync_run *run = f->work->run;
    struct filing *filing = run_filing(run, err);
    int rc = filing ? 0 : err_result(err);
    while (rc == 0 && !filing_put(filing, f->filed, FILING_WAIT_MS)) rc = run_tick(run, err);
    return rc;
}

static int store_parts(struct file_job *f, bool is_nothing, struct err *err)
{
    struct sync_run *run = f->work->run;
    struct err why = {0};
    int64_t most = conf_int(run->ctx->conf, SET_PARTS_MAX);
    if (is_nothing && f->has_good && f->is_of_version)
        return store_failure(f, "Logikal has none any more, though the elevation is as it was; the former one is kept",
                             0, false, err);
    if (!is_nothing && !f->framer) {
        err_set(&why, ERR_LIMIT, "it has %zu bytes, and %lld are taken: PARTS_MAX_BYTES would have to be more",
                f->raw_size, (long long)most);
        return store_failure(f, why.text, 0, true, err);
    }
    int rc = is_nothing ? 0 : framer_end(f->framer, &f->filed->packed, err);
    give_framer(f);
    job_hold(f, f->filed->packed.content.len);
    f->filed->has_bytes = !is_nothing;
    if (rc == 0) rc = hand_over(f, err);
    return rc < 0 ? rc : 1;
}

/* 1: the job lives on until it is stored. */
static int store(struct file_job *f, const struct logikal_outcome *outcome, struct err *err)
{
    struct project_work *w = f->work;
    struct filed *filed = f->filed = malloc(sizeof *filed);
    if (!filed) return err_set(err, ERR_NOMEM, "no memory");
    *filed = (struct filed){.lease = w->lease,
                            .run = w->run->id,
                            .is_parts = f->job.kind == JOB_PARTS,
                            .stored_sha256 = f->stored_sha256,
                            .has_good = f->has_good,
                            .done = on_filed,
                            .owner = f};
    filed->row =
        (struct file_row){.elevation_id = f->elevation_id, .version_id = f->version_id, .changed_s = f->changed_s};
    if (filed->is_parts) return store_parts(f, outcome->is_nothing, err);
    if (outcome->is_nothing) return store_failure(f, "Logikal has no thumbnail of it", 0, false, err);
    f->picture = *outcome->body;
    *outcome->body = (struct buf){0};
    f->type = strdup(outcome->type ? outcome->type : "");
    if (!f->type) return err_set(err, ERR_NOMEM, "no memory");
    filed->row.bytes = f->picture.data;
    filed->row.len = f->picture.len;
    filed->row.type = f->type;
    int rc = hand_over(f, err);
    return rc < 0 ? rc : 1;
}

/* A refusal will be the same for a while; anything else may have passed by the next sync. */
static int free_tries(const struct logikal_outcome *outcome)
{
    return outcome->code == ERR_AUTH || outcome->code == ERR_LIMIT ? 0 : FREE_TRIES;
}

static void on_done(struct logikal_job *job, struct logikal_outcome *outcome)
{
    struct file_job *f = job->arg;
    struct project_work *w = f->work;
    struct err err = {0};
    int rc = 0;
    if (w->run->fatal.code || outcome->code == ERR_CANCELLED)
        w->is_cancelled = w->is_cancelled || outcome->code == ERR_CANCELLED;
    else if (outcome->code == ERR_NONE) {
        note_warning(f, outcome->warnings);
        run_check(w->run, rc = store(f, outcome, &err), &err);
    } else if (outcome->code == ERR_CONFLICT)
        project_work_busy(w, outcome->text);
    else
        run_check(w->run, store_failure(f, outcome->text, free_tries(outcome), outcome->code == ERR_LIMIT, &err), &err);
    if (rc == 1) return; /* on_filed goes on with it */
    job_free(f);
    project_work_job_done(w);
}

static int submit(struct project_work *w, const PGresult *r, int row, enum job_kind kind, struct err *err)
{
    struct file_job *f = calloc(1, sizeof *f);
    const char *id = db_text(r, row, 2), *phase = db_text(r, row, 3), *version = db_text(r, row, 4);
    bool is_parts = kind == JOB_PARTS;
    if (!f || place_set(&f->job.place, w->chain, w->spelled, phase, is_parts ? id : NULL) < 0 ||
        (version && !(f->version_id = strdup(version))) || !(f->name = strdup(db_text(r, row, 12)))) {
        if (f) job_free(f);
        return err_set(err, ERR_NOMEM, "no memory");
    }
    snprintf(f->job.object, sizeof f->job.object, "%s", id);
    f->job.kind = kind;
    f->job.weight = is_parts ? db_int(r, row, 8) : 0;
    f->job.done = on_done;
    f->job.bytes = take_bytes;
    f->job.restart = is_parts ? restart : NULL;
    f->job.is_full = is_full;
    f->job.arg = f;
    f->work = w;
    f->elevation_id = db_int(r, row, 1);
    f->changed_s = db_int(r, row, 5);
    f->has_good = db_bool(r, row, 9);
    f->is_of_version = db_bool(r, row, 10);
    snprintf(f->stored_sha256, sizeof f->stored_sha256, "%s", db_text(r, row, 11) ? db_text(r, row, 11) : "");
    w->open_jobs++;
    logikal_submit(w->run->client, &f->job);
    return 0;
}

static int submit_page(struct project_work *w, struct err *err)
{
    int64_t run = w->run->helps ? w->run->helps : w->run->id;
    PGresult *r = files_wanted(w->run->db, run, w->project_id, w->file_phase, w->file_id, w->run->with_thumbnails,
                               w->run->with_parts, PAGE_ROWS, err);
    if (!r) return -ERR_DB;
    int rc = 0, rows = PQntuples(r);
    for (int i = 0; i < rows && rc == 0; i++) {
        w->file_phase = db_int(r, i, 0);
        w->file_id = db_int(r, i, 1);
        if (db_bool(r, i, 6)) rc = submit(w, r, i, JOB_THUMBNAIL, err);
        if (rc == 0 && db_bool(r, i, 7)) rc = submit(w, r, i, JOB_PARTS, err);
    }
    w->has_all_files = rows < PAGE_ROWS;
    PQclear(r);
    return rc;
}

bool project_files_go_on(struct project_work *w)
{
    struct err err = {0};
    if (!w->has_all_files && w->open_jobs <= FEW_JOBS) run_check(w->run, submit_page(w, &err), &err);
    return w->open_jobs > 0;
}
