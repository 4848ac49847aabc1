/* The end of a run's rows: what its listings have left out is marked as gone when that is believable. See vanish.h. */
#include "services/sync/tree/vanish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/log.h"
#include "services/logikal/objects.h"
#include "services/store/sync/staging/sync_doubles.h"
#include "services/store/sync/sync_log.h"
#include "services/sync/tree/listing.h"
#include "services/sync/tree/vanish_rule.h"

#define PLACES_NAMED 5   /* in the result, of what is held */
#define LOOKS_MAX    200 /* places that one run lists a second time */

struct look {
    struct sync_run *run;
    char kind;
    int64_t place, missing;
    char *name; /* of the place, for people */
    struct buf ids;
};

static int64_t run_number(const struct sync_run *run)
{
    return run->helps ? run->helps : run->id;
}

static void look_free(struct look *k)
{
    buf_free(&k->ids);
    free(k->name);
    free(k);
}

static void forget_ids(struct listing *l)
{
    struct look *k = l->owner;
    buf_reset(&k->ids);
    db_array_begin(&k->ids);
}

/* Only what is there counts: an object that the list shows in the recycle bin is missing all the same. */
static int read_id(struct listing *l, const char *text, size_t len, struct err *err)
{
    struct look *k = l->owner;
    struct logikal_directory d;
    struct logikal_project p;
    struct logikal_phase h;
    struct logikal_elevation e;
    int rc = 0;
    switch (k->kind) {
    case 'd':
        if ((rc = logikal_directory_read(text, len, &d, err)) < 0) return rc;
        db_array_add(&k->ids, d.path);
        cJSON_Delete(d.json);
        break;
    case 'p':
        if ((rc = logikal_project_read(text, len, &p, err)) < 0) return rc;
        if (!p.is_deleted) db_array_add(&k->ids, p.id);
        cJSON_Delete(p.json);
        break;
    case 'h':
        if ((rc = logikal_phase_read(text, len, &h, err)) < 0) return rc;
        db_array_add(&k->ids, h.id);
        cJSON_Delete(h.json);
        break;
    default:
        if ((rc = logikal_elevation_read(text, len, &e, err)) < 0) return rc;
        if (!e.is_recycled) db_array_add(&k->ids, e.id);
        cJSON_Delete(e.json);
        break;
    }
    return k->ids.failed ? err_set(err, ERR_NOMEM, "no memory") : 0;
}

static void on_looked(struct listing *l, const struct logikal_outcome *outcome)
{
    struct look *k = l->owner;
    struct sync_run *run = k->run;
    struct err err = {0};
    if (outcome->code == ERR_CANCELLED || run->fatal.code) return look_free(k);
    if (outcome->code || l->refused) {
        run_note_error(run,
                       "%s has lost %lld objects, and could not be listed a second time%s%s: nothing is marked there",
                       k->name, (long long)k->missing, outcome->code ? ": " : "", outcome->code ? outcome->text : "");
        return look_free(k);
    }
    db_array_end(&k->ids);
    int64_t found = missing_looked(run->db, run_number(run), k->kind, k->place, k->ids.data, &err);
    if (run_check(run, found < 0 ? -ERR_DB : 0, &err) && found > 0)
        run_note_error(run, "%s was listed without %lld objects, and with them a moment later: they are kept", k->name,
                       (long long)found);
    look_free(k);
}

static const char *last_of(const char *chain)
{
    const char *last = chain ? strrchr(chain, CHAIN_SEPARATOR) : NULL;
    return last ? last + 1 : chain ? chain : "the root";
}

static char *place_name(char kind, const char *chain, const char *project, const char *phase)
{
    char *name = NULL;
    int n = kind == 'd'   ? chain ? asprintf(&name, "directory %s", last_of(chain)) : asprintf(&name, "the root")
              : kind == 'p' ? asprintf(&name, "directory %s (its projects)", last_of(chain))
            : kind == 'h' ? asprintf(&name, "project %s (its phases)", project)
                          : asprintf(&name, "phase %s of project %s", phase, project);
    return n < 0 ? NULL : name;
}

