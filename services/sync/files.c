/* Thumbnails and parts lists of a project: which are wanted comes from the database, page by page, so an interrupted
 * sync goes on where it was; each file is stored when it arrives. */
#include <stdlib.h>
#include <string.h>
#include <stdio.h>

#include "services/parts/verify.h"
#include "services/store/frames.h"
#include "services/store/sync/sync_files.h"
#include "services/sync/project.h"

#define PAGE_ROWS  128
#define FREE_TRIES 3  /* failures in a row that may pass by themselves */
#define FEW_JOBS   64 /* the next page is read when no more than this are open */

struct file_job {
    struct logikal_job job;
    struct project_work *work;
    int64_t elevation_id, changed_s;
    char *version_id;
    bool has_good, is_of_version; /* a good parts list is there; it is of this version */
    char stored_sha256[65];       /* of the file that is stored; "" = none */
};

static void job_free(struct file_job *f)
{
    place_clear(&f->job.place);
    free(f->version_id);
    free(f);
}

/* A file that is not there, with the reason; what was there before stays. free: how many such failures in a row wait
 * for nothing but the next sync. */
static int store_failure(struct file_job *f, const char *why, int free_tries, struct err *err)
{
    struct project_work *w = f->work;
    bool is_parts = f->job.kind == JOB_PARTS;
    const struct file_row row = {
        .elevation_id = f->elevation_id, .version_id = f->version_id, .changed_s = f->changed_s, .error = why};
    w->files_failed++;
    w->run->counts.parts_failed += is_parts;
    w->run->counts.thumbnails_failed += !is_parts;
    run_note_error(w->run, "%s of elevation %s: %s", is_parts ? "parts list" : "thumbnail", f->job.object, why);
    return file_store_failure(w->run->db, &w->lease, is_parts, &row, free_tries, err);
}

static int store_parts(struct file_job *f, const struct file_row *row, bool is_nothing, struct err *err)
{
    struct project_work *w = f->work;
    struct sync_counts *counts = &w->run->counts;
    struct err invalid = {0};
    if (is_nothing && f->has_good && f->is_of_version)
        return store_failure(f, "Logikal has none any more, though the elevation is as it was; the former one is kept",
                             0, err);
    if (is_nothing) return file_store_parts(w->run->db, &w->lease, row, NULL, false, w->run->id, NULL, err);
    bool is_valid = parts_verify(row->bytes, row->len, &invalid) == 0;
    counts->parts_invalid += !is_valid;
    if (!is_valid && f->has_good) return store_failure(f, invalid.text, 0, err);
    counts->parts_lists += is_valid;
    counts->parts_failed += !is_valid;
    if (!is_valid) run_note_error(w->run, "parts list of elevation %s: %s", f->job.object, invalid.text);
    struct packed packed;
    int rc = frames_pack(row->bytes, row->len, &packed, err);
    bool has_file = strcmp(packed.sha256, f->stored_sha256) == 0;
    if (rc == 0)
        rc = file_store_parts(w->run->db, &w->lease, row, &packed, has_file, w->run->id, is_valid ? NULL : invalid.text,
                              err);
    packed_free(&packed);
    return rc;
}

static int store(struct file_job *f, const struct logikal_outcome *outcome, struct err *err)
{
    struct project_work *w = f->work;
    const struct file_row row = {.elevation_id = f->elevation_id,
                                 .version_id = f->version_id,
                                 .changed_s = f->changed_s,
                                 .bytes = outcome->is_nothing ? NULL : outcome->body->data,
                                 .len = outcome->is_nothing ? 0 : outcome->body->len,
                                 .type = outcome->is_nothing ? NULL : outcome->type};
    if (f->job.kind == JOB_PARTS) return store_parts(f, &row, outcome->is_nothing, err);
    if (outcome->is_nothing) return store_failure(f, "Logikal has no thumbnail of it", 0, err);
    w->run->counts.thumbnails++;
    return file_store_thumbnail(w->run->db, &w->lease, &row, err);
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
    if (w->run->fatal.code || outcome->code == ERR_CANCELLED)
        w->is_cancelled = w->is_cancelled || outcome->code == ERR_CANCELLED;
    else if (outcome->code == ERR_NONE)
        run_check(w->run, store(f, outcome, &err), &err);
    else if (outcome->code == ERR_CONFLICT)
        project_work_busy(w, outcome->text);
    else
        run_check(w->run, store_failure(f, outcome->text, free_tries(outcome), &err), &err);
    job_free(f);
    project_work_job_done(w);
}

static int submit(struct project_work *w, const PGresult *r, int row, enum job_kind kind, struct err *err)
{
    struct file_job *f = calloc(1, sizeof(*f));
    const char *id = db_text(r, row, 2), *phase = db_text(r, row, 3), *version = db_text(r, row, 4);
    bool is_parts = kind == JOB_PARTS;
    if (!f || place_set(&f->job.place, w->chain, w->spelled, phase, is_parts ? id : NULL) < 0 ||
        (version && !(f->version_id = strdup(version)))) {
        if (f) job_free(f);
        return err_set(err, ERR_NOMEM, "no memory");
    }
    snprintf(f->job.object, sizeof(f->job.object), "%s", id);
    f->job.kind = kind;
    f->job.weight = is_parts ? db_int(r, row, 8) : 0;
    f->job.done = on_done;
    f->job.arg = f;
    f->work = w;
    f->elevation_id = db_int(r, row, 1);
    f->changed_s = db_int(r, row, 5);
    f->has_good = db_bool(r, row, 9);
    f->is_of_version = db_bool(r, row, 10);
    snprintf(f->stored_sha256, sizeof(f->stored_sha256), "%s", db_text(r, row, 11) ? db_text(r, row, 11) : "");
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
