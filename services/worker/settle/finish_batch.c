/* Batches of outcomes and follow-ups: gathered, sent to Redis, sent again as they were when an answer is lost, and
 * taken apart when Redis refuses one of them. */
#include "services/worker/settle/finish_internal.h"

#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "services/worker/events/events.h"
#include "services/worker/events/history.h"

#define BATCH_BYTES  (8u << 20)
#define RETRY_MAX_MS 10000
#define RENEW_MS     3600000 /* finish.lua keeps the slots for a day */

void finish_complain(struct complaint *c, const char *what, const char *why)
{
    if (complaint_is_due(c, why)) log_error("%s: %s", what, why);
}

static void try_later(struct worker *w)
{
    struct finish *f = w->finish;
    struct timeval tv = {.tv_sec = f->retry_ms / 1000, .tv_usec = f->retry_ms % 1000 * 1000};
    if (evtimer_pending(f->retry, NULL)) return;
    evtimer_add(f->retry, &tv);
    f->retry_ms = f->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : f->retry_ms * 2;
}

static void doubt(struct worker *w)
{
    w->finish->is_held_up = true;
    if (w->finish->on_doubt) w->finish->on_doubt(w);
}

static void add_item(struct worker *w, struct script_call *c, const struct item *item)
{
    if (item->send)
        finish_call_send(c, item->send->tag, item->send->is_value, item->send->list, item->send->raw, item->send->len);
    else
        finish_call_outcome(w, c, item->d);
}

/* ---- what becomes of an item ---- */
void finish_send_free(struct send *s)
{
    free(s->raw);
    free(s);
}

static void outcome_written(struct worker *w, struct delivery *d)
{
    events_count_done(w);
    if (d->outcome.end != TASK_ENDS)
        task_counts_add(w->counts, d->def ? d->def->name : NULL, d->outcome.end, d->outcome.run_us);
    history_ended(w, d);
    delivery_free(w, d);
}

static void send_answered(struct worker *w, struct send *s, char digit, bool is_lost)
{
    if (digit == '1' || is_lost || !s->d) {
        if (s->d) s->d->unsent--;
        finish_send_free(s);
        return;
    }
    if (digit == '0') s->d->is_doubtful = true;
    TAILQ_INSERT_TAIL(&w->finish->sends, s, link);
}

static void outcome_answered(struct worker *w, struct delivery *d, char digit, bool is_lost)
{
    if (digit == '1' || digit == '2') {
        outcome_written(w, d);
    } else if (is_lost || d->cancel == CANCEL_LOST) {
        log_info("the outcome of task %s[%s] is not told: another worker has the message", d->m.task, d->m.id);
        delivery_free(w, d);
    } else {
        d->is_doubtful = digit == '0';
        d->is_alone = digit == '3';
        delivery_set_state(w, d, DELIVERY_OVER, digit == '0' ? "Redis does not know it" : "refused");
    }
}

/* What was wrong may be over: all that were refused are tried again, together. */
static void trust_again(struct worker *w)
{
    struct delivery *d;
    w->finish->retry_ms = RETRY_MS;
    w->finish->is_tried_alone = false;
    TAILQ_FOREACH(d, deliveries_in(w, DELIVERY_OVER), link) d->is_alone = false;
}

static void take_answers(struct worker *w, struct batch *b, const char *digits)
{
    bool is_doubtful = false, is_refused = false;
    for (size_t i = 0; i < b->count; i++) {
        struct item *item = &b->items[i];
        is_doubtful = is_doubtful || digits[i] == '0';
        is_refused = is_refused || digits[i] == '3';
        if (item->send)
            send_answered(w, item->send, digits[i], b->is_lost);
        else
            outcome_answered(w, item->d, digits[i], b->is_lost);
    }
    bool is_lost = b->is_lost;
    w->finish->slots[b->slot] = NULL;
    free(b);
    if (is_refused)
        try_later(w);
    else
        trust_again(w);
    if (is_doubtful && !is_lost) doubt(w);
}

void finish_take_apart(struct worker *w, struct batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        if (b->items[i].d) b->items[i].d->is_alone = true;
    char refused[BATCH_MAX];
    memset(refused, '3', sizeof refused);
    take_answers(w, b, refused);
}

