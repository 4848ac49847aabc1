/* Decides what happens to messages that this worker does not finish, and gives them back. */
#include "services/worker/settle/handback.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "conf/log.h"
#include "services/worker/settle/finish.h"
#include "services/worker/settle/handback_call.h"
#include "services/worker/events/history.h"
#include "services/worker/settle/outcome.h"
#include "services/worker/runners/runners.h"

#define RETRY_MS 1000

struct handback {
    struct event *flush, *retry;
    bool is_held_up; /* not registered */
};

/* ---- what happens to a message ---- */
enum trouble {
    TROUBLE_STOPPING,   /* the worker stops */
    TROUBLE_LEASE_LOST, /* others have it */
    TROUBLE_MISSING,    /* Redis has lost the delivery, though not the registration */
    TROUBLE_FORGOTTEN,  /* Redis has lost both */
    TROUBLES
};
enum handback_place { PLACE_READY, PLACE_WAITING, PLACE_RUNNING, PLACE_OVER, PLACE_ENDING, PLACE_RETURNING, PLACES };
enum handback_fate {
    FATE_KEEP,   /* nothing now: what is under way decides */
    FATE_RETURN, /* back to its list */
    FATE_FORGET, /* whoever has it now answers for it */
    FATE_CANCEL, /* its task is asked to stop, and forgotten when it has */
    FATE_ENTER,  /* Redis is told of it again */
};
static const enum handback_fate fates[TROUBLES][PLACES] = {
    [TROUBLE_STOPPING] = {[PLACE_READY] = FATE_RETURN,
                          [PLACE_WAITING] = FATE_RETURN,
                          [PLACE_RUNNING] = FATE_KEEP, /* for the grace time */
                          [PLACE_OVER] = FATE_KEEP,
                          [PLACE_ENDING] = FATE_KEEP,
                          [PLACE_RETURNING] = FATE_KEEP},
    [TROUBLE_LEASE_LOST] = {[PLACE_READY] = FATE_FORGET,
                            [PLACE_WAITING] = FATE_FORGET,
                            [PLACE_RUNNING] = FATE_CANCEL,
                            [PLACE_OVER] = FATE_FORGET,
                            [PLACE_ENDING] = FATE_KEEP, /* the fence in finish.lua */
                            [PLACE_RETURNING] = FATE_FORGET},
    [TROUBLE_MISSING] = {[PLACE_READY] = FATE_ENTER,
                         [PLACE_WAITING] = FATE_ENTER,
                         [PLACE_RUNNING] = FATE_ENTER,
                         [PLACE_OVER] = FATE_ENTER,
                         [PLACE_ENDING] = FATE_KEEP,       /* it may be done: its batch is asked for again */
                         [PLACE_RETURNING] = FATE_FORGET}, /* it is back */
    [TROUBLE_FORGOTTEN] = {[PLACE_READY] = FATE_ENTER,
                           [PLACE_WAITING] = FATE_ENTER,
                           [PLACE_RUNNING] = FATE_ENTER,
                           [PLACE_OVER] = FATE_ENTER,
                           [PLACE_ENDING] = FATE_KEEP,
                           [PLACE_RETURNING] = FATE_ENTER},
};

static enum handback_place place_of(const struct worker *w, const struct delivery *d)
{
    switch (d->state) {
    case DELIVERY_READY: return PLACE_READY;
    case DELIVERY_SENT: return runners_is_running(w, d) ? PLACE_RUNNING : PLACE_WAITING;
    case DELIVERY_OVER: return PLACE_OVER;
    case DELIVERY_ENDING: return PLACE_ENDING;
    default: return PLACE_RETURNING;
    }
}

void handback_forget(struct worker *w, struct delivery *d)
{
    finish_forget(w, d);
    delivery_free(w, d);
}

/* ---- entering again ---- */
struct entering {
    struct script_call call;
    int count;
};

