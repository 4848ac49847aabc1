/* The child's state machine: see child_state.h. */
#include "supervisor/plan/child_state.h"

#include <assert.h>
#include <string.h>

#define TO(state) (1u << (state))

/* The one table of transitions: from each state, where it may go. */
static const unsigned transitions[CHILD_STATE_COUNT] = {
    [CHILD_DOWN] = TO(CHILD_WAITING),
    [CHILD_WAITING] = TO(CHILD_DOWN) | TO(CHILD_STARTING),
    [CHILD_STARTING] = TO(CHILD_READY) | TO(CHILD_STOPPING) | TO(CHILD_WAITING) | TO(CHILD_BACKOFF) |
                       TO(CHILD_CRASH_LOOP) | TO(CHILD_DONE),
    [CHILD_READY] = TO(CHILD_STOPPING) | TO(CHILD_DUMPING) | TO(CHILD_WAITING) | TO(CHILD_BACKOFF) |
                    TO(CHILD_CRASH_LOOP) | TO(CHILD_DONE),
    [CHILD_STOPPING] = TO(CHILD_KILLING) | TO(CHILD_LINGERING),
    [CHILD_DUMPING] = TO(CHILD_KILLING) | TO(CHILD_LINGERING),
    [CHILD_KILLING] = TO(CHILD_LINGERING),
    [CHILD_LINGERING] = TO(CHILD_DOWN) | TO(CHILD_WAITING) | TO(CHILD_BACKOFF) | TO(CHILD_CRASH_LOOP) | TO(CHILD_DONE),
    [CHILD_BACKOFF] = TO(CHILD_DOWN) | TO(CHILD_WAITING),
    [CHILD_CRASH_LOOP] = TO(CHILD_DOWN) | TO(CHILD_WAITING),
    [CHILD_DONE] = TO(CHILD_DOWN) | TO(CHILD_WAITING),
};

static const char *const state_names[CHILD_STATE_COUNT] = {
    [CHILD_DOWN] = "down",         [CHILD_WAITING] = "waiting",
    [CHILD_STARTING] = "starting", [CHILD_READY] = "ready",
    [CHILD_STOPPING] = "stopping", [CHILD_DUMPING] = "dumping",
    [CHILD_KILLING] = "killing",   [CHILD_LINGERING] = "lingering",
    [CHILD_BACKOFF] = "backoff",   [CHILD_CRASH_LOOP] = "crash-loop",
    [CHILD_DONE] = "done",
};

static const char *const event_names[CHILD_EVENT_COUNT] = {
    [EVENT_START] = "start",
    [EVENT_STOP] = "stop",
    [EVENT_RESTART] = "restart",
    [EVENT_DEPENDS_READY] = "dependencies ready",
    [EVENT_SPAWN_FAILED] = "no process",
    [EVENT_READY] = "ready",
    [EVENT_HUNG] = "hung",
    [EVENT_SICK] = "sick",
    [EVENT_EXITED_CLEAN] = "exited clean",
    [EVENT_EXITED_DIRTY] = "exited dirty",
    [EVENT_GROUP_GONE] = "group gone",
    [EVENT_DEADLINE] = "deadline",
    [EVENT_HURRY] = "hurry",
};

bool child_state_allows(enum child_state from, enum child_state to)
{
    return transitions[from] & TO(to);
}

bool child_state_has_process(enum child_state state)
{
    return state == CHILD_STARTING || state == CHILD_READY || state == CHILD_STOPPING || state == CHILD_DUMPING ||
           state == CHILD_KILLING;
}

const char *child_state_name(enum child_state state)
{
    return state_names[state];
}

const char *child_event_name(enum child_event event)
{
    return event_names[event];
}

void child_machine_init(struct child_machine *m)
{
    memset(m, 0, sizeof *m);
}

/* Every change of state goes through here. deadline_ms: 0 = none. */
static void go(struct child_machine *m, enum child_state to, int64_t deadline_ms)
{
    assert(child_state_allows(m->state, to));
    m->state = to;
    m->deadline_ms = deadline_ms;
    if (to != CHILD_READY) m->ready_ms = 0;
}

static void forget_failures(struct child_machine *m)
{
    m->failures = 0;
    m->is_crash_loop = false;
    m->exits_at = 0;
    memset(m->exits_ms, 0, sizeof m->exits_ms);
    backoff_reset(&m->backoff);
}

