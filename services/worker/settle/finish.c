/* Outcomes and follow-ups to Redis: what others ask for, doubts and epochs. How they get there is finish_batch.c's. */
#include "services/worker/settle/finish_internal.h"

#include <stdlib.h>
#include <string.h>

#include "conf/log.h"

void finish_add(struct worker *w, struct delivery *d)
{
    delivery_set_state(w, d, DELIVERY_OVER, "ended");
    event_active(w->finish->flush, EV_TIMEOUT, 0);
}

static void on_state(void *arg, const struct redis_answer *answer)
{
    struct worker *w = arg;
    if ((answer->fault == REDIS_REFUSED || answer->fault == REDIS_OOM || answer->fault == REDIS_NOAUTH) && w->finish)
        finish_complain(&w->finish->not_done, "a task's state cannot be stored", answer->text);
}

void finish_state(struct worker *w, struct delivery *d, const char *json, bool is_start)
{
    struct script_call c = {0};
    bool is_kept = delivery_keeps_result(d), is_marked = is_start && !d->is_marked_alone;
    if (!redis_is_up(w->redis) || w->finish->is_held_up || (!is_kept && !is_marked)) return;
    finish_call_begin(w, &c, -1, "", "");
    finish_call_state(w, &c, d, is_marked ? "1" : NULL, is_kept ? json : NULL);
    script_call_run(&c, w->redis, "finish", on_state, w);
}

struct alone_mark {
    struct worker *worker;
    char tag[96];
};

static void on_marked(void *arg, const struct redis_answer *answer)
{
    struct alone_mark *m = arg;
    struct worker *w = m->worker;
    const redisReply *reply = answer->reply;
    struct delivery *d = w->deliveries ? delivery_by_tag(w, m->tag) : NULL;
    if (d && answer->fault == REDIS_FINE && finish_call_is_answer(reply, 1) && reply->element[0]->str[0] == '1')
        d->is_marked_alone = true;
    if (w->deliveries) deliveries_changed(w);
    free(m);
}

void finish_mark_alone(struct worker *w, struct delivery *d)
{
    struct script_call c = {0};
    struct alone_mark *m = calloc(1, sizeof *m);
    if (!m) return;
    m->worker = w;
    memcpy(m->tag, d->tag, sizeof m->tag);
    finish_call_begin(w, &c, -1, "", "");
    finish_call_state(w, &c, d, "2", NULL);
    if (script_call_run(&c, w->redis, "finish", on_marked, m) != 0) free(m);
}

void finish_send(struct worker *w, struct delivery *d, bool is_value, const char *list, const char *raw, size_t len)
{
    struct send *s = calloc(1, sizeof *s);
    if (!s || !(s->raw = malloc(len + 1))) {
        log_critical("no memory to send a task's follow-up");
        abort(); /* the successor takes what we hold */
    }
    memcpy(s->raw, raw, len);
    s->is_value = is_value;
    s->len = len;
    s->d = d;
    memcpy(s->tag, d->tag, sizeof s->tag);
    snprintf(s->list, sizeof s->list, "%s", list);
    d->unsent++;
    TAILQ_INSERT_TAIL(&w->finish->sends, s, link);
    event_active(w->finish->flush, EV_TIMEOUT, 0);
}

void finish_forget(struct worker *w, struct delivery *d)
{
    struct finish *f = w->finish;
    if (d->unsent == 0) return;
    for (struct send *s = TAILQ_FIRST(&f->sends), *next; s; s = next) {
        next = TAILQ_NEXT(s, link);
        if (s->d != d) continue;
        TAILQ_REMOVE(&f->sends, s, link);
        finish_send_free(s);
    }
    for (int i = 0; i < SLOTS; i++)
        for (size_t k = 0; f->slots[i] && k < f->slots[i]->count; k++) {
            struct send *s = f->slots[i]->items[k].send;
            if (s && s->d == d) s->d = NULL;
        }
}

bool finish_is_idle(const struct worker *w)
{
    for (int i = 0; i < SLOTS; i++)
        if (w->finish->slots[i]) return false;
    return TAILQ_EMPTY(&w->finish->sends);
}

/* ---- connections and epochs ---- */
void finish_cut(struct worker *w)
{
    w->finish->is_held_up = true;
}

static void end_doubt(struct worker *w, struct delivery *d, void *arg)
{
    (void)w, (void)arg;
    d->is_doubtful = d->is_alone = false;
}

void finish_resume(struct worker *w, bool is_epoch_lost)
{
    struct finish *f = w->finish;
    f->is_held_up = false;
    f->retry_ms = RETRY_MS;
    deliveries_each(w, end_doubt, NULL);
    for (int i = 0; i < SLOTS; i++) {
        struct batch *b = f->slots[i];
        if (!b) continue;
        b->is_lost = b->is_lost || is_epoch_lost;
        if (b->is_under_way) continue;
        if (b->is_lost)
            finish_take_apart(w, b);
        else
            finish_write(w, b);
    }
    event_active(f->flush, EV_TIMEOUT, 0);
}

void finish_on_doubt(struct worker *w, void (*fn)(struct worker *w))
{
    w->finish->on_doubt = fn;
}

int finish_open(struct worker *w, struct err *err)
{
    struct finish *f = w->finish = calloc(1, sizeof *f);
    if (!f) return err_set(err, ERR_NOMEM, "no memory");
    TAILQ_INIT(&f->sends);
    random_uuid4(f->nonce);
    f->retry_ms = RETRY_MS;
    f->is_held_up = true;
    f->flush = event_new(w->base, -1, 0, finish_on_flush, w);
    f->retry = evtimer_new(w->base, finish_on_retry, w);
    return f->flush && f->retry ? 0 : err_set(err, ERR_NOMEM, "no memory for a timer");
}

void finish_close(struct worker *w)
{
    struct finish *f = w->finish;
    struct send *s;
    if (!f) return;
    while ((s = TAILQ_FIRST(&f->sends))) {
        TAILQ_REMOVE(&f->sends, s, link);
        finish_send_free(s);
    }
    for (int i = 0; i < SLOTS; i++) {
        for (size_t k = 0; f->slots[i] && k < f->slots[i]->count; k++)
            if (f->slots[i]->items[k].send) finish_send_free(f->slots[i]->items[k].send);
        free(f->slots[i]);
    }
    if (f->flush) event_free(f->flush);
    if (f->retry) event_free(f->retry);
    free(f);
    w->finish = NULL;
}
