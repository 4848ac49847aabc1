/* See dispatch.h. How long a task takes is learnt from those before it, for each row of the task table and for all, by
 * a smoothed mean that follows a much longer one at once. The window is as much expected work as a runner does while
 * the worker's loop turns once or twice (3 ms): more would wait behind a task that turns out to be long, less would
 * leave the runner idle. */
#include "services/worker/dispatch/dispatch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "services/tasks/task_table.h"
#include "services/worker/events/events.h"
#include "services/worker/settle/finish.h"
#include "services/worker/settle/handback.h"
#include "services/worker/settle/outcome.h"
#include "services/worker/runners/runners.h"

#define SHORT_US         2000
#define WINDOW_MAX       128      /* tasks given to a runner ahead, when they are short */
#define WINDOW_US        3000     /* as much expected work as is given ahead */
#define NEAR_US          250000   /* a turn this near is waited for here */
#define FAR_US           30000000 /* a turn that is further away is asked for again after this */
#define SUSPECT_WAIT_MS  10000
#define SUSPECT_AGAIN_MS 15000

struct task_pace {
    int64_t typical_us;               /* run time, smoothed; 0 = unknown */
    int64_t interval_us;              /* between two starts; 0 = no limit */
    int64_t next_start_us, booked_us; /* when the next may start; the last turn that was given away */
    int64_t total;
};

struct dispatch {
    struct task_pace rows[TASKS_MAX];
    int64_t typical_us;
    struct event *turn;       /* a task that is limited in its rate may start */
    int64_t suspect_since_ms; /* one waits to be alone; 0 = none */
    bool has_suspect;         /* one runs */
    bool is_mark_asked;
    struct buf scratch;
    void (*on_given)(struct worker *w);
};

/* ---- giving ---- */
static int64_t expected_us(const struct worker *w, const struct delivery *d)
{
    int64_t typical = d->row >= 0 ? w->dispatch->rows[d->row].typical_us : 0;
    return typical > 0 ? typical : WINDOW_US;
}

static void give(struct worker *w, int slot, struct delivery *d)
{
    struct buf *scratch = &w->dispatch->scratch;
    d->expected_us = expected_us(w, d);
    d->seq = runners_next_seq(w, slot);
    d->is_started_told = false;
    delivery_send(w, d, slot);
    struct wire frame = {.type = WIRE_RUN,
                         .seq = d->seq,
                         .status = (int32_t)d->m.packing,
                         .retries = d->m.retries,
                         .deliveries = d->deliveries};
    frame.text[RUN_ID] = d->m.id;
    frame.text[RUN_NAME] = d->m.task;
    frame.text[RUN_QUEUE] = d->queue;
    frame.text[RUN_ROOT] = d->m.root_id ? d->m.root_id : d->m.id;
    frame.text[RUN_BODY] = d->m.body;
    frame.len[RUN_BODY] = (uint32_t)d->m.body_len;
    frame.text[RUN_GROUP] = d->m.group;
    frame.text[RUN_PARENT] = d->m.parent_id;
    struct buf canvas = {0};
    message_canvas(&d->m, &canvas);
    frame.text[RUN_CANVAS] = canvas.data;
    buf_reset(scratch);
    if (canvas.failed || !wire_put(scratch, &frame)) {
        log_critical("no memory to give a task to its runner");
        abort(); /* the supervisor replaces this worker, and the successor takes what it holds */
    }
    buf_free(&canvas);
    runners_give(w, slot, d->seq, scratch->data, scratch->len);
    if (scratch->cap > (1 << 20)) buf_free(scratch);
    if (d->row >= 0) w->dispatch->rows[d->row].total++;
}

static bool has_room(const struct worker *w, int slot, int64_t expected)
{
    int count = deliveries_sent_count(w, slot);
    if (!runners_is_open(w, slot)) return false;
    if (count == 0) return true;
    return expected < SHORT_US && deliveries_sent_us(w, slot) + expected <= WINDOW_US && count < WINDOW_MAX;
}

/* The slot with the least work that has room, or -1. */
static int choose(const struct worker *w, const struct delivery *d)
{
    int64_t expected = expected_us(w, d);
    int best = -1;
    for (int i = 0; i < runners_size(w); i++)
        if (has_room(w, i, expected) && (best < 0 || deliveries_sent_us(w, i) < deliveries_sent_us(w, best))) best = i;
    return best;
}

/* ---- rates ---- */
static void turn_in(struct worker *w, int64_t us)
{
    struct timeval tv = {.tv_sec = us / 1000000, .tv_usec = us % 1000000};
    if (!evtimer_pending(w->dispatch->turn, NULL)) evtimer_add(w->dispatch->turn, &tv);
}

