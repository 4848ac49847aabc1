/* Which connection takes a query, who waits, and what happens when PostgreSQL goes away: see pool.h. */
#include "services/store/db/pool_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/text/utf8.h"
#include "ipc/certificate.h"
#include "services/store/db/database_url.h"

#define CONNECT_TIMEOUT_MS 10000
#define IDLE_MS            60000
#define TICK_S             2
#define WATCH_MS           50
#define SLACK_MS           5000 /* beyond the statement timeout a silent connection is taken for dead */

static void on_tick(evutil_socket_t fd, short what, void *arg);
static void on_retry(evutil_socket_t fd, short what, void *arg);
static void on_turn(evutil_socket_t fd, short what, void *arg);
static void on_watch(evutil_socket_t fd, short what, void *arg);
static void pool_serve(struct pool *p);

/* ---- life ---- */

struct pool *pool_new(struct event_base *base, const struct conf *conf, const char *application, struct err *err)
{
    PQconninfoOption *options = database_url_parse(conf_str(conf, SET_DATABASE_URL), err);
    if (!options) return NULL;
    struct pool *p = calloc(1, sizeof *p);
    if (!p) {
        PQconninfoFree(options);
        err_set(err, ERR_NOMEM, "no memory");
        return NULL;
    }
    p->base = base;
    p->options = options;
    p->timeout_ms = conf_int(conf, SET_DATABASE_TIMEOUT);
    p->size = (int)conf_int(conf, SET_DATABASE_POOL);
    snprintf(p->application, sizeof p->application, "%s", application);
    snprintf(p->schema, sizeof p->schema, "%s", conf_str(conf, SET_DATABASE_SCHEMA));
    p->want = (struct db_session_want){.application = p->application, .schema = p->schema, .timeout_ms = p->timeout_ms};
    snprintf(p->why, sizeof p->why, "not connected yet");
    backoff_init(&p->backoff, 100, 5000);
    TAILQ_INIT(&p->waiting);
    TAILQ_INIT(&p->failed);
    p->tick = event_new(base, -1, EV_PERSIST, on_tick, p);
    p->retry = evtimer_new(base, on_retry, p);
    p->turn = evtimer_new(base, on_turn, p);
    p->watch = evtimer_new(base, on_watch, p);
    if (!p->tick || !p->retry || !p->turn || !p->watch) {
        pool_free(p);
        return err_set(err, ERR_NOMEM, "no memory"), NULL;
    }
    event_add(p->tick, &(struct timeval){.tv_sec = TICK_S});
    event_add(p->retry, &(struct timeval){0});
    return p;
}

static void calls_free(struct pool_calls *calls)
{
    for (struct pool_call *call; (call = TAILQ_FIRST(calls)) != NULL;) {
        TAILQ_REMOVE(calls, call, link);
        PQclear(call->result);
        free(call);
    }
}

static void conn_free(struct pool *p, int index)
{
    struct pool_conn *c = p->conns[index];
    if (!c) return;
    conn_close(c);
    calls_free(&c->calls);
    free(c);
    p->conns[index] = NULL;
}

void pool_free(struct pool *p)
{
    if (!p) return;
    for (int i = 0; i < POOL_MAX; i++) conn_free(p, i);
    calls_free(&p->waiting);
    calls_free(&p->failed);
    if (p->tick) event_free(p->tick);
    if (p->retry) event_free(p->retry);
    if (p->turn) event_free(p->turn);
    if (p->watch) event_free(p->watch);
    PQconninfoFree(p->options);
    free(p);
}

/* ---- asking ---- */

static int query_id(struct pool *p, const struct query *q)
{
    for (int i = 0; i < p->query_count; i++)
        if (p->queries[i] == q) return i;
    if (p->query_count == POOL_QUERIES_MAX) return -1;
    p->queries[p->query_count] = q;
    return p->query_count++;
}

static void fail_later(struct pool *p, struct pool_call *call)
{
    TAILQ_INSERT_TAIL(&p->failed, call, link);
    event_active(p->turn, EV_TIMEOUT, 1);
}

