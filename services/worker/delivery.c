/* Deliveries: see delivery.h. A list for each state, and one for each runner for what it was given; counts beside them,
 * so that "how much have we in hand" costs nothing. Names of lists and queues are few and are kept once. */
#include "services/worker/delivery.h"

#include <assert.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "services/tasks/task_table.h"

#define NAMES_MAX   256
#define LARGE_BYTES (1 << 20) /* of a message: memory is given back after it */

#define TO(state) (1u << (state))

/* The one table of transitions. */
static const unsigned transitions[DELIVERY_STATES] = {
    [DELIVERY_READY] = TO(DELIVERY_SENT) | TO(DELIVERY_OVER) | TO(DELIVERY_RETURNING),
    [DELIVERY_SENT] = TO(DELIVERY_READY) | TO(DELIVERY_OVER) | TO(DELIVERY_RETURNING),
    [DELIVERY_OVER] = TO(DELIVERY_ENDING),
    [DELIVERY_ENDING] = TO(DELIVERY_OVER), /* not this worker's as it seems, or not answered */
    [DELIVERY_RETURNING] = 0,
};

static const char *const names[DELIVERY_STATES] = {[DELIVERY_READY] = "ready",
                                                   [DELIVERY_SENT] = "sent",
                                                   [DELIVERY_OVER] = "over",
                                                   [DELIVERY_ENDING] = "ending",
                                                   [DELIVERY_RETURNING] = "returning"};

struct deliveries {
    struct delivery_list in[DELIVERY_STATES]; /* those that are SENT are in their runner's */
    int count[DELIVERY_STATES];
    struct delivery_list sent[RUNNERS_MAX];
    int sent_count[RUNNERS_MAX];
    int64_t sent_us[RUNNERS_MAX];
    size_t bytes;
    bool must_trim;
    struct event *change;
    void (*on_change)(struct worker *w);
    char *names[NAMES_MAX];
    int name_count;
};

bool delivery_state_allows(enum delivery_state from, enum delivery_state to)
{
    return transitions[from] & TO(to);
}

/* ---- life ---- */
static void on_change(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct worker *w = arg;
    if (w->deliveries->must_trim) malloc_trim(0);
    w->deliveries->must_trim = false;
    if (w->deliveries->on_change) w->deliveries->on_change(w);
}

int deliveries_open(struct worker *w, struct err *err)
{
    struct deliveries *ds = w->deliveries = calloc(1, sizeof *ds);
    if (!ds) return err_set(err, ERR_NOMEM, "no memory");
    for (int i = 0; i < DELIVERY_STATES; i++) TAILQ_INIT(&ds->in[i]);
    for (int i = 0; i < RUNNERS_MAX; i++) TAILQ_INIT(&ds->sent[i]);
    ds->change = event_new(w->base, -1, 0, on_change, w);
    return ds->change ? 0 : err_set(err, ERR_NOMEM, "no memory for an event");
}

static void free_one(struct worker *w, struct delivery *d, void *arg)
{
    (void)arg;
    delivery_free(w, d);
}

void deliveries_close(struct worker *w)
{
    struct deliveries *ds = w->deliveries;
    if (!ds) return;
    deliveries_each(w, free_one, NULL);
    for (int i = 0; i < ds->name_count; i++) free(ds->names[i]);
    if (ds->change) event_free(ds->change);
    free(ds);
    w->deliveries = NULL;
}

void deliveries_on_change(struct worker *w, void (*fn)(struct worker *w))
{
    w->deliveries->on_change = fn;
}

void deliveries_changed(struct worker *w)
{
    event_active(w->deliveries->change, EV_TIMEOUT, 0);
}

/* ---- lists ---- */
static struct delivery_list *list_of(struct deliveries *ds, const struct delivery *d)
{
    return d->state == DELIVERY_SENT ? &ds->sent[d->slot] : &ds->in[d->state];
}

