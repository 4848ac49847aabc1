/* What is looked at from time to time: the memory and CPU of each child against its limits, the container's memory, and
 * whether the essential children are up. See watch.h. */
#include "supervisor/watch/watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/exit.h"
#include "conf/log.h"
#include "supervisor/child/child.h"
#include "supervisor/child/children.h"
#include "supervisor/child/events.h"
#include "supervisor/child/pulse.h"
#include "supervisor/child/recorder.h"
#include "supervisor/child/strays.h"
#include "conf/machine/trim.h"
#include "supervisor/watch/status.h"

#define REPLACE_INTERVAL_MS  60000 /* a child that grows at once is not replaced all the time */
#define NEARLY_FULL_PERMILLE 900
#define PRESSED_PERMILLE     100
#define READING_MS           600000 /* memory is recorded as often, changes at once */

struct watch {
    struct event *tick, *essential;
    char cgroup[PATH_MAX]; /* "" = none */
    int64_t oom_seen, oom_at_start;
    bool is_nearly_full, is_pressed;
    int64_t reading_ms; /* of the last one that was recorded */
};

static void guard_child(struct supervisor *s, struct child *c)
{
    const struct child_spec *spec = &c->spec;
    int64_t used = c->usage.pss_bytes ? c->usage.pss_bytes : c->usage.rss_bytes, now = mono_ms();
    switch (guard_decide(used, spec->memory_soft_bytes, spec->memory_hard_bytes, s->memory.limit_bytes)) {
    case GUARD_FINE: c->is_large = false; break;
    case GUARD_WARN:
        if (!c->is_large) {
            log_warning("%s[%d] uses %" PRId64 " MB of memory: more than the soft limit of %" PRId64 " MB", spec->name,
                        (int)c->pid, used >> 20, spec->memory_soft_bytes >> 20);
            recorder_say(s, "memory", spec->name, (int)c->pid, "above its soft limit: %" PRId64 " of %" PRId64 " MB",
                         used >> 20, spec->memory_soft_bytes >> 20);
        }
        c->is_large = true;
        break;
    case GUARD_REPLACE:
        if (c->outgrown_ms && now - c->outgrown_ms < REPLACE_INTERVAL_MS) break;
        c->outgrown_ms = now;
        log_error("%s[%d] uses %" PRId64 " MB of memory: more than its limit; it is replaced", spec->name, (int)c->pid,
                  used >> 20);
        events_emit(s, "memory", spec->name, (int)c->pid, "replaced at %" PRId64 " MB", used >> 20);
        c->is_outdated = true;
        children_settle_soon(s);
        break;
    }
}

static void look_at_child(struct supervisor *s, struct child *c, int64_t passed_ms)
{
    int64_t cpu_before = c->usage.cpu_ms;
    bool was_seen = c->usage.processes > 0;
    if (!c->pid) {
        memset(&c->usage, 0, sizeof c->usage);
        c->cpu_permille = 0;
        return;
    }
    usage_read_tree(c->pid, &c->usage);
    int64_t used = c->usage.cpu_ms - cpu_before;
    bool is_known = was_seen && used > 0 && passed_ms > 0; /* the first look tells of all time before */
    c->cpu_permille = is_known ? (int)(used * 1000 / passed_ms) : 0;
    bool is_role = c->spec.users != 0;
    if (is_role && c->machine.state == CHILD_READY && !c->is_leaving) guard_child(s, c);
}

/* Limits that were met, and waiting for memory: told when it begins and when it is over. */
static void tell_pressure(struct supervisor *s)
{
    const struct cgroup_memory *m = &s->memory;
    struct watch *w = s->watch;
    bool is_pressed = m->pressure_permille >= PRESSED_PERMILLE;
    if (is_pressed && !w->is_pressed) {
        log_warning(
            "the container lacks memory: in %d.%d %% of the last 10 s something waited for it; its limit was met "
            "%" PRId64 " times so far",
            m->pressure_permille / 10, m->pressure_permille % 10, m->limit_hits + m->high_hits);
        recorder_say(s, "memory", NULL, 0, "the container lacks memory: in %d.%d %% of the last 10 s something waited",
                     m->pressure_permille / 10, m->pressure_permille % 10);
    }
    if (!is_pressed && w->is_pressed) {
        log_info("the container does not lack memory any more");
        recorder_say(s, "memory", NULL, 0, "the container does not lack memory any more");
    }
    w->is_pressed = is_pressed;
}