struct pool_call *pool_query(struct pool *p, const struct query *query, int n, const char *const *values, pool_fn fn,
                             void *arg)
{
    size_t bytes = 0;
    for (int i = 0; i < n; i++) bytes += values[i] ? strlen(values[i]) + 1 : 0;
    struct pool_call *call = calloc(1, sizeof *call + (size_t)n * sizeof(char *) + bytes);
    int id = query_id(p, query);
    if (!call || id < 0) {
        free(call);
        return NULL;
    }
    *call = (struct pool_call){.query = query, .query_id = id, .fn = fn, .arg = arg, .asked_us = mono_us(), .n = n};
    char *at = (char *)&call->values[n];
    for (int i = 0; i < n; i++) {
        if (!values[i]) continue;
        call->values[i] = at;
        at = stpcpy(at, values[i]) + 1;
        utf8_repair((char *)(uintptr_t)call->values[i], strlen(call->values[i])); /* no text may be an error */
    }
    if (p->is_down || p->waiting_count >= POOL_WAITING_MAX) {
        fail_later(p, call);
        return call;
    }
    TAILQ_INSERT_TAIL(&p->waiting, call, link);
    p->waiting_count++;
    pool_serve(p);
    return call;
}

/* ---- what failed at once ---- */

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct pool *p = arg;
    struct pool_calls now = TAILQ_HEAD_INITIALIZER(now);
    TAILQ_CONCAT(&now, &p->failed, link);
    for (struct pool_call *call; (call = TAILQ_FIRST(&now)) != NULL;) {
        TAILQ_REMOVE(&now, call, link);
        pool_call_done(p, call);
    }
    if (!p->is_down) pool_serve(p);
}

/* ---- connections ---- */

static struct pool_conn *conn_add(struct pool *p)
{
    for (int i = 0; i < p->size; i++) {
        struct pool_conn *c = p->conns[i];
        if (c && c->state != CONN_CLOSED) continue;
        if (!c) c = p->conns[i] = calloc(1, sizeof *c);
        if (!c) return NULL;
        c->pool = p;
        TAILQ_INIT(&c->calls);
        c->in_flight = c->slow_in_flight = c->patient_in_flight = 0;
        conn_open(c);
        return c;
    }
    return NULL;
}

bool pool_open_another(struct pool *p)
{
    return conn_add(p) != NULL;
}

static bool has_room(const struct pool *p)
{
    for (int i = 0; i < p->size; i++) {
        const struct pool_conn *c = p->conns[i];
        if (!c || c->state == CONN_CLOSED || (c->state == CONN_READY && c->in_flight < POOL_PIPELINE)) return true;
    }
    return false;
}

static void pool_serve(struct pool *p)
{
    for (struct pool_call *call = TAILQ_FIRST(&p->waiting), *next; call && has_room(p); call = next) {
        struct pool_conn *c = NULL;
        enum choice choice = pool_choose(p, call, &c);
        next = TAILQ_NEXT(call, link);
        if (p->is_down && !c) return;
        if (choice == CHOICE_WAIT) continue;
        TAILQ_REMOVE(&p->waiting, call, link);
        p->waiting_count--;
        if (conn_send(c, call) == 0) continue;
        pool_conn_lost(c, PQerrorMessage(c->pg));
        next = TAILQ_FIRST(&p->waiting); /* the others may have failed with it */
    }
    if (!evtimer_pending(p->watch, NULL)) event_add(p->watch, &(struct timeval){.tv_usec = WATCH_MS * 1000});
}

/* Runs while something is under way. */
static void on_watch(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct pool *p = arg;
    bool is_busy = p->waiting_count > 0;
    for (int i = 0; i < p->size; i++) is_busy = is_busy || (p->conns[i] && p->conns[i]->in_flight > 0);
    if (!is_busy || p->is_down) return;
    pool_rescue(p);
    pool_serve(p);
}

void pool_conn_moved(struct pool_conn *c)
{
    if (!TAILQ_EMPTY(&c->pool->waiting)) pool_serve(c->pool);
}

void pool_conn_ready(struct pool_conn *c)
{
    struct pool *p = c->pool;
    backoff_reset(&p->backoff);
    p->is_down = false;
    p->why[0] = 0;
    p->stats.reconnects++;
    if (!p->is_up) {
        p->refused_ms = 0;
        p->is_up = true;
        if (p->state_fn) p->state_fn(p->state_arg, true, "");
    }
    pool_serve(p);
}

