/* A project in work: see project.h. The lists of phases that the database knows are asked for beside the list of phases
 * itself, so that several sessions can begin at once; a phase that turns out to be gone is simply not used. */
#include "services/sync/project/project.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/utf8.h"
#include "services/logikal/objects.h"
#include "services/parts/enqueue.h"
#include "services/store/sync/sync_log.h"
#include "services/sync/tree/listing.h"

#define ROWS_BEFORE_CLEAR 2000

struct project_work *project_work_new(struct sync_run *run, int64_t project_id, const char *guid, const char *chain)
{
    struct project_work *w = calloc(1, sizeof *w);
    if (!w || !(w->chain = strdup(chain))) {
        free(w);
        return NULL;
    }
    w->run = run;
    w->project_id = project_id;
    snprintf(w->guid, sizeof w->guid, "%s", guid);
    snprintf(w->spelled, sizeof w->spelled, "%s", guid);
    return w;
}

void project_work_free(struct project_work *w)
{
    if (!w) return;
    if (w->is_held) run_let_project(w->run, &w->lease);
    for (size_t i = 0; i < w->phase_count; i++) {
        free(w->phases[i].id);
        free(w->phases[i].spelled);
    }
    free(w->phases);
    free(w->chain);
    free(w);
}

static struct phase_state *phase_of(struct project_work *w, const char *id)
{
    for (size_t i = 0; i < w->phase_count; i++)
        if (strcmp(w->phases[i].id, id) == 0) return &w->phases[i];
    if (w->phase_count == w->phase_cap) {
        size_t cap = w->phase_cap ? w->phase_cap * 2 : 8;
        struct phase_state *phases = realloc(w->phases, cap * sizeof *phases);
        if (!phases) return NULL;
        w->phases = phases;
        w->phase_cap = cap;
    }
    char *copy = strdup(id);
    if (!copy) return NULL;
    w->phases[w->phase_count] = (struct phase_state){.id = copy};
    return &w->phases[w->phase_count++];
}

/* Keeps the upstream's spelling of a phase, if it is one of its own. */
static int spell_phase(struct phase_state *phase, const char *spelled, struct err *err)
{
    char *copy = NULL;
    if (strcmp(spelled, phase->id) != 0 && !(copy = strdup(spelled))) return err_set(err, ERR_NOMEM, "no memory");
    free(phase->spelled);
    phase->spelled = copy;
    return 0;
}

const char *project_work_label(const struct project_work *w, char *out, size_t size)
{
    char id[DB_NUMBER_SIZE];
    const char *values[] = {db_number(id, w->project_id)};
    PGresult *r = db_query(w->run->db, NULL, "SELECT left(name, 100) FROM projects WHERE id = $1", 1, values);
    const char *name = r && PQntuples(r) ? db_text(r, 0, 0) : "";
    snprintf(out, size, *name ? "%s (%s)" : "%s%s", name, w->guid);
    PQclear(r);
    return out;
}

static void note(struct project_work *w, const char *what, const char *text)
{
    char label[PROJECT_LABEL_SIZE];
    w->failed++;
    if (!w->error[0]) snprintf(w->error, sizeof w->error, "%s: %.*s", what, (int)utf8_cut(text, 200), text);
    run_note_error(w->run, "project %s: %s: %s", project_work_label(w, label, sizeof label), what, text);
}

void project_work_busy(struct project_work *w, const char *text)
{
    char label[PROJECT_LABEL_SIZE];
    if (w->is_busy) return;
    w->is_busy = true;
    if (!run_first(w->run, w->guid)) return;
    w->run->counts.projects_busy++;
    if (!w->error[0]) snprintf(w->error, sizeof w->error, "locked in Logikal: %.*s", (int)utf8_cut(text, 200), text);
    run_note_error(w->run, "project %s is locked in Logikal and left to the next sync: %s",
                   project_work_label(w, label, sizeof label), text);
}

