/* The children as a whole: who may start, who may stop, who replaces whom. See children.h. */
#include "supervisor/child/children.h"

#include <stdio.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "ipc/notify.h"
#include "supervisor/child/child.h"
#include "supervisor/child/events.h"
#include "supervisor/child/hooks.h"
#include "supervisor/child/upgrade.h"

#define DRAINING_MAX 4 /* of one name, before the next replacement waits */

struct child *children_by_pid(struct supervisor *s, pid_t pid)
{
    struct child *c;
    CHILDREN_FOREACH(c, s)
        if (c->pid == pid) return c;
    return NULL;
}

struct child *children_match(struct supervisor *s, const char *name, struct child *after)
{
    struct child *c = after ? TAILQ_NEXT(after, link) : TAILQ_FIRST(&s->children);
    for (; c; c = TAILQ_NEXT(c, link))
        if (strcmp(c->spec.name, name) == 0 || strcmp(c->spec.role, name) == 0 || strcmp(name, CHILDREN_ALL) == 0)
            return c;
    return NULL;
}

/* The one of this name that stays, not its successor or those that leave. */
static struct child *current(struct supervisor *s, const char *name)
{
    struct child *c;
    CHILDREN_FOREACH(c, s)
        if (!c->is_leaving && !c->is_successor && strcmp(c->spec.name, name) == 0) return c;
    return NULL;
}

static struct child *successor_of(const struct child *c)
{
    struct child *d;
    CHILDREN_FOREACH(d, c->sup)
        if (d->is_successor && !d->is_leaving && strcmp(d->spec.name, c->spec.name) == 0) return d;
    return NULL;
}

static void leave(struct child *c)
{
    c->is_leaving = true;
    c->is_outdated = false;
    c->spec.program = NULL; /* the configuration that it belongs to may go before the child */
    child_event(c, EVENT_STOP);
}

void children_follow_plan(struct supervisor *s)
{
    struct child *c, *next;
    for (c = TAILQ_FIRST(&s->children); c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->is_leaving) continue;
        const struct child_spec *spec = plan_find(&s->plan, c->spec.name);
        if (spec)
            child_take_spec(c, spec);
        else
            leave(c);
    }
    for (int i = 0; i < s->plan.count; i++) {
        const struct child_spec *spec = &s->plan.specs[i];
        if (current(s, spec->name)) continue;
        c = child_new(s, spec);
        if (c) c->is_held = spec->is_not_autostart;
        if (c && !c->is_held)
            child_event(c, EVENT_START);
        else if (!c)
            log_error("no memory for %s: it is not started", spec->name);
    }
    children_settle_soon(s);
}

bool child_is_served_by(const struct child *c, const struct child *d)
{
    const struct child_machine *m = &d->machine;
    if (m->state == CHILD_READY || (m->state == CHILD_DONE && m->is_success)) return true;
    if (spec_is_patient(&c->spec, &d->spec)) return false;
    /* A program that was meant to end and goes on: in time the roles come up without it, too. */
    bool is_long = m->state == CHILD_STARTING && d->spec.readiness == READINESS_EXIT && d->spec.users == 0 &&
                   mono_ms() - d->started_ms > conf_int(c->sup->conf, SET_START_TIMEOUT) * 1000;
    return is_long || m->failures > 0 || m->state == CHILD_DONE || m->state == CHILD_DOWN;
}

static bool may_start(const struct child *c)
{
    const struct child *d;
    if (c->sup->is_stopping) return false;
    CHILDREN_FOREACH(d, c->sup) {
        if (d == c) continue;
        bool is_same = strcmp(d->spec.name, c->spec.name) == 0;
        if (is_same && !c->spec.is_overlapping && d->machine.state != CHILD_DOWN) return false;
        if (d->is_leaving || d->is_successor || is_same) continue;
        if (spec_depends_on(&c->spec, &d->spec) && !child_is_served_by(c, d)) return false;
    }
    return true;
}

static int draining(const struct child *c)
{
    const struct child *d;
    int count = 0;
    CHILDREN_FOREACH(d, c->sup)
        if (d->is_leaving && strcmp(d->spec.name, c->spec.name) == 0) count++;
    return count;
}

