/* Lists on their way into the stage: see listing.h. */
#include "services/sync/listing.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static enum stage_table table_of(enum job_kind kind)
{
    switch (kind) {
    case JOB_DIRECTORIES: return STAGE_DIRECTORIES;
    case JOB_PROJECTS: return STAGE_PROJECTS;
    case JOB_PHASES: return STAGE_PHASES;
    default: return STAGE_ELEVATIONS;
    }
}

size_t listing_replace_nul(char *text, size_t len)
{
    size_t count = 0;
    for (char *p = text, *end = text + len; (p = memmem(p, (size_t)(end - p), "\\u0000", 6)); p += 2) {
        size_t slashes = 0;
        while (p - slashes > text && p[-1 - (ptrdiff_t)slashes] == '\\') slashes++;
        if (slashes % 2) continue;
        memcpy(p + 2, "fffd", 4);
        count++;
    }
    return count;
}

/* U+0000 ends a text in C, and is none in PostgreSQL. */
static int read_without_nul(struct listing *l, const char *text, size_t len, struct err *err)
{
    if (!memmem(text, len, "\\u0000", 6)) return l->read(l, text, len, err);
    char *copy = malloc(len);
    if (!copy) return err_set(err, ERR_NOMEM, "no memory");
    memcpy(copy, text, len);
    if (listing_replace_nul(copy, len) && !l->run->has_told_nul) {
        run_note_error(l->run, "Logikal sends U+0000 in a text, which is stored as U+FFFD: %.*s", (int)len, copy);
        l->run->has_told_nul = true;
    }
    int rc = l->read(l, copy, len, err);
    free(copy);
    return rc;
}

static bool on_element(struct logikal_job *job, const char *text, size_t len)
{
    struct listing *l = job->arg;
    struct err err = {0};
    if (l->run->fatal.code) return false;
    int rc = read_without_nul(l, text, len, &err);
    if (rc == -ERR_INPUT) {
        l->refused++;
        l->run->counts.objects_refused++;
        run_note_error(l->run, "Logikal's %s", err.text);
        return true;
    }
    if (rc == 0) l->staged++;
    return run_check(l->run, rc, &err);
}

static void on_restart(struct logikal_job *job)
{
    struct listing *l = job->arg;
    struct err err = {0};
    l->run->counts.objects_refused -= l->refused;
    l->refused = 0;
    if (l->forget) l->forget(l);
    if (l->staged == 0 || l->run->fatal.code) return;
    l->staged = 0;
    run_check(l->run, stage_forget(&l->run->stage, table_of(job->kind), l->number, &err), &err);
}

static void on_done(struct logikal_job *job, struct logikal_outcome *outcome)
{
    struct listing *l = job->arg;
    if (outcome->code) on_restart(job);
    l->done(l, outcome);
    place_clear(&job->place);
    free(l);
}

struct listing *listing_new(struct sync_run *run, enum job_kind kind, const char *chain, const char *project,
                            const char *phase)
{
    struct listing *l = calloc(1, sizeof(*l));
    if (!l || place_set(&l->job.place, chain, project, phase, NULL) < 0) {
        struct err err = {0};
        run_check(run, err_set(&err, ERR_NOMEM, "no memory, or an identifier that is too long"), &err);
        if (l) place_clear(&l->job.place);
        free(l);
        return NULL;
    }
    l->job.kind = kind;
    l->job.element = on_element;
    l->job.restart = on_restart;
    l->job.done = on_done;
    l->job.arg = l;
    l->run = run;
    l->number = run->next_listing++;
    return l;
}

void listing_drop(struct listing *l)
{
    place_clear(&l->job.place);
    free(l);
}

void listing_submit(struct listing *l)
{
    logikal_submit(l->run->client, &l->job);
}