static void look_at_container(struct supervisor *s)
{
    cgroup_read_memory(s->watch->cgroup, &s->memory);
    s->memory.oom_kills -= s->watch->oom_at_start;
    bool is_nearly_full = s->memory.limit_bytes > 0 &&
                          s->memory.used_bytes / 1000 > s->memory.limit_bytes / 1000 * NEARLY_FULL_PERMILLE / 1000;
    if (is_nearly_full && !s->watch->is_nearly_full)
        log_warning("the container's memory is nearly full: %" PRId64 " of %" PRId64 " MB", s->memory.used_bytes >> 20,
                    s->memory.limit_bytes >> 20);
    if (is_nearly_full != s->watch->is_nearly_full)
        recorder_say(s, "memory", NULL, 0,
                     is_nearly_full ? "nearly full: %" PRId64 " of %" PRId64 " MB"
                                    : "not nearly full any more: %" PRId64 " of %" PRId64 " MB",
                     s->memory.used_bytes >> 20, s->memory.limit_bytes >> 20);
    s->watch->is_nearly_full = is_nearly_full;
    tell_pressure(s);
}

/* What everybody uses, now and then. */
static void record_memory(struct supervisor *s, int64_t now)
{
    char text[640];
    const struct child *c;
    if (s->watch->reading_ms && now - s->watch->reading_ms < READING_MS) return;
    s->watch->reading_ms = now;
    int n = snprintf(text, sizeof text, "container %" PRId64 " MB of %" PRId64 ", supervisor %" PRId64 " MB",
                     s->memory.used_bytes >> 20, s->memory.limit_bytes >> 20, s->usage.rss_bytes >> 20);
    CHILDREN_FOREACH(c, s)
        if (c->pid && n > 0 && (size_t)n < sizeof text)
            n += snprintf(text + n, sizeof text - (size_t)n, ", %s %" PRId64 " MB", c->spec.name,
                          (c->usage.pss_bytes ? c->usage.pss_bytes : c->usage.rss_bytes) >> 20);
    recorder_note(s, "reading", NULL, 0, text, NULL);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct supervisor *s = arg;
    struct child *c;
    int64_t now = mono_ms(), passed = now - s->watched_ms;
    (void)fd, (void)what;
    s->watched_ms = now;
    look_at_container(s);
    usage_read_one(getpid(), &s->usage);
    CHILDREN_FOREACH(c, s) look_at_child(s, c, passed);
    strays_sweep(s);
    record_memory(s, now);
    recorder_retry(s);
    status_changed(s);
    if (s->must_trim) trim();
    s->must_trim = false;
}

static void on_essential(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    watch_essential(arg);
}

int watch_open(struct supervisor *s, struct err *err)
{
    struct timeval every = {.tv_sec = WATCH_INTERVAL_MS / 1000}, first = {.tv_usec = 300000};
    struct watch *w = calloc(1, sizeof *w);
    if (!w) return err_set(err, ERR_NOMEM, "no memory for the resource watch");
    s->watch = w;
    if (!cgroup_find("", "memory", w->cgroup, sizeof w->cgroup)) w->cgroup[0] = 0;
    cgroup_read_memory(w->cgroup, &s->memory);
    w->oom_seen = w->oom_at_start = s->memory.oom_kills;
    s->memory.oom_kills = 0;
    if (s->memory.limit_bytes)
        log_info("the container's memory limit is %" PRId64 " MB: a child may use at most three quarters of it",
                 s->memory.limit_bytes >> 20);
    s->watched_ms = mono_ms();
    w->tick = event_new(s->base, -1, EV_PERSIST, on_tick, s);
    w->essential = event_new(s->base, -1, 0, on_essential, s);
    if (!w->tick || !w->essential || event_add(w->tick, &every) != 0 ||
        event_base_once(s->base, -1, EV_TIMEOUT, on_tick, s, &first) != 0)
        return err_set(err, ERR_NOMEM, "no memory for the resource watch");
    return 0;
}