static int look_at(struct sync_run *run, const PGresult *r, int row, struct err *err)
{
    static const char kinds[] = "dphe";
    static const enum job_kind jobs[] = {JOB_DIRECTORIES, JOB_PROJECTS, JOB_PHASES, JOB_ELEVATIONS};
    const char *chain = db_text(r, row, 2), *project = db_text(r, row, 3), *phase = db_text(r, row, 4);
    char kind = db_text(r, row, 0)[0];
    struct look *k = calloc(1, sizeof *k);
    struct listing *l = listing_new(run, jobs[strchr(kinds, kind) - kinds], chain, project, phase);
    if (!k || !l || !(k->name = place_name(kind, chain, project, phase))) {
        if (k) look_free(k);
        if (l) listing_drop(l);
        return err_set(err, ERR_NOMEM, "no memory");
    }
    k->run = run;
    k->kind = kind;
    k->place = db_int(r, row, 1);
    k->missing = db_int(r, row, 5);
    db_array_begin(&k->ids);
    l->read = read_id;
    l->forget = forget_ids;
    l->done = on_looked;
    l->owner = k;
    listing_submit(l);
    return 0;
}

/* Lists places a second time, by sessions that know nothing of the first. */
static int look_again(struct sync_run *run, bool with_held, struct err *err)
{
    PGresult *r = missing_places(run->db, run_number(run), with_held, LOOKS_MAX, err);
    if (!r) return -ERR_DB;
    int rc = 0, n = PQntuples(r);
    if (n == LOOKS_MAX)
        run_note_error(run, "more than %d places have lost objects: the others are looked at in the next run", n - 1);
    if (n) {
        log_info("%d places have lost objects; they are listed again", n);
        logikal_renew(run->client);
    }
    for (int i = 0; i < n && rc == 0; i++) rc = look_at(run, r, i, err);
    PQclear(r);
    if (n == 0) return 0;
    if (rc < 0) logikal_drop_pending(run->client);
    int ran = run_jobs(run, rc < 0 ? NULL : err);
    return rc < 0 ? rc : ran;
}

/* Tells where what is held is missing, the places that have lost most first. */
static int name_places(struct sync_run *run, struct err *err)
{
    PGresult *r = missing_places(run->db, run_number(run), true, PLACES_NAMED + 1, err);
    if (!r) return -ERR_DB;
    for (int i = 0; i < PQntuples(r) && i < PLACES_NAMED; i++) {
        char *name = place_name(db_text(r, i, 0)[0], db_text(r, i, 2), db_text(r, i, 3), db_text(r, i, 4));
        if (name) run_note_error(run, "%s has lost %s objects, which are held", name, db_text(r, i, 5));
        free(name);
    }
    if (PQntuples(r) > PLACES_NAMED) run_note_error(run, "more places have lost objects, which are held");
    PQclear(r);
    return 0;
}

static int hold(struct sync_run *run, const struct missing_counts *c, enum vanish_verdict verdict, struct err *err)
{
    int64_t id = 0;
    int rc = missing_hold(run->db, &run->lease, run_number(run), vanish_word(verdict), c->gone, &id, err);
    if (rc < 0) return rc;
    log_warning(
        "hold %lld (%s): %lld directories, %lld projects, %lld phases and %lld elevations are missing in Logikal; "
        "they are served as they are until they return, or the hold is applied or refused",
        (long long)id, vanish_word(verdict), (long long)c->gone[MISSING_DIRECTORIES],
        (long long)c->gone[MISSING_PROJECTS], (long long)c->gone[MISSING_PHASES],
        (long long)c->gone[MISSING_ELEVATIONS]);
    run->hold = (struct hold_state){.id = id};
    memcpy(run->hold.rows, c->gone, sizeof run->hold.rows);
    snprintf(run->hold.reason, sizeof run->hold.reason, "%s", vanish_word(verdict));
    return name_places(run, err);
}