/* Counts a failure; true when the last loop_count of them lie within the window. */
static bool count_failure(struct child_machine *m, const struct child_policy *p, int64_t now_ms)
{
    unsigned n = (unsigned)(p->loop_count < 2 ? 2 : p->loop_count > CHILD_EXITS_MAX ? CHILD_EXITS_MAX : p->loop_count);
    m->exits_ms[m->exits_at % CHILD_EXITS_MAX] = now_ms;
    m->exits_at++;
    m->failures++;
    if (m->exits_at < n) return false;
    int64_t oldest = m->exits_ms[(m->exits_at - n) % CHILD_EXITS_MAX];
    return now_ms - oldest <= p->loop_window_ms;
}

/* What follows a failure. The limits may have changed by a reload, so the backoff takes them anew each time. */
static unsigned retry(struct child_machine *m, const struct child_policy *p, int64_t now_ms)
{
    unsigned actions = ACTION_FAILED;
    bool was_looping = m->is_crash_loop;
    m->backoff.base_ms = p->backoff_base_ms;
    m->backoff.cap_ms = p->backoff_cap_ms;
    if (count_failure(m, p, now_ms)) m->is_crash_loop = true;
    if (m->is_crash_loop) {
        struct backoff longest = {.base_ms = p->backoff_cap_ms, .cap_ms = p->backoff_cap_ms};
        go(m, CHILD_CRASH_LOOP, now_ms + backoff_next_ms(&longest));
        return was_looping ? actions : actions | ACTION_LOOPING;
    }
    if (m->failures == 1)
        go(m, CHILD_WAITING, 0);
    else
        go(m, CHILD_BACKOFF, now_ms + backoff_next_ms(&m->backoff));
    return actions;
}

/* The process of a child that should run has ended, or could not be made. */
static unsigned ended(struct child_machine *m, const struct child_policy *p, bool is_clean, int64_t now_ms)
{
    if (m->ready_ms && now_ms - m->ready_ms >= p->stable_ms) forget_failures(m);
    bool is_done = p->restart == RESTART_NEVER || (p->restart == RESTART_ON_FAILURE && is_clean);
    if (!is_done) return retry(m, p, now_ms);
    m->is_success = is_clean;
    if (is_clean) forget_failures(m);
    go(m, CHILD_DONE, 0);
    return is_clean ? 0 : ACTION_FAILED;
}

/* Nothing is left of a process that was asked to end. */
static unsigned settled(struct child_machine *m, const struct child_policy *p, int64_t now_ms)
{
    if (!m->is_wanted) {
        go(m, CHILD_DOWN, 0);
        return 0;
    }
    if (m->why == WHY_ASKED) {
        go(m, CHILD_WAITING, 0);
        return 0;
    }
    return ended(m, p, false, now_ms);
}

static unsigned ask_to_end(struct child_machine *m, const struct child_policy *p, enum child_why why, int64_t now_ms)
{
    m->why = why;
    m->asked_ms = now_ms;
    go(m, CHILD_STOPPING, now_ms + p->stop_timeout_ms);
    return ACTION_STOP_SIGNAL;
}

static void linger(struct child_machine *m, int64_t until_ms)
{
    m->kills = 0;
    go(m, CHILD_LINGERING, until_ms);
}

/* Kills what is left; gives it up when that was in vain too often (a process that the kernel does not let go). */
static unsigned kill_now(struct child_machine *m, const struct child_policy *p, int64_t now_ms)
{
    bool is_leader_left = m->state != CHILD_LINGERING;
    if (m->state == CHILD_STOPPING || m->state == CHILD_DUMPING) {
        m->kills = 0;
        go(m, CHILD_KILLING, 0);
    }
    if (m->kills < CHILD_KILL_ROUNDS) {
        m->kills++;
        m->deadline_ms = now_ms + CHILD_KILL_ANEW_MS;
        return ACTION_KILL;
    }
    if (!is_leader_left) return ACTION_ABANDON | settled(m, p, now_ms);
    linger(m, now_ms);
    return ACTION_ABANDON;
}

/* Who was asked only just now keeps a moment to end by itself. */
static unsigned hurry(struct child_machine *m, const struct child_policy *p, int64_t now_ms)
{
    int64_t least_ms = m->asked_ms + CHILD_HURRY_MS;
    if (m->state != CHILD_STOPPING || now_ms >= least_ms) return kill_now(m, p, now_ms);
    if (m->deadline_ms > least_ms) m->deadline_ms = least_ms;
    return 0;
}