static bool any_ready(const struct pool *p)
{
    for (int i = 0; i < p->size; i++)
        if (p->conns[i] && p->conns[i]->state == CONN_READY) return true;
    return false;
}

void pool_conn_lost(struct pool_conn *c, const char *why)
{
    struct pool *p = c->pool;
    char text[sizeof p->why];
    bool is_refused = c->state != CONN_READY;
    snprintf(text, sizeof text, "%.*s", (int)strcspn(why, "\n"), why);
    conn_close(c);
    TAILQ_CONCAT(&p->failed, &c->calls, link);
    c->in_flight = c->slow_in_flight = c->patient_in_flight = 0;
    event_active(p->turn, EV_TIMEOUT, 1);
    if (is_refused) p->refused_ms = mono_ms();
    if (any_ready(p)) return;
    snprintf(p->why, sizeof p->why, "%s", text);
    p->is_down = true;
    TAILQ_CONCAT(&p->failed, &p->waiting, link);
    p->waiting_count = 0;
    if (!evtimer_pending(p->retry, NULL)) {
        int64_t ms = backoff_next_ms(&p->backoff);
        event_add(p->retry, &(struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000});
    }
    bool was_up = p->is_up;
    p->is_up = false;
    if ((was_up || p->backoff.attempt <= 1) && p->state_fn) p->state_fn(p->state_arg, false, p->why);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct pool *p = arg;
    bool is_there = false;
    for (int i = 0; i < p->size; i++) is_there = is_there || (p->conns[i] && p->conns[i]->state != CONN_CLOSED);
    if (!is_there && !conn_add(p)) event_add(p->retry, &(struct timeval){.tv_sec = 1});
}

static void fail_late(struct pool *p, int64_t now_us)
{
    for (struct pool_call *call = TAILQ_FIRST(&p->waiting), *next; call; call = next) {
        next = TAILQ_NEXT(call, link);
        if (now_us - call->asked_us < p->timeout_ms * 1000) continue;
        TAILQ_REMOVE(&p->waiting, call, link);
        p->waiting_count--;
        call->is_late = true;
        fail_later(p, call);
    }
}

/* Deadlines: connecting, statements that the server does not end by itself (it is gone), idle connections. */
static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct pool *p = arg;
    int64_t now = mono_ms();
    int ready = 0;
    fail_late(p, mono_us());
    for (int i = 0; i < p->size; i++) ready += p->conns[i] && p->conns[i]->state == CONN_READY;
    for (int i = p->size - 1; i >= 0; i--) { /* so that the first one stays */
        struct pool_conn *c = p->conns[i];
        if (!c || c->state == CONN_CLOSED) continue;
        int64_t age = now - c->since_ms;
        if (c->state != CONN_READY && age > CONNECT_TIMEOUT_MS) {
            pool_conn_lost(c, pool_dial_why(c->dial));
        } else if (c->state == CONN_READY && c->in_flight > 0 && age > p->timeout_ms + SLACK_MS) {
            pool_conn_lost(c, "no answer in time");
        } else if (c->state == CONN_READY && c->in_flight == 0 && age > IDLE_MS && ready > 1) {
            conn_free(p, i);
            ready--;
        }
    }
}

/* ---- looking in ---- */

void pool_on_state(struct pool *p, pool_state_fn fn, void *arg)
{
    p->state_fn = fn;
    p->state_arg = arg;
}

void pool_stats(const struct pool *p, struct pool_stats *out)
{
    *out = p->stats;
    out->size = p->size;
    out->waiting = p->waiting_count;
    for (int i = 0; i < p->size; i++) {
        if (!p->conns[i] || p->conns[i]->state != CONN_READY) continue;
        out->open++;
        out->busy += p->conns[i]->in_flight > 0;
    }
}

int64_t pool_certificate_ends_s(const struct pool *p)
{
    for (int i = 0; i < p->size; i++)
        if (p->conns[i] && p->conns[i]->state == CONN_READY)
            return certificate_ends_s(PQsslStruct(p->conns[i]->pg, "OpenSSL"));
    return 0;
}
