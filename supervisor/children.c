/* The children as a whole: see children.h. */
#include "supervisor/children.h"

#include <string.h>

#include "conf/log.h"
#include "ipc/notify.h"
#include "supervisor/child.h"
#include "supervisor/watch.h"

#define DRAINING_MAX 4 /* of one name, before the next replacement waits */

struct child *children_by_pid(struct supervisor *s, pid_t pid)
{
    struct child *c;
    CHILDREN_FOREACH(c, s) if (c->pid == pid) return c;
    return NULL;
}

struct child *children_match(struct supervisor *s, const char *name, struct child *after)
{
    struct child *c = after ? TAILQ_NEXT(after, link) : TAILQ_FIRST(&s->children);
    for (; c; c = TAILQ_NEXT(c, link))
        if (strcmp(c->spec.name, name) == 0 || strcmp(c->spec.role, name) == 0) return c;
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
            c->spec = *spec;
        else
            leave(c);
    }
    for (int i = 0; i < s->plan.count; i++) {
        const struct child_spec *spec = &s->plan.specs[i];
        if (current(s, spec->name)) continue;
        c = child_new(s, spec);
        if (c)
            child_event(c, EVENT_START);
        else
            log_error("no memory for %s: it is not started", spec->name);
    }
    children_settle_soon(s);
}

static bool is_satisfied(const struct child *c, const struct child *d)
{
    const struct child_machine *m = &d->machine;
    if (m->state == CHILD_READY || (m->state == CHILD_DONE && m->is_success)) return true;
    if (spec_is_patient(&c->spec, &d->spec)) return false;
    return m->failures > 0 || m->state == CHILD_DONE || m->state == CHILD_DOWN;
}

static bool may_start(const struct child *c)
{
    const struct child *d;
    if (c->sup->is_stopping) return false;
    CHILDREN_FOREACH(d, c->sup)
    {
        if (d == c) continue;
        bool is_same = strcmp(d->spec.name, c->spec.name) == 0;
        if (is_same && !c->spec.is_overlapping && d->machine.state != CHILD_DOWN) return false;
        if (d->is_leaving || d->is_successor || is_same) continue;
        if (spec_depends_on(&c->spec, &d->spec) && !is_satisfied(c, d)) return false;
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
    CHILDREN_FOREACH(c, s)
    {
        if (c->machine.state == CHILD_DOWN) continue;
        is_over = false;
        if (!is_ending(c) && !has_to_wait(c)) child_event(c, EVENT_STOP);
        if (is_ending(c)) is_moving = true;
    }
    if (is_over) {
        event_base_loopbreak(s->base);
        return;
    }
    if (is_moving) return;
    CHILDREN_FOREACH(c, s) /* they wait for each other: all at once, then */
    if (c->machine.state != CHILD_DOWN) child_event(c, EVENT_STOP);
}

/* Tells an outer supervisor (systemd's Type=notify) once that everything is up. */
static void announce(struct supervisor *s)
{
    const struct child *c;
    CHILDREN_FOREACH(c, s)
    {
        enum child_state state = c->machine.state;
        if (state != CHILD_READY && state != CHILD_DONE && !c->is_held) return;
    }
    s->is_announced = true;
    notify_ready("everything is ready");
}

void children_settle(struct supervisor *s)
{
    struct child *c, *next;
    for (c = TAILQ_FIRST(&s->children); c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->machine.state == CHILD_LINGERING && child_group_gone(c)) child_event(c, EVENT_GROUP_GONE);
        if (c->is_leaving && c->machine.state == CHILD_DOWN) {
            child_free(c);
            continue;
        }
        if (s->is_stopping) continue;
        if (c->is_outdated) renew(c);
        if (c->machine.state == CHILD_WAITING && may_start(c)) child_event(c, EVENT_DEPENDS_READY);
        if (c->machine.state == CHILD_READY && c->is_successor) hand_over(c);
    }
    if (s->is_stopping)
        stop_in_order(s);
    else
        watch_essential(s);
    if (!s->is_announced && !s->is_stopping) announce(s);
}

void children_settle_soon(struct supervisor *s)
{
    event_active(s->settle_soon, EV_READ, 0);
}
