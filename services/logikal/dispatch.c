/* Which session does which job. A session takes the nearest job that it can reach; what no open session will reach gets
 * a session of its own, because where siblings cannot be selected every branch of the tree costs one login anyway, and
 * logins are better spent side by side. */
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "services/logikal/client_internal.h"

#define LOOK_AHEAD 256 /* pending jobs that are looked at for opening sessions */

static const enum sideways straight[LEVEL_COUNT] = {SIDEWAYS_REFUSED, SIDEWAYS_REFUSED, SIDEWAYS_REFUSED,
                                                    SIDEWAYS_REFUSED, SIDEWAYS_REFUSED};

static bool is_file(const struct logikal_job *job)
{
    return job->kind == JOB_THUMBNAIL || job->kind == JOB_PARTS || job->kind == JOB_DRAWING;
}

bool dispatch_is_opened(const struct logikal *l, const struct logikal_job *job)
{
    if (!is_file(job)) return true;
    for (int i = 0; i < OPENED_KEPT; i++)
        if (strcmp(l->opened[i], job->place.project) == 0) return true;
    return false;
}

void dispatch_opened(struct logikal *l, const struct logikal_job *job)
{
    if (job->is_opened || dispatch_is_opened(l, job)) return;
    memcpy(l->opened[l->opened_next], job->place.project, LOGIKAL_ID_SIZE);
    l->opened_next = (l->opened_next + 1) % OPENED_KEPT;
    for (struct logikal_job *other = l->pending; other; other = other->next)
        if (strcmp(other->place.project, job->place.project) == 0) other->is_opened = true;
}

/* The upstream opens a project for its first file, which takes long; while one session asks for that, the others leave
 * the project's files alone, since each of them would have it opened again. */
static bool is_opening(const struct logikal *l, const struct logikal_job *wanted)
{
    if (wanted->is_opened) return false;
    for (int i = 0; i < l->max_sessions; i++) {
        const struct logikal_job *job = l->sessions[i].job;
        if (job && is_file(job) && strcmp(job->place.project, wanted->place.project) == 0) return true;
    }
    return false;
}

static bool is_takable(const struct logikal *l, const struct logikal_job *job)
{
    return pending_is_ready(job) && !is_opening(l, job);
}

/* The link of the job that is best for a session at a place, or NULL when it can reach none. A session stays in the
 * project that it is in (or was, before it has to begin anew) as long as there is something to do there. */
static struct logikal_job **nearest(struct logikal *l, const struct place *at, const char *project)
{
    struct logikal_job **best = NULL;
    int best_distance = 0;
    bool is_best_inside = false;
    for (struct logikal_job **link = &l->pending; *link; link = &(*link)->next) {
        int distance = place_distance(at, &(*link)->place, l->sideways);
        if (distance < 0 || !is_takable(l, *link)) continue;
        bool is_inside = *project && strcmp(project, (*link)->place.project) == 0;
        if (best && is_inside < is_best_inside) continue;
        bool is_nearer = !best || is_inside > is_best_inside || distance < best_distance;
        if (!is_nearer && (distance > best_distance || (*link)->weight <= (*best)->weight)) continue;
        best = link;
        best_distance = distance;
        is_best_inside = is_inside;
    }
    return best;
}

/* ---- which phase a session enters for good ---- */

#define PHASES_COMPARED 32

/* What is left to do inside the elevations of a phase, and who is there for it. */
struct phase_load {
    const struct place *place; /* of one of its jobs */
    struct logikal_job **heaviest;
    int jobs, sessions;
};

static bool is_same_phase(const struct place *a, const struct place *b)
{
    return strcmp(a->phase, b->phase) == 0 && strcmp(a->project, b->project) == 0;
}

static struct phase_load *load_of(struct phase_load loads[], int *n, const struct place *place)
{
    for (int i = 0; i < *n; i++)
        if (is_same_phase(loads[i].place, place)) return &loads[i];
    if (*n == PHASES_COMPARED) return NULL;
    loads[*n] = (struct phase_load){.place = place};
    return &loads[(*n)++];
}