static void enter_flush(struct worker *w, struct entering *e)
{
    if (e->count > 0) {
        log_warning("Redis has lost %d messages that this worker holds: they are entered again", e->count);
        script_call_run(&e->call, w->redis, "hold", NULL, NULL);
    }
    e->count = 0;
}

static void enter(struct worker *w, struct entering *e, const struct delivery *d)
{
    static const char *const names[] = {KEY_UNACKED, KEY_UNACKED_INDEX, KEY_HELD, KEY_REGISTERED};
    if (e->count == 0) {
        script_call_keys(&e->call, &w->keys, names, 4, 1u << 2, w->id);
        script_call_text(&e->call, w->id);
        script_call_text(&e->call, w->epoch);
    }
    script_call_text(&e->call, d->tag);
    script_call_number(&e->call, script_call_key(&e->call, d->list));
    script_call_text(&e->call, d->is_marked_alone ? "2" : d->is_started_told ? "1" : "0");
    script_call_text(&e->call, d->queue);
    script_call_word(&e->call, d->raw, d->raw_len);
    if (++e->count == BATCH_MAX) enter_flush(w, e);
}

static void meet_fate(struct worker *w, struct delivery *d, enum trouble trouble, struct entering *e)
{
    if (d->cancel == CANCEL_LOST) { /* that is settled, when its task or its batch comes to its end */
        if (d->state != DELIVERY_SENT && d->state != DELIVERY_ENDING) handback_forget(w, d);
        return;
    }
    switch (fates[trouble][place_of(w, d)]) {
    case FATE_KEEP:
        if (trouble == TROUBLE_LEASE_LOST) d->cancel = CANCEL_LOST;
        break;
    case FATE_RETURN: handback_return(w, d, "the worker stops"); break;
    case FATE_FORGET:
        if (d->state == DELIVERY_RETURNING && d->is_under_way) break; /* the answer frees it */
        handback_forget(w, d);
        break;
    case FATE_CANCEL: runners_cancel(w, d, CANCEL_LOST); break;
    case FATE_ENTER: enter(w, e, d); break;
    }
}

/* ---- going back ---- */
struct returns {
    struct worker *worker;
    size_t count;
    struct delivery *of[BATCH_MAX];
};

static void on_returned(void *arg, const struct redis_answer *answer)
{
    struct returns *r = arg;
    struct worker *w = r->worker;
    struct timeval tv = {.tv_sec = RETRY_MS / 1000};
    bool is_fine = answer->fault == REDIS_FINE;
    for (size_t i = 0; i < r->count; i++) {
        r->of[i]->is_under_way = false;
        if (is_fine) handback_forget(w, r->of[i]);
    }
    if (!is_fine && answer->fault != REDIS_LOST && answer->fault != REDIS_LATE && answer->fault != REDIS_CLOSED) {
        log_warning("%zu messages cannot be given back, will be tried again: %s", r->count, answer->text);
        evtimer_add(w->handback->retry, &tv);
    }
    free(r);
    deliveries_changed(w);
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *w = arg;
    struct delivery *d = TAILQ_LAST(deliveries_in(w, DELIVERY_RETURNING), delivery_list); /* newest to the list first */
    while (d && !w->handback->is_held_up && redis_is_up(w->redis)) {
        struct returns *r = calloc(1, sizeof *r);
        struct script_call c = {0};
        if (!r) return;
        r->worker = w;
        handback_call_begin(w, &c, w->id, false);
        for (; d && r->count < BATCH_MAX; d = TAILQ_PREV(d, delivery_list, link)) {
            if (d->is_under_way) continue;
            handback_call_add(&c, d->tag, d->list, (char)d->counts, d->return_delay_ms, d->is_known);
            d->is_under_way = true;
            r->of[r->count++] = d;
        }
        if (r->count > 0 && script_call_run(&c, w->redis, "handback", on_returned, r) == 0) continue;
        for (size_t i = 0; i < r->count; i++) r->of[i]->is_under_way = false;
        script_call_free(&c);
        free(r);
        return;
    }
}

