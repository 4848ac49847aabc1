/* Tasks to runners, and what comes back. A runner gets one task at a time while tasks are long or unknown; tasks that
 * are known to be short go in windows, so that neither side waits for the other. */
#include "services/worker/worker_internal.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "conf/clock.h"
#include "conf/log.h"

#define SHORT_US 2000

/* ---- giving ---- */
static void give(struct worker *w, struct runner *r, struct held *h)
{
    int row = worker_row(h);
    h->expected_us = row >= 0 && w->typical_per_row[row] > 0 ? w->typical_per_row[row] : WINDOW_US;
    h->runner = r;
    h->seq = r->next_seq++;
    h->is_started_told = false;
    held_move(w, h, HELD_SENT);
    struct wire frame = {.type = WIRE_RUN, .seq = h->seq, .retries = h->m.retries, .deliveries = h->deliveries};
    frame.text[RUN_ID] = h->m.id;
    frame.text[RUN_NAME] = h->m.task;
    frame.text[RUN_QUEUE] = h->queue;
    frame.text[RUN_ROOT] = h->m.root_id ? h->m.root_id : h->m.id;
    frame.text[RUN_BODY] = h->m.body;
    frame.len[RUN_BODY] = (uint32_t)h->m.body_len;
    frame.text[RUN_GROUP] = h->m.group;
    frame.text[RUN_PARENT] = h->m.parent_id;
    buf_reset(&w->scratch);
    if (!wire_put(&w->scratch, &frame)) {
        log_critical("no memory to give a task to its runner");
        abort(); /* the supervisor replaces us, and the successor takes what we hold */
    }
    atomic_store(&r->shared->has_listeners, w->has_listeners);
    uint64_t word = atomic_load(&r->shared->word);
    while (!atomic_compare_exchange_weak(&r->shared->word, &word, (uint64_t)h->seq << 32 | (uint32_t)word)) continue;
    bufferevent_write(r->bev, w->scratch.data, w->scratch.len);
    if (row >= 0) w->total_per_name[row]++;
}

static bool has_room(const struct runner *r, int64_t expected_us)
{
    if (!r->pid || r->is_retiring || r->killed) return false;
    if (r->sent_count == 0) return true;
    return expected_us < SHORT_US && r->sent_us + expected_us <= WINDOW_US && r->sent_count < WINDOW_MAX;
}

static struct runner *choose(struct worker *w, const struct held *h)
{
    int row = worker_row(h);
    int64_t expected = row >= 0 && w->typical_per_row[row] > 0 ? w->typical_per_row[row] : WINDOW_US;
    struct runner *best = NULL;
    for (int i = 0; i < w->pool.size; i++) {
        struct runner *r = &w->pool.runners[i];
        if (has_room(r, expected) && (!best || r->sent_us < best->sent_us)) best = r;
    }
    return best;
}

static bool is_held_up(struct worker *w, const struct held *h, int64_t now_us)
{
    int row = worker_row(h);
    if (row < 0 || w->rate_per_name[row] == 0) return false;
    if (now_us < w->next_start_us[row]) return true;
    w->next_start_us[row] = now_us + w->rate_per_name[row];
    return false;
}

void runners_feed(struct worker *w)
{
    struct held *h, *next;
    bool given = false;
    int64_t now_us = mono_us();
    if (w->is_stopping) return;
    for (h = TAILQ_FIRST(&w->ready); h; h = next) {
        next = TAILQ_NEXT(h, link);
        struct runner *r = choose(w, h);
        if (!r) break;
        if (is_held_up(w, h, now_us)) continue;
        give(w, r, h);
        given = true;
    }
    if (given) limits_watch(w);
}

int runners_want(struct worker *w)
{
    int alive = 0;
    for (int i = 0; i < w->pool.size; i++) {
        const struct runner *r = &w->pool.runners[i];
        if (r->pid && !r->is_retiring && !r->killed) alive++;
    }
    if (w->typical_us <= 0 || w->typical_us >= SHORT_US) return alive;
    int64_t ahead = 2 * WINDOW_US / w->typical_us;
    return alive * (int)(ahead < 1 ? 1 : ahead > WINDOW_MAX ? WINDOW_MAX : ahead);
}