/* A session that selects an elevation stays in its phase: upwards it cannot go. So where phases can be selected side by
 * side, the last step before that is taken to the phase with the most left to do for each session that is in it, near
 * or not; else two small phases would get as many sessions as two large ones, and log in anew when they are through. */
static struct logikal_job **balanced(struct logikal *l, const struct place *at, struct logikal_job **near)
{
    struct phase_load loads[PHASES_COMPARED], *best = NULL;
    int n = 0;
    bool is_entering = at->project[0] && !at->elevation[0] && (*near)->place.elevation[0];
    if (!is_entering || l->sideways[LEVEL_PHASE] != SIDEWAYS_ALLOWED) return near;
    for (struct logikal_job **link = &l->pending; *link; link = &(*link)->next) {
        const struct place *place = &(*link)->place;
        if (!place->elevation[0] || place_distance(at, place, l->sideways) < 0 || !is_takable(l, *link)) continue;
        struct phase_load *load = load_of(loads, &n, place);
        if (!load) continue;
        load->jobs++;
        if (!load->heaviest || (*link)->weight > (*load->heaviest)->weight) load->heaviest = link;
    }
    for (int i = 0; i < l->max_sessions; i++) {
        const struct logikal_session *s = &l->sessions[i];
        const struct place *place = s->job ? &s->job->place : &s->at;
        for (int k = 0; k < n && s->state != SESSION_CLOSED; k++)
            loads[k].sessions += place->elevation[0] && is_same_phase(loads[k].place, place);
    }
    for (int i = 0; i < n; i++)
        if (!best || loads[i].jobs * (best->sessions + 1) > best->jobs * (loads[i].sessions + 1)) best = &loads[i];
    return best ? best->heaviest : near;
}

static void give_reachable_jobs(struct logikal *l)
{
    for (int i = 0; i < l->max_sessions; i++) {
        struct logikal_session *s = &l->sessions[i];
        if (s->state == SESSION_IDLE && s->must_renew) session_step(s);
        if (s->state != SESSION_IDLE) continue;
        struct logikal_job **link = nearest(l, &s->at, s->at.project);
        if (link) session_begin(s, pending_take(l, balanced(l, &s->at, link)));
    }
}

/* Where a session will be when it is idle next. */
static const struct place *future_place(const struct logikal_session *s)
{
    return s->job ? &s->job->place : &s->at;
}

/* Marks a pending job that this session can do next, on its way down or beside it; one branch for each session. */
static void absorb(const struct logikal *l, const struct logikal_session *s, struct logikal_job *const jobs[],
                   bool covered[], int n, int64_t *work_ms)
{
    bool has_branch = false;
    for (int i = 0; i < n; i++) {
        if (covered[i]) continue;
        struct step step = place_next_step(future_place(s), &jobs[i]->place, l->sideways);
        if (step.kind == STEP_NEW_SESSION) continue;
        bool is_cheap = step.kind == STEP_HERE || l->sideways[step.level] == SIDEWAYS_ALLOWED;
        if (!is_cheap && (has_branch || (step.is_sideways && l->sideways[step.level] == SIDEWAYS_UNKNOWN))) continue;
        if (!is_cheap) has_branch = true;
        covered[i] = true;
        *work_ms += l->cost_ms[jobs[i]->kind] + (step.kind == STEP_HERE ? 0 : l->select_cost_ms[step.level]);
    }
}

/* Jobs that another one passes on its way down are no branches of their own. */
static int count_branches(const struct logikal *l, struct logikal_job *const jobs[], bool covered[], int n)
{
    int branches = 0;
    for (int i = 0; i < n && branches < l->max_sessions; i++) {
        if (covered[i]) continue;
        bool is_passed = false;
        for (int k = 0; k < n && !is_passed; k++) {
            if (k == i || covered[k]) continue;
            int distance = place_distance(&jobs[i]->place, &jobs[k]->place, straight);
            is_passed = distance > 0 || (distance == 0 && k > i);
        }
        branches += !is_passed;
    }
    return branches;
}