static unsigned step_without_process(struct child_machine *m, enum child_event event, int64_t now_ms,
                                     const struct child_policy *p)
{
    bool waits = m->state == CHILD_BACKOFF || m->state == CHILD_CRASH_LOOP;
    switch (event) {
    case EVENT_STOP:
        if (m->state != CHILD_DOWN) go(m, CHILD_DOWN, 0);
        forget_failures(m); /* whoever starts it again has looked at it */
        return 0;
    case EVENT_START:
        if (m->state == CHILD_DOWN) go(m, CHILD_WAITING, 0);
        return 0;
    case EVENT_RESTART:
        if (m->state != CHILD_WAITING) go(m, CHILD_WAITING, 0);
        return 0;
    case EVENT_DEADLINE:
        if (waits) go(m, CHILD_WAITING, 0);
        return 0;
    case EVENT_DEPENDS_READY:
        if (m->state != CHILD_WAITING) return 0;
        go(m, CHILD_STARTING, p->start_timeout_ms ? now_ms + p->start_timeout_ms : 0);
        m->starts++;
        m->is_success = false;
        return ACTION_SPAWN;
    default: return 0;
    }
}

static unsigned step_running(struct child_machine *m, const struct child_policy *p, enum child_event event,
                             int64_t now_ms)
{
    switch (event) {
    case EVENT_STOP:
    case EVENT_RESTART: return ask_to_end(m, p, WHY_ASKED, now_ms);
    case EVENT_SPAWN_FAILED:
    case EVENT_EXITED_DIRTY: return ended(m, p, false, now_ms);
    case EVENT_EXITED_CLEAN: return ended(m, p, true, now_ms);
    case EVENT_READY:
        if (m->state == CHILD_READY) return 0;
        go(m, CHILD_READY, now_ms + p->stable_ms);
        m->ready_ms = now_ms;
        return 0;
    case EVENT_HUNG:
        if (m->state != CHILD_READY) return 0;
        m->why = WHY_HUNG;
        go(m, CHILD_DUMPING, now_ms + CHILD_DUMP_MS);
        return ACTION_ABORT;
    case EVENT_SICK: return m->state == CHILD_READY ? ask_to_end(m, p, WHY_SICK, now_ms) : 0;
    case EVENT_DEADLINE:
        if (m->state == CHILD_STARTING) return ask_to_end(m, p, WHY_NOT_READY, now_ms);
        m->deadline_ms = 0;
        forget_failures(m);
        return ACTION_STABLE;
    default: return 0;
    }
}

static unsigned step_ending(struct child_machine *m, const struct child_policy *p, enum child_event event,
                            int64_t now_ms)
{
    switch (event) {
    case EVENT_DEADLINE: return kill_now(m, p, now_ms);
    case EVENT_HURRY: return hurry(m, p, now_ms);
    case EVENT_EXITED_CLEAN:
    case EVENT_EXITED_DIRTY: /* the rest of the group has as long as the leader would have had */
        if (m->state != CHILD_LINGERING) linger(m, m->state == CHILD_STOPPING ? m->deadline_ms : now_ms);
        return 0;
    case EVENT_GROUP_GONE: return m->state == CHILD_LINGERING ? settled(m, p, now_ms) : 0;
    default: return 0;
    }
}

unsigned child_step(struct child_machine *m, const struct child_policy *p, enum child_event event, int64_t now_ms)
{
    if (event == EVENT_START || event == EVENT_RESTART) m->is_wanted = true;
    if (event == EVENT_STOP) m->is_wanted = false;
    switch (m->state) {
    case CHILD_STARTING:
    case CHILD_READY: return step_running(m, p, event, now_ms);
    case CHILD_STOPPING:
    case CHILD_DUMPING:
    case CHILD_KILLING:
    case CHILD_LINGERING: return step_ending(m, p, event, now_ms);
    default: return step_without_process(m, event, now_ms, p);
    }
}

void child_sleep(struct child_machine *m, int64_t slept_ms)
{
    bool is_waiting = m->state == CHILD_BACKOFF || m->state == CHILD_CRASH_LOOP;
    if (m->deadline_ms && !is_waiting) m->deadline_ms += slept_ms;
    if (m->ready_ms) m->ready_ms += slept_ms;
    if (m->asked_ms) m->asked_ms += slept_ms;
}