static void on_batch(void *arg, const struct redis_answer *answer)
{
    struct batch *b = arg;
    struct worker *w = b->worker;
    struct finish *f = w->finish;
    const redisReply *reply = answer->reply;
    if (!f) return;
    b->is_under_way = false;
    if (answer->fault == REDIS_LOST || answer->fault == REDIS_LATE || answer->fault == REDIS_CLOSED) return;
    if (answer->fault == REDIS_FINE && finish_call_is_answer(reply, b->count)) {
        if (reply->element[1]->len > 0)
            finish_complain(&f->not_heard,
                            "results are stored, but whoever waits is not told (check the user's channels)",
                            reply->element[1]->str);
        if (strchr(reply->element[0]->str, '2'))
            finish_complain(&f->not_kept, "a task is done, and its result could not be stored", reply->element[2]->str);
        else if (reply->element[2]->len > 0)
            finish_complain(&f->not_done, "an outcome cannot be written, will be tried again", reply->element[2]->str);
        if (b->renews) f->renewed_ms = mono_ms();
        take_answers(w, b, reply->element[0]->str);
    } else if (answer->fault == REDIS_FINE) {
        if (b->is_lost) finish_take_apart(w, b);
        doubt(w); /* the epoch is over */
    } else {
        finish_complain(&f->not_done, "results cannot be stored, will be tried again", answer->text);
        if (redis_fault_is_passing(answer->fault))
            try_later(w);
        else
            finish_take_apart(w, b);
    }
    if (deliveries_count(w, DELIVERY_OVER) > 0 || !TAILQ_EMPTY(&f->sends)) event_active(f->flush, EV_TIMEOUT, 0);
    deliveries_changed(w);
}

/* ---- making them ---- */
void finish_write(struct worker *w, struct batch *b)
{
    static const char *const marks[2][2] = {{"", "t"}, {"l", "lt"}};
    struct script_call c = {0};
    b->renews = w->finish->renewed_ms == 0 || mono_ms() - w->finish->renewed_ms >= RENEW_MS;
    finish_call_begin(w, &c, b->slot, b->name, marks[b->was_sent][b->renews]);
    for (size_t i = 0; i < b->count; i++) add_item(w, &c, &b->items[i]);
    b->is_under_way = script_call_run(&c, w->redis, "finish", on_batch, b) == 0;
    b->was_sent = b->was_sent || b->is_under_way;
    if (!b->is_under_way) try_later(w);
}

static void gather_sends(struct finish *f, struct batch *b, size_t *bytes)
{
    for (struct send *s = TAILQ_FIRST(&f->sends), *next; s && b->count < BATCH_MAX && *bytes < BATCH_BYTES; s = next) {
        next = TAILQ_NEXT(s, link);
        if (s->d && s->d->is_doubtful) continue;
        TAILQ_REMOVE(&f->sends, s, link);
        b->items[b->count++] = (struct item){.send = s};
        *bytes += s->len;
    }
}

/* What may be told: its follow-ups are in Redis, and nothing is doubtful. */
static void gather(struct worker *w, struct batch *b)
{
    struct finish *f = w->finish;
    size_t bytes = 0;
    gather_sends(f, b, &bytes);
    struct delivery *d = TAILQ_FIRST(deliveries_in(w, DELIVERY_OVER)), *next;
    for (; d && b->count < BATCH_MAX && bytes < BATCH_BYTES; d = next) {
        next = TAILQ_NEXT(d, link);
        if (d->unsent > 0 || d->is_doubtful || (d->is_alone && (b->count > 0 || f->is_tried_alone))) continue;
        delivery_set_state(w, d, DELIVERY_ENDING, "to Redis");
        b->items[b->count++] = (struct item){.d = d};
        bytes += finish_call_size(d);
        if (!d->is_alone) continue;
        f->is_tried_alone = true;
        break;
    }
}

void finish_on_flush(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *w = arg;
    struct finish *f = w->finish;
    for (int i = 0; i < SLOTS && !f->is_held_up && redis_is_up(w->redis); i++) {
        if (f->slots[i]) continue;
        if (deliveries_count(w, DELIVERY_OVER) == 0 && TAILQ_EMPTY(&f->sends)) return;
        struct batch *b = calloc(1, sizeof *b);
        if (!b) {
            try_later(w);
            return;
        }
        b->worker = w;
        b->slot = i;
        snprintf(b->name, sizeof b->name, "%s.%lld", f->nonce, (long long)++f->batches);
        gather(w, b);
        if (b->count == 0) {
            free(b);
            return;
        }
        f->slots[i] = b;
        finish_write(w, b);
    }
}

void finish_on_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *w = arg;
    struct finish *f = w->finish;
    f->is_tried_alone = false;
    for (int i = 0; i < SLOTS && !f->is_held_up && redis_is_up(w->redis); i++)
        if (f->slots[i] && !f->slots[i]->is_under_way) finish_write(w, f->slots[i]);
    event_active(f->flush, EV_TIMEOUT, 0);
}
