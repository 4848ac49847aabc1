/* Thumbnails and parts lists of a project: which are wanted comes from the database, page by page, so an interrupted
 * sync goes on where it was; each file is stored when it arrives. */
#include <stdlib.h>
#include <string.h>
#include <stdio.h>

#include "services/parts/verify.h"
#include "services/store/sync/sync_files.h"
#include "services/sync/project.h"

#define PAGE_ROWS 128
#define FEW_JOBS  64 /* the next page is read when no more than this are open */

struct file_job {
    struct logikal_job job;
    struct project_work *work;
    int64_t elevation_id, changed_s;
    char *version_id;
};

static void job_free(struct file_job *f)
{
    place_clear(&f->job.place);
    free(f->version_id);
    free(f);
}

static int store(struct file_job *f, const struct logikal_outcome *outcome, struct err *err)
{
    struct project_work *w = f->work;
    struct sync_counts *counts = &w->run->counts;
    bool is_nothing = outcome->is_nothing, has_file = outcome->code == ERR_NONE && !is_nothing;
    const struct file_row row = {.elevation_id = f->elevation_id,
                                 .version_id = f->version_id,
                                 .changed_s = f->changed_s,
                                 .bytes = has_file ? outcome->body->data : NULL,
                                 .len = has_file ? outcome->body->len : 0,
                                 .type = has_file ? outcome->type : NULL,
                                 .error = has_file || is_nothing ? NULL : outcome->text};
    if (f->job.kind == JOB_THUMBNAIL) {
        counts->thumbnails += has_file;
        counts->thumbnails_failed += !has_file;
        return file_store_thumbnail(w->run->db, &w->lease, &row, err);
    }
    struct err invalid = {0};
    if (is_nothing) return file_store_parts(w->run->db, &w->lease, &row, NULL, err);
    bool is_valid = has_file && parts_verify(row.bytes, row.len, &invalid) == 0;
    counts->parts_lists += is_valid;
    counts->parts_failed += !is_valid;
    counts->parts_invalid += has_file && !is_valid;
    if (has_file && !is_valid)
        run_note_error(w->run, "parts list of elevation %s: %s", f->job.place.elevation, invalid.text);
    return file_store_parts(w->run->db, &w->lease, &row, has_file && !is_valid ? invalid.text : NULL, err);
}

/* An answer that will be the same next time is stored, also when it is a refusal, or that there is none; anything else
 * is tried again by the next sync. */
static bool is_final(const struct logikal_outcome *outcome)
{
    return outcome->code == ERR_NONE || outcome->code == ERR_AUTH || outcome->code == ERR_LIMIT;
}

static void on_done(struct logikal_job *job, struct logikal_outcome *outcome)
{
    struct file_job *f = job->arg;
    struct project_work *w = f->work;
    struct err err = {0};
    if (w->run->fatal.code || outcome->code == ERR_CANCELLED) {
        w->is_cancelled = w->is_cancelled || outcome->code == ERR_CANCELLED;
    } else if (is_final(outcome)) {
        run_check(w->run, store(f, outcome, &err), &err);
    } else if (outcome->code == ERR_CONFLICT) {
        project_work_busy(w, outcome->text);
    } else {
        bool is_parts = job->kind == JOB_PARTS;
        w->run->counts.parts_failed += is_parts;
        w->run->counts.thumbnails_failed += !is_parts;
        run_note_error(w->run, "%s of elevation %s: %s", is_parts ? "parts list" : "thumbnail",
                       is_parts ? job->place.elevation : job->object, outcome->text);
    }
    job_free(f);
    project_work_job_done(w);
}

static int submit(struct project_work *w, const PGresult *r, int row, enum job_kind kind, struct err *err)
{
    struct file_job *f = calloc(1, sizeof(*f));
    const char *id = db_text(r, row, 2), *phase = db_text(r, row, 3), *version = db_text(r, row, 4);
    bool is_parts = kind == JOB_PARTS;
    if (!f || place_set(&f->job.place, w->chain, w->guid, phase, is_parts ? id : NULL) < 0 ||
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
    w->open_jobs++;
    logikal_submit(w->run->client, &f->job);
    return 0;
}

static int submit_page(struct project_work *w, struct err *err)
{
    PGresult *r = files_wanted(w->run->db, w->project_id, w->file_phase, w->file_id, w->run->with_thumbnails,
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