static void unlink_it(struct deliveries *ds, struct delivery *d)
{
    TAILQ_REMOVE(list_of(ds, d), d, link);
    ds->count[d->state]--;
    if (d->state != DELIVERY_SENT) return;
    ds->sent_count[d->slot]--;
    ds->sent_us[d->slot] -= d->expected_us;
}

static void link_it(struct deliveries *ds, struct delivery *d, bool at_front)
{
    if (at_front)
        TAILQ_INSERT_HEAD(list_of(ds, d), d, link);
    else
        TAILQ_INSERT_TAIL(list_of(ds, d), d, link);
    ds->count[d->state]++;
    if (d->state != DELIVERY_SENT) return;
    ds->sent_count[d->slot]++;
    ds->sent_us[d->slot] += d->expected_us;
}

static void move(struct worker *w, struct delivery *d, enum delivery_state to, bool at_front, const char *why)
{
    assert(delivery_state_allows(d->state, to));
    log_debug("task %s, delivery %s: %s, now %s: %s", d->m.id ? d->m.id : "?", d->tag, names[d->state], names[to], why);
    unlink_it(w->deliveries, d);
    d->state = to;
    link_it(w->deliveries, d, at_front);
    if (to == DELIVERY_READY) deliveries_changed(w);
}

void delivery_set_state(struct worker *w, struct delivery *d, enum delivery_state to, const char *why)
{
    assert(to != DELIVERY_SENT);
    move(w, d, to, false, why);
}

void delivery_send(struct worker *w, struct delivery *d, int slot)
{
    unlink_it(w->deliveries, d);
    assert(delivery_state_allows(d->state, DELIVERY_SENT));
    d->state = DELIVERY_SENT;
    d->slot = slot;
    link_it(w->deliveries, d, false);
}

void delivery_take_back(struct worker *w, struct delivery *d, const char *why)
{
    move(w, d, DELIVERY_READY, true, why);
}

/* ---- one ---- */
static const char *keep_name(struct deliveries *ds, const char *name)
{
    for (int i = 0; i < ds->name_count; i++)
        if (strcmp(ds->names[i], name) == 0) return ds->names[i];
    if (ds->name_count == NAMES_MAX) return NULL;
    char *copy = strdup(name);
    if (copy) ds->names[ds->name_count++] = copy;
    return copy;
}

/* "3w:<sha>": how often it was delivered and ended in a crash, marks, and the name under which Redis keeps that. */
static void take_history(struct worker *w, struct delivery *d, const char *history)
{
    char *marks = NULL;
    long count = strtol(history, &marks, 10);
    const char *sha = strchr(history, ':');
    d->deliveries = count > 0 && count < 1000000 ? (int)count + 1 : 1;
    if (!sha) return;
    size_t len = (size_t)(sha - marks);
    d->is_known = memchr(marks, 'r', len) != NULL;
    d->is_timed = memchr(marks, 't', len) != NULL;
    d->is_suspect = memchr(marks, 'w', len) && d->deliveries >= conf_int(w->conf, SET_TASK_MAX_DELIVERIES);
    snprintf(d->history, sizeof d->history, "%s", sha + 1);
}

struct delivery *delivery_new(struct worker *w, const struct fetched *f, struct err *err)
{
    struct deliveries *ds = w->deliveries;
    struct delivery *d = calloc(1, sizeof *d);
    if (d) d->raw = malloc(f->len + 1);
    if (d) d->list = keep_name(ds, f->list);
    if (d) d->queue = keep_name(ds, f->queue);
    if (!d || !d->raw || !d->list || !d->queue) {
        if (d) free(d->raw);
        free(d);
        err_set(err, ERR_NOMEM, "no memory for a message");
        return NULL;
    }
    memcpy(d->raw, f->raw, f->len);
    d->raw[f->len] = '\0';
    d->raw_len = f->len;
    snprintf(d->tag, sizeof d->tag, "%s", f->tag);
    take_history(w, d, f->history);
    d->taken_us = mono_us();
    d->counts = COUNTS_NOT;
    d->outcome.end = TASK_ENDS;
    d->row = -1;
    link_it(ds, d, false);
    ds->bytes += d->raw_len;
    err->code = ERR_NONE;
    if (message_decode(d->raw, d->raw_len, &d->m, err) == 0)
        d->def = task_find(d->m.task, conf_bool(w->conf, SET_DIAGNOSTIC_TASKS));
    if (d->def) d->row = (int)(d->def - task_table(NULL));
    return d;
}