static void go_back(struct worker *w, struct delivery *d, enum delivery_count counts, int64_t delay_ms, const char *why)
{
    d->counts = counts;
    d->return_delay_ms = delay_ms;
    finish_forget(w, d);
    d->unsent = 0;
    delivery_set_state(w, d, DELIVERY_RETURNING, why);
    event_active(w->handback->flush, EV_TIMEOUT, 0);
}

void handback_return(struct worker *w, struct delivery *d, const char *why)
{
    go_back(w, d, COUNTS_NOT, 0, why);
}

void handback_later(struct worker *w, struct delivery *d, int64_t delay_ms, const char *why)
{
    go_back(w, d, COUNTS_NOT, delay_ms, why);
}

/* ---- runners that stop or die ---- */
static bool ended_as_asked(struct worker *w, struct delivery *d, enum cancel_reason why)
{
    switch (why) {
    case CANCEL_HARD_LIMIT: outcome_overran(w, d, true); return true;
    case CANCEL_REVOKED: outcome_revoked(w, d, "terminated"); return true;
    case CANCEL_STOPPING: handback_return(w, d, "the worker stops"); return true;
    case CANCEL_LOST: handback_forget(w, d); return true;
    case CANCEL_SOFT_LIMIT:
    case CANCEL_NONE: break;
    }
    return false;
}

void handback_cancelled(struct worker *w, struct delivery *d, const char *error)
{
    if (ended_as_asked(w, d, d->cancel)) return;
    if (d->cancel == CANCEL_SOFT_LIMIT) {
        outcome_overran(w, d, false);
    } else {
        log_warning("task %s[%s] stopped by itself: %s", d->m.task, d->m.id, error);
        outcome_revoked(w, d, "terminated");
    }
}