static int read_elevation(struct listing *l, const char *text, size_t len, struct err *err)
{
    struct project_work *w = l->owner;
    struct logikal_elevation e;
    int rc = logikal_elevation_read(text, len, &e, err);
    if (rc < 0) return rc;
    listing_odd(l, "elevation", e.id, &e.odd);
    const char *description = e.user_description && *e.user_description ? e.user_description : e.automatic_description;
    const struct stage_elevation row = {.phase = w->phases[l->tag].id,
                                        .id = e.id,
                                        .upstream_id = e.upstream_id,
                                        .version_id = e.version_id,
                                        .name = e.name,
                                        .description = description,
                                        .type = e.type,
                                        .state = e.state,
                                        .automatic_description = e.automatic_description,
                                        .system_description = e.system_description,
                                        .model_description = e.model_description,
                                        .user_description = e.user_description,
                                        .created_s = e.created_s,
                                        .changed_s = e.changed_s,
                                        .amount = e.has_amount ? &e.amount : NULL,
                                        .width = e.has_width ? &e.width : NULL,
                                        .height = e.has_height ? &e.height : NULL,
                                        .is_recycled = e.is_recycled};
    rc = stage_add_elevation(&w->run->stage, l->number, &row, err);
    cJSON_Delete(e.json);
    return rc;
}

static void on_elevations(struct listing *l, const struct logikal_outcome *outcome)
{
    struct project_work *w = l->owner;
    struct phase_state *phase = &w->phases[l->tag];
    if (outcome->code == ERR_NONE) {
        phase->is_done = l->refused == 0;
        phase->listing = l->number;
        w->refused += l->refused;
        if (!w->elevations_at_s || outcome->asked_at_s < w->elevations_at_s) w->elevations_at_s = outcome->asked_at_s;
    } else if (outcome->code == ERR_CANCELLED) {
        w->is_cancelled = true;
    } else if (outcome->code == ERR_CONFLICT) {
        project_work_busy(w, outcome->text);
    } else if (phase->is_current || outcome->code != ERR_NOT_FOUND) {
        w->run->counts.failed_phases++;
        note(w, "elevations could not be listed, deletions are not checked there", outcome->text);
    }
    project_work_job_done(w);
}

static void list_elevations(struct project_work *w, size_t index)
{
    const struct phase_state *phase = &w->phases[index];
    const char *spelled = phase->spelled ? phase->spelled : phase->id;
    struct listing *l = listing_new(w->run, JOB_ELEVATIONS, w->chain, w->spelled, spelled);
    if (!l) return;
    w->phases[index].is_started = true;
    l->read = read_elevation;
    l->done = on_elevations;
    l->owner = w;
    l->tag = (int64_t)index;
    w->open_jobs++;
    listing_submit(l);
}

static int read_phase(struct listing *l, const char *text, size_t len, struct err *err)
{
    struct project_work *w = l->owner;
    struct logikal_phase p;
    int rc = logikal_phase_read(text, len, &p, err);
    if (rc < 0) return rc;
    listing_odd(l, "phase", p.id, &p.odd);
    const struct stage_phase row = {
        .id = p.id, .upstream_id = p.upstream_id, .name = p.name, .description = p.description};
    struct phase_state *phase = phase_of(w, p.id);
    if (phase) phase->is_current = true;
    rc = phase ? spell_phase(phase, p.upstream_id, err) : err_set(err, ERR_NOMEM, "no memory");
    if (rc == 0) rc = stage_add_phase(&w->run->stage, l->number, &row, err);
    cJSON_Delete(p.json);
    return rc;
}

static void forget_phases(struct listing *l)
{
    struct project_work *w = l->owner;
    for (size_t i = 0; i < w->phase_count; i++) w->phases[i].is_current = false;
}