bool delivery_keeps_failure(const struct delivery *d)
{
    return d->m.id && !(d->def && d->def->ignores_result);
}

bool delivery_keeps_result(const struct delivery *d)
{
    return !d->m.ignores_result && delivery_keeps_failure(d);
}

static void outcome_free(struct outcome *o)
{
    for (size_t i = 0; i < o->push_count; i++) free(o->pushes[i].raw);
    free(o->pushes);
    for (size_t i = 0; i < o->rest_count; i++) free(o->rest[i].raw);
    free(o->rest);
    for (size_t i = 0; i < o->set_count; i++) free(o->sets[i].raw);
    free(o->sets);
    for (size_t i = 0; i < o->part_key_count; i++) free(o->part_keys[i]);
    free(o->part_keys);
    free(o->parts);
    free(o->json);
    free(o->dead);
    free(o->later_raw);
    free(o->why);
}

void delivery_free(struct worker *w, struct delivery *d)
{
    unlink_it(w->deliveries, d);
    w->deliveries->bytes -= d->raw_len;
    if (d->raw_len > LARGE_BYTES) w->deliveries->must_trim = true;
    message_free(&d->m);
    outcome_free(&d->outcome);
    free(d->raw);
    free(d);
    deliveries_changed(w);
}

/* ---- looking ---- */
struct delivery_list *deliveries_in(struct worker *w, enum delivery_state state)
{
    assert(state != DELIVERY_SENT);
    return &w->deliveries->in[state];
}

struct delivery_list *deliveries_sent(struct worker *w, int slot)
{
    return &w->deliveries->sent[slot];
}

int deliveries_count(const struct worker *w, enum delivery_state state)
{
    return w->deliveries->count[state];
}

int deliveries_sent_count(const struct worker *w, int slot)
{
    return w->deliveries->sent_count[slot];
}

int64_t deliveries_sent_us(const struct worker *w, int slot)
{
    return w->deliveries->sent_us[slot];
}

size_t deliveries_bytes(const struct worker *w)
{
    return w->deliveries->bytes;
}

bool deliveries_are_none(const struct worker *w)
{
    int all = 0;
    for (int i = 0; i < DELIVERY_STATES; i++) all += w->deliveries->count[i];
    return all == 0;
}

void deliveries_each(struct worker *w, void (*fn)(struct worker *w, struct delivery *d, void *arg), void *arg)
{
    struct deliveries *ds = w->deliveries;
    for (int i = 0; i < DELIVERY_STATES + RUNNERS_MAX; i++) {
        struct delivery_list *list = i < DELIVERY_STATES ? &ds->in[i] : &ds->sent[i - DELIVERY_STATES];
        for (struct delivery *d = TAILQ_FIRST(list), *next; d; d = next) {
            next = TAILQ_NEXT(d, link);
            fn(w, d, arg);
        }
    }
}

struct delivery *delivery_by_tag(struct worker *w, const char *tag)
{
    struct deliveries *ds = w->deliveries;
    struct delivery *d;
    for (int i = 0; i < DELIVERY_STATES + RUNNERS_MAX; i++) {
        struct delivery_list *list = i < DELIVERY_STATES ? &ds->in[i] : &ds->sent[i - DELIVERY_STATES];
        for (d = TAILQ_FIRST(list); d; d = TAILQ_NEXT(d, link))
            if (strcmp(d->tag, tag) == 0) return d;
    }
    return NULL;
}