/* ---- taking ---- */
static void smooth(int64_t *typical, int64_t took_us)
{
    if (took_us < 1) took_us = 1;
    *typical = *typical == 0 || took_us > *typical * 16 ? took_us : (*typical * 7 + took_us) / 8;
}

static struct held *sent_by_seq(struct runner *r, uint32_t seq)
{
    for (struct held *h = TAILQ_FIRST(&r->sent); h; h = TAILQ_NEXT(h, link))
        if (h->seq == seq) return h;
    return NULL;
}

static void take_done(struct runner *r, const struct wire *frame)
{
    struct worker *w = r->worker;
    struct held *h = sent_by_seq(r, frame->seq);
    if (!h) return;
    int row = worker_row(h);
    int64_t took_us = frame->status == RAN_RETRY ? 1000 : frame->run_us;
    int64_t max_tasks = conf_int(w->conf, SET_RUNNER_MAX_TASKS), max_bytes = conf_int(w->conf, SET_RUNNER_MAX_BYTES);
    smooth(&w->typical_us, took_us);
    if (row >= 0) smooth(&w->typical_per_row[row], took_us);
    r->tasks_done++;
    if (!h->is_started_told) events_task(w, EVENT_STARTED, h, NULL, NULL, 0);
    outcome_done(w, h, frame);
    if ((max_tasks > 0 && r->tasks_done >= max_tasks) || (max_bytes > 0 && (int64_t)frame->flags << 20 > max_bytes)) {
        if (!r->is_retiring)
            log_debug("runner %d retires after %lld tasks, %d MiB", (int)r->pid, (long long)r->tasks_done,
                      frame->flags);
        r->is_retiring = true;
        runners_take_back(w, r);
    }
    if (r->is_retiring && r->sent_count == 0) runners_retire(r);
}

void runners_read_ring(struct runner *r)
{
    struct wire frame;
    struct buf bytes = {0};
    atomic_store(&r->shared->is_rung, false); /* first: what comes after the last look rings again */
    while (ring_take(r->shared, &bytes))
        if (wire_take(bytes.data, bytes.len, &frame) > 0 && frame.type == WIRE_DONE) take_done(r, &frame);
    buf_free(&bytes);
}

static void take_frame(struct runner *r, const struct wire *frame)
{
    struct held *h;
    if (frame->type == WIRE_DONE || frame->type == WIRE_RING) {
        if (frame->type == WIRE_DONE)
            take_done(r, frame);
        else
            runners_read_ring(r);
        return;
    }
    h = sent_by_seq(r, frame->seq);
    if (!h || h->cancel == CANCEL_LOST) return;
    if (frame->type == WIRE_PROGRESS && frame->text[0])
        finish_state(r->worker, h, frame->text[0], false);
    else if (frame->type == WIRE_SEND && frame->text[SEND_LIST] && frame->text[SEND_MESSAGE])
        finish_send(r->worker, h, frame->text[SEND_LIST], frame->text[SEND_MESSAGE], frame->len[SEND_MESSAGE]);
}

void runners_read(struct runner *r)
{
    struct evbuffer *in = bufferevent_get_input(r->bev);
    char head[4];
    for (;;) {
        ssize_t got = evbuffer_copyout(in, head, sizeof head);
        int64_t size = wire_size(head, got > 0 ? (size_t)got : 0);
        struct wire frame;
        if (size == 0 || (size > 0 && evbuffer_get_length(in) < (size_t)size)) break;
        const char *bytes = size > 0 ? (const char *)evbuffer_pullup(in, size) : NULL;
        if (!bytes || wire_take(bytes, (size_t)size, &frame) <= 0) {
            log_error("runner %d writes nonsense: it is replaced", (int)r->pid);
            kill(r->pid, SIGKILL);
            evbuffer_drain(in, evbuffer_get_length(in));
            break;
        }
        take_frame(r, &frame);
        evbuffer_drain(in, (size_t)size);
    }
}