static void on_phases(struct listing *l, const struct logikal_outcome *outcome)
{
    struct project_work *w = l->owner;
    if (outcome->code == ERR_NONE) {
        w->phases_listing = l->number;
        w->phases_at_s = outcome->asked_at_s;
        w->has_phases = l->refused == 0;
        w->refused += l->refused;
        for (size_t i = 0; i < w->phase_count && w->needs_elevations; i++)
            if (w->phases[i].is_current && !w->phases[i].is_started) list_elevations(w, i);
    } else if (outcome->code == ERR_NOT_FOUND) {
        w->is_gone = true;
    } else if (outcome->code == ERR_CANCELLED) {
        w->is_cancelled = true;
    } else if (outcome->code == ERR_CONFLICT) {
        project_work_busy(w, outcome->text);
    } else {
        note(w, "phases could not be listed, deletions are not checked there", outcome->text);
    }
    project_work_job_done(w);
}

static void list_phases(struct project_work *w)
{
    struct listing *l = listing_new(w->run, JOB_PHASES, w->chain, w->spelled, NULL);
    if (!l) return;
    l->read = read_phase;
    l->forget = forget_phases;
    l->done = on_phases;
    l->owner = w;
    w->open_jobs++;
    listing_submit(l);
}

/* The elevation listings that went well, of phases that are there, and the phases among these that were read whole, as
 * array literals; how many are missing. */
static size_t collect_listings(const struct project_work *w, struct buf *out, struct buf *whole)
{
    size_t missing = 0;
    char number[DB_NUMBER_SIZE];
    db_array_begin(out);
    db_array_begin(whole);
    for (size_t i = 0; i < w->phase_count; i++) {
        const struct phase_state *p = &w->phases[i];
        bool is_used = p->is_current || (w->needs_phases && !w->phases_listing);
        if (is_used && p->listing) db_array_add(out, db_number(number, p->listing));
        if (is_used && p->listing && p->is_done) db_array_add(whole, p->id);
        missing += is_used && !p->is_done;
    }
    db_array_end(out);
    db_array_end(whole);
    return missing;
}

static void add_counts(struct project_work *w)
{
    struct sync_counts *c = &w->run->counts;
    if (w->counts.withheld) {
        char label[PROJECT_LABEL_SIZE];
        run_note_error(w->run,
                       "project %s shows %lld unknown elevations in the place of its own: they are stored when"
                       " those are gone for good",
                       project_work_label(w, label, sizeof label), (long long)w->counts.withheld);
    }
    c->withheld[MISSING_ELEVATIONS] += w->counts.withheld;
    c->phases += w->counts.phases;
    c->elevations += w->counts.elevations;
    c->phases_written += w->counts.phases_written;
    c->elevations_written += w->counts.elevations_written;
}

static int forget_listings(struct project_work *w, struct err *err)
{
    struct sync_run *run = w->run;
    if (logikal_pending(run->client) == 0 && run->stage.sent[STAGE_ELEVATIONS] > ROWS_BEFORE_CLEAR)
        return stage_clear(&run->stage, err);
    if (w->phases_listing && stage_forget(&run->stage, STAGE_PHASES, w->phases_listing, err) < 0) return -ERR_DB;
    for (size_t i = 0; i < w->phase_count; i++)
        if (w->phases[i].listing && stage_forget(&run->stage, STAGE_ELEVATIONS, w->phases[i].listing, err) < 0)
            return -ERR_DB;
    return 0;
}

static int apply_rows(struct project_work *w, struct err *err)
{
    struct stage *stage = &w->run->stage;
    struct buf listings = {0}, whole = {0};
    size_t missing = collect_listings(w, &listings, &whole);
    const struct project_apply apply = {.project_id = w->project_id,
                                        .stage = stage,
                                        .run = w->run->helps ? w->run->helps : w->run->id,
                                        .changed_s = w->changed_s,
                                        .phases_listing = w->phases_listing,
                                        .phases_at_s = w->phases_at_s,
                                        .listings = listings.data,
                                        .phases_listed = whole.data,
                                        .elevations_at_s = w->elevations_at_s ? w->elevations_at_s : w->phases_at_s,
                                        .phases_are_whole = w->has_phases,
                                        .elevations_are_whole =
                                            w->needs_elevations && missing == 0 && (w->has_phases || !w->needs_phases),
                                        .error = w->error[0] ? w->error : NULL};
    int rc = listings.failed || whole.failed ? err_set(err, ERR_NOMEM, "no memory") : 0;
    if (rc == 0) rc = stage_flush(stage, STAGE_PHASES, err);
    if (rc == 0) rc = stage_flush(stage, STAGE_ELEVATIONS, err);
    if (rc == 0) rc = project_apply(w->run->db, &w->lease, &apply, &w->counts, err);
    if (rc == 0) add_counts(w);
    if (rc == 0) run_tell_feed(w->run);
    buf_free(&listings);
    buf_free(&whole);
    return rc < 0 ? rc : forget_listings(w, err);
}