static int mark(struct sync_run *run, struct err *err)
{
    int64_t marked[MISSING_TYPES] = {0};
    int rc = missing_mark(run->db, &run->lease, run_number(run), marked, err);
    for (int i = 0; i < MISSING_TYPES && rc == 0; i++) {
        run->counts.vanished_of[i] += marked[i];
        run->counts.vanished += marked[i];
        rc = sync_counter_add(run->db, missing_types[i], "vanished", marked[i], err);
    }
    return rc;
}

/* What was not stored is new all the same. */
static int count_missing(struct sync_run *run, struct missing_counts *counts, struct err *err)
{
    if (missing_count(run->db, run_number(run), counts, err) < 0) return -ERR_DB;
    for (int i = 0; i < MISSING_TYPES; i++) {
        counts->living[i] += run->counts.withheld[i];
        counts->fresh[i] += run->counts.withheld[i];
    }
    return 0;
}

static int64_t count_gone(const struct missing_counts *c)
{
    int64_t gone = 0;
    for (int i = 0; i < MISSING_TYPES; i++) gone += c->gone[i];
    return gone;
}

/* What it finds is stored where it is now, and not missing any more. What it has seen and stored is none of the run's
 * own counts, but what was written, failed and withheld is. */
static int look_elsewhere(struct sync_run *run, vanish_elsewhere_fn elsewhere, const void *arg, struct err *err)
{
    struct sync_counts before = run->counts, *c = &run->counts;
    log_info("before what is missing is marked, it is looked for in all other places");
    int rc = elsewhere(run, arg, err);
    c->directories = before.directories;
    c->projects = before.projects;
    c->phases = before.phases;
    c->elevations = before.elevations;
    c->projects_skipped = before.projects_skipped;
    for (int i = 0; i < MISSING_TYPES; i++) {
        int64_t again = c->withheld[i] - before.withheld[i];
        c->withheld[i] = again > before.withheld[i] ? again : before.withheld[i];
    }
    return rc < 0 ? rc : doubles_settle(&run->stage, run_number(run), err);
}

static int judge(struct sync_run *run, vanish_elsewhere_fn elsewhere, const void *arg, struct err *err)
{
    const struct vanish_bound bound = {.percent = conf_int(run->ctx->conf, SET_SYNC_VANISH_PERCENT),
                                       .rows = conf_int(run->ctx->conf, SET_SYNC_VANISH_ROWS)};
    struct missing_counts counts;
    if (count_missing(run, &counts, err) < 0) return -ERR_DB;
    /* Nothing is marked for being missing once. What was held is looked at again when there is so little left of it
     * that it would be believed. */
    enum vanish_verdict verdict = vanish_verdict(&counts, &bound);
    int rc = look_again(run, verdict == VANISH_BELIEVED, err);
    if (rc < 0) return rc;
    if (count_missing(run, &counts, err) < 0) return -ERR_DB;
    verdict = vanish_verdict(&counts, &bound);
    if (verdict == VANISH_BELIEVED && count_gone(&counts)) {
        if ((rc = look_elsewhere(run, elsewhere, arg, err)) < 0) return rc;
        if (count_missing(run, &counts, err) < 0) return -ERR_DB;
        verdict = vanish_verdict(&counts, &bound);
    }
    return verdict == VANISH_BELIEVED ? mark(run, err) : hold(run, &counts, verdict, err);
}

int vanish_judge(struct sync_run *run, bool is_all, vanish_elsewhere_fn elsewhere, const void *arg, struct err *err)
{
    if (doubles_settle(&run->stage, run_number(run), err) < 0) return err_result(err);
    int64_t count = missing_claim(run->db, run_number(run), is_all, err);
    int rc = count < 0 ? -ERR_DB : count > 0 ? judge(run, elsewhere, arg, err) : 0;
    if (rc == 0) rc = missing_tidy_holds(run->db, err);
    return rc == 0 && is_all ? missing_held(run->db, &run->hold, err) : rc;
}