/* How many more sessions the pending jobs are worth. */
static int sessions_wanted(struct logikal *l, int open, bool is_starting)
{
    struct logikal_job *jobs[LOOK_AHEAD];
    bool covered[LOOK_AHEAD] = {false};
    int n = 0;
    int64_t work_ms = 0;
    for (struct logikal_job *job = l->pending; job && n < LOOK_AHEAD; job = job->next)
        if (is_takable(l, job)) jobs[n++] = job;
    if (open == 0) return count_branches(l, jobs, covered, n);
    for (int i = 0; i < l->max_sessions; i++) {
        const struct logikal_session *s = &l->sessions[i];
        if (s->state != SESSION_CLOSED) absorb(l, s, jobs, covered, n, &work_ms);
    }
    int branches = count_branches(l, jobs, covered, n);
    if (branches) return branches;
    int64_t open_ms = l->login_cost_ms + l->select_cost_ms[LEVEL_PROJECT] + l->select_cost_ms[LEVEL_PHASE];
    return work_ms / open > (is_starting ? open_ms / 10 : open_ms);
}

/* The job for a new session of one that was in a project: the nearest to the root, since the others pass it on their
 * way; else the heaviest. */
static bool begin_first(struct logikal *l, struct logikal_session *s)
{
    struct place root = {0};
    char project[LOGIKAL_ID_SIZE];
    memcpy(project, s->at.project, sizeof project);
    struct logikal_job **link = nearest(l, &root, project);
    if (link) session_begin(s, pending_take(l, link));
    return link != NULL;
}

static void renew_idle_sessions(struct logikal *l, int *wanted)
{
    for (int i = 0; i<l->max_sessions && * wanted> 0; i++)
        if (l->sessions[i].state == SESSION_IDLE && begin_first(l, &l->sessions[i])) --*wanted;
}

/* How many were opened. */
static int open_sessions(struct logikal *l, int wanted)
{
    int opened = 0;
    for (int i = 0; i < l->max_sessions && opened < wanted; i++)
        opened += l->sessions[i].state == SESSION_CLOSED && begin_first(l, &l->sessions[i]);
    return opened;
}

static void visit_done(struct logikal_job *job, struct logikal_outcome *outcome)
{
    (void)outcome;
    place_clear(&job->place);
    free(job);
}

static bool visit(struct logikal *l, struct logikal_session *s)
{
    struct logikal_job *job = calloc(1, sizeof *job);
    if (!job || place_copy(&job->place, &l->ahead_place) < 0) {
        free(job);
        return false;
    }
    job->kind = JOB_VISIT;
    job->done = visit_done;
    session_begin(s, job);
    return true;
}

/* Sessions kept at hand: a visit for each one that is missing, or idle on the way to the place. */
static void open_ahead(struct logikal *l, int open)
{
    for (int i = 0; i < l->max_sessions; i++) {
        struct logikal_session *s = &l->sessions[i];
        if (s->state == SESSION_IDLE && place_distance(&s->at, &l->ahead_place, straight) > 0) visit(l, s);
        if (s->state == SESSION_CLOSED && open < l->ahead_count && visit(l, s)) open++;
    }
}

void dispatch(struct logikal *l)
{
    int open = 0;
    bool is_starting = true;
    if (l->is_closing || l->fatal.code || l->pause_until_ms > mono_ms()) return;
    pending_wake(l);
    give_reachable_jobs(l);
    for (int i = 0; i < l->max_sessions; i++) {
        open += l->sessions[i].state != SESSION_CLOSED;
        if (l->sessions[i].token[0]) is_starting = false;
    }
    if (l->pending) {
        int wanted = sessions_wanted(l, open, is_starting);
        renew_idle_sessions(l, &wanted);
        if (wanted > l->session_limit - open) allowance_more(l);
        open += open_sessions(l, wanted < l->session_limit - open ? wanted : l->session_limit - open);
    }
    if (l->ahead_count > l->session_limit) l->ahead_count = l->session_limit;
    if (l->ahead_count > 0 && (l->pending || l->running_count)) open_ahead(l, open);
    open = 0;
    for (int i = 0; i < l->max_sessions; i++) open += l->sessions[i].state != SESSION_CLOSED;
    if (open > l->stats.peak_sessions) l->stats.peak_sessions = open;
}