/* Every list is there, or has failed. */
static void finish_rows(struct project_work *w)
{
    struct err err = {0};
    w->is_listed = true;
    if (w->changed_from) w->changed_s = *w->changed_from;
    if (w->run->fatal.code || w->is_cancelled || logikal_is_over(w->run->client)) return;
    if (w->is_gone) {
        run_check(w->run, project_note_failure(w->run->db, w->project_id, "not in its directory any more", &err), &err);
        return;
    }
    if (w->failed) w->run->counts.failed_projects++;
    if (w->refused && !w->error[0]) snprintf(w->error, sizeof w->error, "some of its objects could not be read");
    run_check(w->run, apply_rows(w, &err), &err);
}

/* Every file that was wanted is there. */
static void note_files(struct project_work *w)
{
    struct err err = {0};
    if (w->run->with_thumbnails && w->run->with_parts)
        run_check(w->run, project_note_files(w->run->db, w->project_id, &err), &err);
}

/* A long sync goes on for hours: what has come of a project is read meanwhile, beside it. */
static void have_parts_read(struct project_work *w)
{
    struct err err = {0};
    run_check(w->run, parts_request_soon(w->run->ctx, w->run->db, w->project_id, &err), &err);
}

void project_work_job_done(struct project_work *w)
{
    w->open_jobs--;
    if (!w->is_listed && w->open_jobs == 0) finish_rows(w);
    bool may_go_on =
        !w->is_gone && !w->is_busy && !w->is_cancelled && !w->run->fatal.code && !logikal_is_over(w->run->client);
    if (w->is_listed && w->needs_files && may_go_on && project_files_go_on(w)) return;
    if (w->open_jobs > 0) return;
    if (w->needs_files && may_go_on && w->has_all_files && !w->files_failed && !w->run->fatal.code) note_files(w);
    if (w->has_new_parts && !w->run->fatal.code) have_parts_read(w);
    w->done(w);
}

static int load_phases(struct project_work *w, struct err *err)
{
    PGresult *r = project_phases(w->run->db, w->project_id, err);
    if (!r) return -ERR_DB;
    int rc = 0;
    for (int i = 0; i < PQntuples(r) && rc == 0; i++) {
        struct phase_state *phase = phase_of(w, db_text(r, i, 0));
        if (!phase)
            rc = err_set(err, ERR_NOMEM, "no memory");
        else
            phase->is_current = !w->needs_phases;
        if (phase) rc = spell_phase(phase, db_text(r, i, 1), err);
    }
    PQclear(r);
    return rc;
}

static int load_spelling(struct project_work *w, struct err *err)
{
    char *spelled = project_spelling(w->run->db, w->project_id, err);
    if (!spelled) return err_result(err);
    if (*spelled) snprintf(w->spelled, sizeof w->spelled, "%s", spelled);
    free(spelled);
    return 0;
}

int project_work_start(struct project_work *w, struct err *err)
{
    int rc = run_hold_project(w->run, w->guid, &w->lease, err);
    if (rc < 0) return rc;
    w->is_held = true;
    if ((rc = load_spelling(w, err)) < 0) return rc;
    if (w->needs_elevations && (rc = load_phases(w, err)) < 0) return rc;
    w->open_jobs = 1; /* this function's own */
    if (w->needs_phases) list_phases(w);
    for (size_t i = 0; i < w->phase_count; i++) list_elevations(w, i);
    w->is_listed = !w->needs_phases && !w->needs_elevations;
    project_work_job_done(w);
    return 0;
}
