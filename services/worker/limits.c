/* Time and the running tasks: who has started is told (STARTED), work that waits behind a long task is taken back, soft
 * and hard time limits are enforced, and what was asked to stop and does not is killed. One timer looks at all runners:
 * soon after work was given, then ten times a second while anything runs. */
#include "services/worker/worker_internal.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "ipc/result.h"

#define SOON_MS    4
#define LATER_MS   100
#define STARTED_US 2000
#define STALLED_US 6000
#define OBEY_MS    3000 /* for a task that was asked to stop */

static int64_t limit_ms(const struct worker *w, const struct held *h, bool is_hard)
{
    int64_t given = is_hard ? h->m.hard_limit_ms : h->m.soft_limit_ms;
    int own_s = h->def ? (is_hard ? h->def->hard_limit_s : h->def->soft_limit_s) : 0;
    if (given > 0) return given;
    if (own_s > 0) return (int64_t)own_s * 1000;
    return conf_int(w->conf, is_hard ? SET_TASK_HARD_LIMIT : SET_TASK_SOFT_LIMIT) * 1000;
}

static void tell_started(struct worker *w, struct runner *r, struct held *h, int64_t elapsed_us)
{
    struct buf json = {0}, value = {0};
    h->is_started_told = true;
    h->started_wall_us = wall_us() - elapsed_us;
    buf_printf(&value, "{\"pid\": %d, \"hostname\": \"%s\"}", (int)r->pid, w->node);
    struct result_spec spec = {
        .task_id = h->m.id, .group = h->m.group, .parent_id = h->m.parent_id, .status = "STARTED", .value = value.data};
    result_encode(&json, &spec);
    if (!json.failed) finish_state(w, h, json.data, true);
    events_task(w, EVENT_STARTED, h, NULL, NULL, 0);
    buf_free(&json);
    buf_free(&value);
}

/* A long task: what waits behind it, and what the other runners have no room for, others may do. */
static void unload(struct worker *w, struct runner *r, int64_t elapsed_us)
{
    struct held *give[BATCH_MAX], *h;
    size_t count = 0;
    if (w->typical_us < elapsed_us) w->typical_us = elapsed_us;
    h = runners_running(r);
    int row = h ? worker_row(h) : -1;
    if (row >= 0 && w->typical_per_row[row] < elapsed_us) w->typical_per_row[row] = elapsed_us;
    if (r->sent_count > 1) runners_take_back(w, r);
    runners_feed(w);
    if (w->ready_count == 0) return;
    /* The first ones stay nearest to their turn: give the last ones away first. */
    TAILQ_FOREACH_REVERSE(h, &w->ready, held_list, link)
    if (count < BATCH_MAX) give[count++] = h;
    standing_hand_back(w, give, count, false);
}

static void enforce(struct worker *w, struct runner *r, struct held *h, int64_t elapsed_us)
{
    int64_t soft = limit_ms(w, h, false), hard = limit_ms(w, h, true), elapsed = elapsed_us / 1000;
    if (hard > 0 && elapsed >= hard) {
        if (r->killed == CANCEL_NONE)
            log_error("task %s[%s] ran into its time limit (%lld ms): runner %d is killed", h->m.task, h->m.id,
                      (long long)hard, (int)r->pid);
        runners_kill(r, CANCEL_HARD_LIMIT);
    } else if (h->cancel != CANCEL_NONE && h->cancel != CANCEL_SOFT_LIMIT && mono_ms() - h->cancelled_ms >= OBEY_MS) {
        if (r->killed == CANCEL_NONE)
            log_warning("task %s[%s] does not stop: runner %d is killed", h->m.task, h->m.id, (int)r->pid);
        runners_kill(r, h->cancel);
    } else if (soft > 0 && elapsed >= soft && h->cancel == CANCEL_NONE) {
        log_warning("task %s[%s] ran into its soft time limit (%lld ms): it is asked to stop", h->m.task, h->m.id,
                    (long long)soft);
        runners_cancel(w, h, CANCEL_SOFT_LIMIT);
    }
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *w = arg;
    int64_t now = mono_us(), next_ms = 0;
    for (int i = 0; i < RUNNERS_MAX; i++) {
        struct runner *r = &w->pool.runners[i];
        struct held *h = r->pid ? runners_running(r) : NULL;
        if (r->pid && r->sent_count > 0) next_ms = next_ms == SOON_MS ? SOON_MS : LATER_MS;
        if (!h) continue;
        int64_t elapsed = now - atomic_load(&r->shared->started_us);
        if (!h->is_started_told && elapsed >= STARTED_US) tell_started(w, r, h, elapsed);
        if (!h->is_started_told) next_ms = SOON_MS;
        if (elapsed >= STALLED_US && (r->sent_count > 1 || w->ready_count > 0))
            unload(w, r, elapsed);
        else if (elapsed < STALLED_US && r->sent_count > 1)
            next_ms = SOON_MS;
        enforce(w, r, h, elapsed);
    }
    if (next_ms > 0) {
        struct timeval tv = {.tv_usec = next_ms * 1000};
        evtimer_add(w->limits_timer, &tv);
    }
}

void limits_watch(struct worker *w)
{
    struct timeval tv = {.tv_usec = SOON_MS * 1000};
    struct timeval due, now;
    if (evtimer_pending(w->limits_timer, &due)) {
        event_base_gettimeofday_cached(w->base, &now);
        evutil_timersub(&due, &now, &due);
        if (due.tv_sec == 0 && due.tv_usec <= tv.tv_usec) return;
    }
    evtimer_add(w->limits_timer, &tv);
}

int limits_open(struct worker *w, struct err *err)
{
    w->limits_timer = evtimer_new(w->base, on_tick, w);
    return w->limits_timer ? 0 : err_set(err, ERR_NOMEM, "no memory for a timer");
}

void limits_close(struct worker *w)
{
    if (w->limits_timer) event_free(w->limits_timer);
}