void watch_close(struct supervisor *s)
{
    if (!s->watch) return;
    if (s->watch->tick) event_free(s->watch->tick);
    if (s->watch->essential) event_free(s->watch->essential);
    free(s->watch);
    s->watch = NULL;
}

bool watch_oom_happened(struct supervisor *s)
{
    struct cgroup_memory memory;
    if (!s->watch || !s->watch->cgroup[0]) return false;
    cgroup_read_memory(s->watch->cgroup, &memory);
    bool has_risen = memory.oom_kills > s->watch->oom_seen;
    s->watch->oom_seen = memory.oom_kills;
    s->memory.oom_kills = memory.oom_kills - s->watch->oom_at_start;
    return has_risen;
}

static int64_t essential_timeout_ms(const struct supervisor *s)
{
    return conf_int(s->conf, SET_ESSENTIAL_TIMEOUT) * 1000;
}

/* True when another one of the role does its work. */
static bool is_stood_in_for(const struct supervisor *s, const struct child *essential)
{
    const struct child *c;
    CHILDREN_FOREACH(c, s)
        if (c != essential && strcmp(c->spec.role, essential->spec.role) == 0 && child_is_steady(c)) return true;
    return false;
}

static bool has_to_be_up(const struct child *c)
{
    const struct child_machine *m = &c->machine;
    bool is_done = m->state == CHILD_DONE && m->is_success;
    bool is_asked = m->why == WHY_ASKED && (m->state == CHILD_STOPPING || m->state == CHILD_KILLING ||
                                            m->state == CHILD_LINGERING); /* a restart, which begins with its end */
    if (is_asked) return false;
    return c->spec.is_essential && !c->is_leaving && !c->is_successor && !c->is_held && c->machine.is_wanted &&
           !is_done;
}

static void give_up(struct supervisor *s, const struct child *c, int64_t missing_ms)
{
    const char *last = c->reasons[0][0] ? c->reasons[0] : "none";
    log_critical("%s is essential and could not be kept up for %" PRId64
                 " s (last exit: %s): giving up, exit status %d",
                 c->spec.name, missing_ms / 1000, last, EXIT_INTERNAL);
    events_emit(s, "gave-up", c->spec.name, (int)c->pid, "could not be kept up for %" PRId64 " s, last exit: %s",
                missing_ms / 1000, last);
    supervisor_stop(s, EXIT_INTERNAL, "an essential child is missing");
}

/* When to look at this one again; 0 = when something changes, -1 = now it is too late. */
static int64_t judge(struct supervisor *s, struct child *c, int64_t now)
{
    if (!has_to_be_up(c) || child_is_steady(c) || is_stood_in_for(s, c)) {
        c->missing_ms = now;
        return 0;
    }
    /* One that is ready at this moment may become steady; if it does not, it is judged by the end of its process. */
    if (c->machine.state == CHILD_READY) return c->machine.ready_ms + child_steady_ms(c);
    int64_t due = c->missing_ms + essential_timeout_ms(s);
    return now >= due ? -1 : due;
}

void watch_essential(struct supervisor *s)
{
    struct child *c;
    int64_t now = mono_ms(), next = 0;
    if (s->is_stopping || essential_timeout_ms(s) <= 0) return;
    pulse_slept_since(s, 0);
    CHILDREN_FOREACH(c, s) {
        int64_t due = judge(s, c, now);
        if (due < 0) {
            give_up(s, c, now - c->missing_ms);
            return;
        }
        if (due && (!next || due < next)) next = due;
    }
    if (!next) {
        event_del(s->watch->essential);
        return;
    }
    int64_t left = next > now ? next - now : 1;
    struct timeval tv = {.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000};
    event_add(s->watch->essential, &tv);
}
