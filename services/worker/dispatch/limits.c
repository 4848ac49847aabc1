/* See limits.h. One timer looks at all runners: soon after work was given, then ten times a second while anything runs.
 */
#include "services/worker/dispatch/limits.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "ipc/queue/result.h"
#include "services/tasks/task_table.h"
#include "services/worker/dispatch/dispatch.h"
#include "services/worker/events/events.h"
#include "services/worker/settle/finish.h"
#include "services/worker/settle/handback.h"
#include "services/worker/runners/runners.h"

struct limits {
    struct event *timer;
    struct {
        int64_t soft_ms, hard_ms; /* by remote control; 0 = as configured */
    } rows[TASKS_MAX];
};

#define SOON_MS    4
#define LATER_MS   100
#define STARTED_US 2000
#define STALLED_US 6000
#define OBEY_MS    3000 /* for a task that was asked to stop */

static int64_t limit_ms(const struct worker *w, const struct delivery *d, bool is_hard)
{
    int64_t given = is_hard ? d->m.hard_limit_ms : d->m.soft_limit_ms;
    if (given > 0) return given;
    if (d->row >= 0) given = is_hard ? w->limits->rows[d->row].hard_ms : w->limits->rows[d->row].soft_ms;
    if (given > 0) return given;
    return conf_int(w->conf, is_hard ? SET_TASK_HARD_LIMIT : SET_TASK_SOFT_LIMIT) * 1000;
}

static void tell_started(struct worker *w, int slot, struct delivery *d, int64_t elapsed_us)
{
    struct buf json = {0}, value = {0};
    d->is_started_told = true;
    d->started_wall_us = wall_us() - elapsed_us;
    buf_printf(&value, "{\"pid\": %d, \"hostname\": \"%s\"}", (int)runners_pid(w, slot), w->node);
    struct result_spec spec = {
        .task_id = d->m.id, .group = d->m.group, .parent_id = d->m.parent_id, .status = "STARTED", .value = value.data};
    result_encode(&json, &spec);
    if (!json.failed) finish_state(w, d, json.data, true);
    events_task(w, EVENT_STARTED, d, NULL, NULL, 0);
    buf_free(&json);
    buf_free(&value);
}

/* A long task: what waits behind it, and what the other runners have no room for, others may do. */
static void unload(struct worker *w, int slot, const struct delivery *running, int64_t elapsed_us)
{
    struct delivery *d;
    dispatch_note_long(w, running->row, elapsed_us);
    if (deliveries_sent_count(w, slot) > 1) runners_take_back(w, slot);
    dispatch_ready(w);
    while ((d = TAILQ_FIRST(deliveries_in(w, DELIVERY_READY))) && !d->is_suspect)
        handback_return(w, d, "it would wait behind a long task");
}

static void enforce(struct worker *w, int slot, struct delivery *d, int64_t elapsed_us)
{
    int64_t soft = limit_ms(w, d, false), hard = limit_ms(w, d, true), elapsed = elapsed_us / 1000;
    if (hard > 0 && elapsed >= hard) {
        if (runners_killed_for(w, slot) == CANCEL_NONE)
            log_error("task %s[%s] ran into its time limit (%lld ms): runner %d is killed", d->m.task, d->m.id,
                      (long long)hard, (int)runners_pid(w, slot));
        d->limit_ms = hard;
        runners_kill(w, slot, CANCEL_HARD_LIMIT);
    } else if (d->cancel != CANCEL_NONE && d->cancel != CANCEL_SOFT_LIMIT && mono_ms() - d->cancelled_ms >= OBEY_MS) {
        if (runners_killed_for(w, slot) == CANCEL_NONE)
            log_warning("task %s[%s] does not stop: runner %d is killed", d->m.task, d->m.id,
                        (int)runners_pid(w, slot));
        runners_kill(w, slot, d->cancel);
    } else if (soft > 0 && elapsed >= soft && d->cancel == CANCEL_NONE) {
        log_warning("task %s[%s] ran into its soft time limit (%lld ms): it is asked to stop", d->m.task, d->m.id,
                    (long long)soft);
        runners_cancel(w, d, CANCEL_SOFT_LIMIT);
    }
}

/* How soon to look again, for one runner; 0 = no need. */
static int64_t look_at(struct worker *w, int slot, int64_t now_us)
{
    struct delivery *d = runners_running(w, slot);
    int64_t next_ms = deliveries_sent_count(w, slot) > 0 ? LATER_MS : 0;
    if (!d) return next_ms;
    int64_t elapsed = now_us - runners_started_us(w, slot);
    if (!d->is_started_told && elapsed >= STARTED_US) tell_started(w, slot, d, elapsed);
    if (!d->is_started_told) next_ms = SOON_MS;
    bool has_more = deliveries_sent_count(w, slot) > 1;
    if (elapsed >= STALLED_US && (has_more || deliveries_count(w, DELIVERY_READY) > 0))
        unload(w, slot, d, elapsed);
    else if (elapsed < STALLED_US && has_more)
        next_ms = SOON_MS;
    enforce(w, slot, d, elapsed);
    return next_ms;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *w = arg;
    int64_t now = mono_us(), next_ms = 0;
    for (int i = 0; i < RUNNERS_MAX; i++) {
        int64_t ms = runners_pid(w, i) ? look_at(w, i, now) : 0;
        if (ms > 0 && (next_ms == 0 || ms < next_ms)) next_ms = ms;
    }
    if (next_ms > 0) {
        struct timeval tv = {.tv_usec = next_ms * 1000};
        evtimer_add(w->limits->timer, &tv);
    }
}

void limits_set(struct worker *w, int row, int64_t soft_ms, int64_t hard_ms)
{
    w->limits->rows[row].soft_ms = soft_ms;
    w->limits->rows[row].hard_ms = hard_ms;
}

void limits_of(const struct worker *w, int row, int64_t *soft_ms, int64_t *hard_ms)
{
    *soft_ms = w->limits->rows[row].soft_ms;
    *hard_ms = w->limits->rows[row].hard_ms;
}

void limits_watch(struct worker *w)
{
    struct timeval tv = {.tv_usec = SOON_MS * 1000};
    struct timeval due, now;
    if (evtimer_pending(w->limits->timer, &due)) {
        event_base_gettimeofday_cached(w->base, &now);
        evutil_timersub(&due, &now, &due);
        if (due.tv_sec == 0 && due.tv_usec <= tv.tv_usec) return;
    }
    evtimer_add(w->limits->timer, &tv);
}

int limits_open(struct worker *w, struct err *err)
{
    struct limits *l = w->limits = calloc(1, sizeof *l);
    if (l) l->timer = evtimer_new(w->base, on_tick, w);
    if (!l || !l->timer) return err_set(err, ERR_NOMEM, "no memory for a timer");
    dispatch_on_given(w, limits_watch);
    return 0;
}

void limits_close(struct worker *w)
{
    struct limits *l = w->limits;
    if (!l) return;
    if (l->timer) event_free(l->timer);
    free(l);
    w->limits = NULL;
}