/* Brings a child whose settings changed to the present plan: beside the old one where that is possible. */
static void renew(struct child *c)
{
    bool has_process = child_state_has_process(c->machine.state);
    if (c->machine.state == CHILD_READY && c->spec.is_overlapping) {
        if (successor_of(c) || draining(c) >= DRAINING_MAX) return;
        struct child *next = child_new(c->sup, &c->spec);
        if (!next) return;
        next->is_successor = true;
        log_info("%s[%d] is being replaced", c->spec.name, (int)c->pid);
        child_event(next, EVENT_START);
        return;
    }
    if (c->is_successor && has_process) return; /* as soon as it is ready, it gets a successor itself */
    if (c->is_held || c->machine.state == CHILD_DOWN) {
        c->is_outdated = false;
        return;
    }
    c->is_outdated = false;
    child_event(c, EVENT_RESTART);
}

/* A successor that is ready takes over; the one before finishes what it has begun and goes. */
static void hand_over(struct child *c)
{
    struct child *d, *next;
    c->is_successor = false;
    for (d = TAILQ_FIRST(&c->sup->children); d; d = next) {
        next = TAILQ_NEXT(d, link);
        if (d == c || d->is_leaving || strcmp(d->spec.name, c->spec.name) != 0) continue;
        c->machine.starts += d->machine.starts;
        log_info("%s[%d] has taken over from [%d], which drains", c->spec.name, (int)c->pid, (int)d->pid);
        leave(d);
    }
}

static bool is_ending(const struct child *c)
{
    enum child_state s = c->machine.state;
    return s == CHILD_STOPPING || s == CHILD_DUMPING || s == CHILD_KILLING || s == CHILD_LINGERING;
}

static bool has_to_wait(const struct child *c)
{
    const struct child *d;
    CHILDREN_FOREACH(d, c->sup)
        if (d != c && d->machine.state != CHILD_DOWN && spec_stops_before(&d->spec, &c->spec)) return true;
    return false;
}

/* Stops whoever nobody needs any more. */
static void stop_in_order(struct supervisor *s)
{
    struct child *c;
    bool is_over = true, is_moving = false;
    CHILDREN_FOREACH(c, s) {
        if (c->machine.state == CHILD_DOWN) continue;
        is_over = false;
        if (!is_ending(c) && !has_to_wait(c)) child_event(c, EVENT_STOP);
        if (is_ending(c)) is_moving = true;
    }
    if (is_over) {
        if (events_finish(s)) event_base_loopbreak(s->base);
        return;
    }
    if (is_moving) return;
    CHILDREN_FOREACH(c, s) /* they wait for each other: all at once, then */
        if (c->machine.state != CHILD_DOWN) child_event(c, EVENT_STOP);
}

static bool is_up(const struct child *c)
{
    return c->machine.state == CHILD_READY || c->machine.state == CHILD_DONE || c->is_held;
}

/* Tells an outer supervisor (systemd's Type=notify) once that we are ready: when the essential children are, since the
 * others may take their time; without any essential one, when each has been tried. */
static void announce(struct supervisor *s)
{
    const struct child *c;
    int up = 0, all = 0;
    bool has_essential = false, is_ready = true;
    char status[128];
    CHILDREN_FOREACH(c, s) has_essential = has_essential || c->spec.is_essential;
    CHILDREN_FOREACH(c, s) {
        bool counts = !has_essential || c->spec.is_essential;
        if (counts && !is_up(c) && (c->spec.is_essential || c->machine.failures == 0)) is_ready = false;
        if (is_up(c)) up++;
        all++;
    }
    if (up == s->told_up && all == s->told_all && (s->is_announced || !is_ready)) return;
    s->told_up = up;
    s->told_all = all;
    snprintf(status, sizeof status, "%d of %d children are up", up, all);
    if (is_ready && !s->is_announced)
        notify_ready(status);
    else
        notify_status(status);
    s->is_announced = s->is_announced || is_ready;
}

void children_settle(struct supervisor *s)
{
    struct child *c, *next;
    for (c = TAILQ_FIRST(&s->children); c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->machine.state == CHILD_LINGERING && child_kin_gone(c)) child_event(c, EVENT_GROUP_GONE);
        if (c->is_leaving && c->machine.state == CHILD_DOWN) {
            child_free(c);
            continue;
        }
        if (s->is_stopping) continue;
        if (c->is_outdated && !upgrade_has_to_wait(c)) renew(c);
        if (c->machine.state == CHILD_WAITING && may_start(c)) child_event(c, EVENT_DEPENDS_READY);
        if (c->machine.state == CHILD_READY && c->is_successor) hand_over(c);
    }
    if (s->is_stopping)
        stop_in_order(s);
    else
        s->hooks->settled(s);
    if (!s->is_stopping) announce(s);
}

void children_settle_soon(struct supervisor *s)
{
    event_active(s->settle_soon, EV_READ, 0);
}