void handback_died(struct worker *w, struct delivery *d, enum cancel_reason why, pid_t pid, int status)
{
    int most = (int)conf_int(w->conf, SET_TASK_MAX_DELIVERIES);
    if (d->cancel == CANCEL_LOST) why = CANCEL_LOST;
    if (why == CANCEL_SOFT_LIMIT) why = CANCEL_HARD_LIMIT;
    if (ended_as_asked(w, d, why)) return;
    char how[120];
    if (WIFSIGNALED(status))
        snprintf(how, sizeof how, "runner %d died of signal %d (%s)", (int)pid, WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(how, sizeof how, "runner %d left with status %d", (int)pid, WEXITSTATUS(status));
    log_error("%s in task %s[%s]: delivery %d of at most %d", how, d->m.task, d->m.id, d->deliveries, most);
    history_crashed(w, d, how);
    if (d->deliveries >= most) {
        finish_forget(w, d);
        d->unsent = 0;
        outcome_lost(w, d, d->deliveries);
    } else {
        go_back(w, d, COUNTS_CRASH, 0, "its runner died");
    }
}

/* ---- stopping, and coming to agree with Redis ---- */
void handback_stop(struct worker *w)
{
    struct entering none = {0};
    struct delivery *d;
    for (int i = 0; i < RUNNERS_MAX; i++) runners_take_back(w, i);
    while ((d = TAILQ_FIRST(deliveries_in(w, DELIVERY_READY)))) meet_fate(w, d, TROUBLE_STOPPING, &none);
}

void handback_cut(struct worker *w)
{
    w->handback->is_held_up = true;
}

/* The mark under which Redis holds it ("0" ...), or 0 when it does not. */
static char mark_of(const redisReply *held, const char *tag)
{
    for (size_t i = 0; held->type == REDIS_REPLY_ARRAY && i + 1 < held->elements; i += 2)
        if (strcmp(held->element[i]->str, tag) == 0)
            return held->element[i + 1]->str[0] ? held->element[i + 1]->str[0] : '0';
    return 0;
}

struct comparison {
    enum registration how;
    int64_t asked_us;
    const redisReply *held;
    struct entering entering;
};

static void compare(struct worker *w, struct delivery *d, void *arg)
{
    struct comparison *c = arg;
    if (c->how == REGISTRATION_LOST)
        meet_fate(w, d, TROUBLE_LEASE_LOST, &c->entering);
    else if (c->how == REGISTRATION_KEPT && d->taken_us >= c->asked_us)
        return; /* it came on another connection, perhaps after Redis had answered */
    else if (!mark_of(c->held, d->tag))
        meet_fate(w, d, c->how == REGISTRATION_KEPT ? TROUBLE_MISSING : TROUBLE_FORGOTTEN, &c->entering);
    else if (mark_of(c->held, d->tag) == '0' && d->is_started_told)
        d->is_started_told = false; /* that it runs was lost on the way: it is told again */
}

void handback_strangers(struct worker *w, const redisReply *held,
                        bool (*may_come)(const struct worker *w, const char *tag))
{
    struct script_call c = {0};
    int count = 0;
    for (size_t i = 0; i + 1 < held->elements; i += 2) {
        const char *tag = held->element[i]->str;
        if (held->element[i + 1]->len < 1 || delivery_by_tag(w, tag) || may_come(w, tag)) continue;
        if (count % BATCH_MAX == 0) {
            if (count > 0) script_call_run(&c, w->redis, "handback", NULL, NULL);
            handback_call_begin(w, &c, w->id, false);
        }
        handback_call_add(&c, tag, held->element[i + 1]->str + 1, '0', 0, false);
        count++;
    }
    if (count > 0) {
        log_info("%d messages that did not reach this worker go back to their queues", count);
        script_call_run(&c, w->redis, "handback", NULL, NULL);
    }
}

void handback_taken(struct worker *w, const redisReply *taken)
{
    struct entering none = {0};
    for (size_t i = 0; taken->type == REDIS_REPLY_ARRAY && i < taken->elements; i++) {
        struct delivery *d = delivery_by_tag(w, taken->element[i]->str);
        if (!d) continue;
        log_error("task %s[%s] was put back into its queue by another kombu process: it is left to whoever has it now",
                  d->m.task, d->m.id);
        if (d->state == DELIVERY_SENT && !runners_is_running(w, d)) runners_take_back(w, d->slot);
        meet_fate(w, d, TROUBLE_LEASE_LOST, &none);
    }
}

void handback_reconcile(struct worker *w, enum registration how, int64_t asked_us, const redisReply *held,
                        const redisReply *taken)
{
    struct comparison c = {.how = how, .asked_us = asked_us, .held = held};
    if (how == REGISTRATION_LOST) {
        log_error("this worker was silent for too long and was taken for dead: others have its messages");
        for (int i = 0; i < RUNNERS_MAX; i++) runners_take_back(w, i);
    }
    handback_taken(w, taken);
    deliveries_each(w, compare, &c);
    enter_flush(w, &c.entering);
    w->handback->is_held_up = false;
    finish_resume(w, how == REGISTRATION_LOST);
    event_active(w->handback->flush, EV_TIMEOUT, 0);
}

int handback_open(struct worker *w, struct err *err)
{
    struct handback *h = w->handback = calloc(1, sizeof *h);
    if (!h) return err_set(err, ERR_NOMEM, "no memory");
    h->is_held_up = true;
    h->flush = event_new(w->base, -1, 0, on_flush, w);
    h->retry = evtimer_new(w->base, on_flush, w);
    return h->flush && h->retry ? 0 : err_set(err, ERR_NOMEM, "no memory for a timer");
}

void handback_close(struct worker *w)
{
    struct handback *h = w->handback;
    if (!h) return;
    if (h->flush) event_free(h->flush);
    if (h->retry) event_free(h->retry);
    free(h);
    w->handback = NULL;
}