/* The first that is held up waits here when its turn is near; the others book turns and wait for them in Redis, so that
 * they are in nobody's way. */
static bool is_held_up(struct worker *w, struct delivery *d, int64_t now_us, bool *has_next)
{
    struct task_pace *row = d->row >= 0 ? &w->dispatch->rows[d->row] : NULL;
    if (!row || row->interval_us == 0) return false;
    int64_t wait = row->next_start_us - now_us;
    if (wait <= 0) {
        row->next_start_us = now_us + row->interval_us;
        return false;
    }
    if (wait <= NEAR_US && !*has_next) {
        *has_next = true;
        turn_in(w, wait);
        return true;
    }
    if (row->booked_us < row->next_start_us) row->booked_us = row->next_start_us;
    row->booked_us += row->interval_us;
    wait = row->booked_us - now_us;
    handback_later(w, d, (wait > FAR_US ? FAR_US : wait) / 1000 + 1, "limited in its rate");
    return true;
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    deliveries_changed(arg);
}

void dispatch_set_rate(struct worker *w, int row, double per_second)
{
    struct task_pace *r = &w->dispatch->rows[row];
    r->interval_us = per_second > 0 ? (int64_t)fmin(1e6 / per_second, 1e15) : 0;
    r->next_start_us = r->booked_us = 0;
    deliveries_changed(w);
}

/* ---- suspects ---- */
static struct delivery *suspect_in(struct delivery_list *list)
{
    struct delivery *d;
    TAILQ_FOREACH(d, list, link)
        if (d->is_suspect) return d;
    return NULL;
}

static bool is_suspect_running(struct worker *w)
{
    for (int i = 0; i < RUNNERS_MAX; i++)
        if (suspect_in(deliveries_sent(w, i))) return true;
    return false;
}

static void return_all_but(struct worker *w, const struct delivery *suspect)
{
    for (struct delivery *d = TAILQ_FIRST(deliveries_in(w, DELIVERY_READY)), *next; d; d = next) {
        next = TAILQ_NEXT(d, link);
        if (d != suspect) handback_return(w, d, "a suspect runs alone");
    }
}

/* True when there is a suspect: then nothing else is given. It waits until nothing runs, and until Redis knows that it
 * runs alone; when that takes too long, it comes again later. */
static bool feed_suspect(struct worker *w)
{
    struct dispatch *p = w->dispatch;
    struct delivery *d = suspect_in(deliveries_in(w, DELIVERY_READY));
    p->has_suspect = is_suspect_running(w);
    if (p->has_suspect || !d) {
        p->suspect_since_ms = 0;
        if (p->has_suspect) return_all_but(w, NULL);
        return p->has_suspect;
    }
    int64_t now = mono_ms();
    if (p->suspect_since_ms == 0) {
        p->suspect_since_ms = now;
        p->is_mark_asked = false;
        log_warning("task %s[%s] was there each time when a worker died: delivery %d of at most %d runs alone",
                    d->m.task, d->m.id, d->deliveries, (int)conf_int(w->conf, SET_TASK_MAX_DELIVERIES));
    }
    for (int i = 0; i < RUNNERS_MAX; i++) runners_take_back(w, i);
    return_all_but(w, d);
    int slot = choose(w, d);
    if (deliveries_count(w, DELIVERY_SENT) > 0 || slot < 0) {
        turn_in(w, 500000);
        if (now - p->suspect_since_ms <= SUSPECT_WAIT_MS) return true;
        log_warning("task %s[%s] cannot run alone now, other tasks run: it waits", d->m.task, d->m.id);
        p->suspect_since_ms = 0;
        handback_later(w, d, SUSPECT_AGAIN_MS, "cannot run alone now");
    } else if (d->is_marked_alone) {
        p->suspect_since_ms = 0;
        p->has_suspect = true;
        give(w, slot, d);
    } else if (!p->is_mark_asked) {
        p->is_mark_asked = true;
        finish_mark_alone(w, d);
        turn_in(w, 500000);
    } else if (now - p->suspect_since_ms > 2000) {
        p->suspect_since_ms = 0; /* ask again */
        turn_in(w, 500000);
    } else {
        turn_in(w, 500000);
    }
    return true;
}

