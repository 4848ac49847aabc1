/* A list of the upstream on its way into the stage: a client's job with the number of its listing. See listing.h. */
#include "services/sync/tree/listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/utf8.h"
#include "services/logikal/json_list.h"

static enum stage_table table_of(enum job_kind kind)
{
    switch (kind) {
    case JOB_DIRECTORIES: return STAGE_DIRECTORIES;
    case JOB_PROJECTS: return STAGE_PROJECTS;
    case JOB_PHASES: return STAGE_PHASES;
    default: return STAGE_ELEVATIONS;
    }
}

void listing_odd(struct listing *l, const char *kind, const char *id, const struct logikal_odd *odd)
{
    struct sync_run *run = l->run;
    for (int i = 0; i < odd->count; i++) {
        char key[200];
        snprintf(key, sizeof key, "%s %s %s", kind, odd->items[i].member, odd->items[i].what);
        if (!run_first(run, key)) continue;
        run_note_error(run, "Logikal's %s %s: %s %s; told once for all of this sync", kind, id, odd->items[i].member,
                       odd->items[i].what);
    }
}

/* Where the listing is, for people. */
static const char *where(const struct place *p, char *out, size_t size)
{
    const char *last = p->chain ? strrchr(p->chain, CHAIN_SEPARATOR) : NULL;
    const char *directory = last ? last + 1 : p->chain;
    if (p->phase[0])
        snprintf(out, size, "phase %s of project %s", p->phase, p->project);
    else if (p->project[0])
        snprintf(out, size, "project %s", p->project);
    else if (directory)
        snprintf(out, size, "directory %.*s", (int)utf8_cut(directory, 300), directory);
    else
        snprintf(out, size, "the root");
    return out;
}

/* Its first bytes say which one it is, as a rule. */
static int too_large(const char *text, struct err *err)
{
    return err_set(err, ERR_INPUT, "object is larger than %d KiB, and left out: %.*s", JSON_LIST_ELEMENT_LIMIT / 1024,
                   (int)utf8_cut(text, 80), text);
}

static bool on_element(struct logikal_job *job, const char *text, size_t len)
{
    struct listing *l = job->arg;
    struct err err = {0};
    if (l->run->fatal.code) return false;
    int rc = len < JSON_LIST_ELEMENT_LIMIT ? l->read(l, text, len, &err) : too_large(text, &err);
    if (rc == -ERR_INPUT) {
        l->refused++;
        l->run->counts.objects_refused++;
        char place[600];
        run_note_error(l->run, "in %s: Logikal's %s", where(&job->place, place, sizeof place), err.text);
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
    char place[600];
    if (outcome->code)
        on_restart(job);
    else
        run_note_warning(l->run, where(&job->place, place, sizeof place), outcome->warnings);
    l->done(l, outcome);
    place_clear(&job->place);
    free(l);
}

struct listing *listing_new(struct sync_run *run, enum job_kind kind, const char *chain, const char *project,
                            const char *phase)
{
    struct listing *l = calloc(1, sizeof *l);
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