void dispatch_ready(struct worker *w)
{
    bool has_given = false, has_next = false;
    int64_t now_us = mono_us();
    if (w->is_stopping) return;
    if (!feed_suspect(w)) {
        for (struct delivery *d = TAILQ_FIRST(deliveries_in(w, DELIVERY_READY)), *next; d; d = next) {
            next = TAILQ_NEXT(d, link);
            int slot = choose(w, d);
            if (slot < 0) break;
            if (is_held_up(w, d, now_us, &has_next)) continue;
            give(w, slot, d);
            has_given = true;
        }
    } else {
        has_given = deliveries_count(w, DELIVERY_SENT) > 0;
    }
    if (has_given) runners_send(w);
    if (has_given && w->dispatch->on_given) w->dispatch->on_given(w);
}

int dispatch_want(const struct worker *w)
{
    int open = runners_open_count(w);
    int64_t typical = w->dispatch->typical_us;
    if (w->dispatch->suspect_since_ms > 0 || w->dispatch->has_suspect) return 0;
    if (typical <= 0 || typical >= SHORT_US) return open;
    int64_t ahead = 2 * WINDOW_US / typical;
    return open * (int)(ahead < 1 ? 1 : ahead > WINDOW_MAX ? WINDOW_MAX : ahead);
}

/* ---- taking ---- */
static void smooth(int64_t *typical, int64_t took_us)
{
    if (took_us < 1) took_us = 1;
    *typical = *typical == 0 || took_us > *typical * 16 ? took_us : (*typical * 7 + took_us) / 8;
}

void dispatch_note_long(struct worker *w, int row, int64_t elapsed_us)
{
    struct dispatch *p = w->dispatch;
    if (p->typical_us < elapsed_us) p->typical_us = elapsed_us;
    if (row >= 0 && p->rows[row].typical_us < elapsed_us) p->rows[row].typical_us = elapsed_us;
}

double dispatch_rate(const struct worker *w, int row)
{
    int64_t interval = w->dispatch->rows[row].interval_us;
    return interval > 0 ? 1e6 / (double)interval : 0;
}

int64_t dispatch_total(const struct worker *w, int row)
{
    return w->dispatch->rows[row].total;
}

static struct delivery *sent_by_seq(struct worker *w, int slot, uint32_t seq)
{
    struct delivery *d;
    TAILQ_FOREACH(d, deliveries_sent(w, slot), link)
        if (d->seq == seq) return d;
    return NULL;
}

static void take_done(struct worker *w, int slot, struct delivery *d, const struct wire *frame)
{
    int64_t took_us = frame->status == RAN_RETRY ? 1000 : frame->run_us;
    smooth(&w->dispatch->typical_us, took_us);
    if (d->row >= 0) smooth(&w->dispatch->rows[d->row].typical_us, took_us);
    if (!d->is_started_told) events_task(w, EVENT_STARTED, d, NULL, NULL, 0);
    if (d->cancel == CANCEL_LOST)
        handback_forget(w, d);
    else if (frame->status == RAN_CANCELLED)
        handback_cancelled(w, d, frame->text[DONE_ERROR] ? frame->text[DONE_ERROR] : "");
    else
        outcome_ran(w, d, frame);
    runners_task_done(w, slot, (int64_t)frame->flags << 20);
}

static void on_frame(struct worker *w, int slot, const struct wire *frame)
{
    struct delivery *d = sent_by_seq(w, slot, frame->seq);
    if (!d) return;
    if (frame->type == WIRE_DONE) {
        take_done(w, slot, d, frame);
        return;
    }
    if (d->cancel == CANCEL_LOST) return;
    if (frame->type == WIRE_PROGRESS && frame->text[0])
        finish_state(w, d, frame->text[0], false);
    else if ((frame->type == WIRE_SEND || frame->type == WIRE_SET) && frame->text[SEND_LIST] &&
             frame->text[SEND_MESSAGE])
        finish_send(w, d, frame->type == WIRE_SET, frame->text[SEND_LIST], frame->text[SEND_MESSAGE],
                    frame->len[SEND_MESSAGE]);
}

int dispatch_open(struct worker *w, struct err *err)
{
    struct dispatch *p = w->dispatch = calloc(1, sizeof *p);
    if (p) p->turn = evtimer_new(w->base, on_turn, w);
    if (!p || !p->turn) return err_set(err, ERR_NOMEM, "no memory for a timer");
    runners_on_frame(w, on_frame);
    runners_on_death(w, handback_died);
    return 0;
}

void dispatch_on_given(struct worker *w, void (*fn)(struct worker *w))
{
    w->dispatch->on_given = fn;
}

void dispatch_close(struct worker *w)
{
    struct dispatch *p = w->dispatch;
    if (!p) return;
    if (p->turn) event_free(p->turn);
    buf_free(&p->scratch);
    free(p);
    w->dispatch = NULL;
}
