/* Who waits for changes: a list, a timer that runs while it is not empty, and what the journal's end was when looked at
 * last. */
#include "services/web/api/feed/change_waits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "conf/clock.h"
#include "services/store/web/feed/changes_read.h"

struct change_wait {
    TAILQ_ENTRY(change_wait) link;
    struct change_waits *waits;
    struct req *req;
    bool is_waiting;
    int64_t deadline_ms;
    uint64_t seen; /* change_waits_seen() before the reader looked */
    void (*again)(struct req *r);
    void (*last)(struct req *r);
};
TAILQ_HEAD(wait_list, change_wait);

struct change_waits {
    struct web *web;
    struct event *timer;
    struct pool_call *look;
    struct wait_list list;
    int count, turns;
    char newest[80];
    uint64_t changed; /* grows with each change of newest */
};

static void on_timer(evutil_socket_t fd, short what, void *arg);

static void arm(struct change_waits *w)
{
    if (!TAILQ_EMPTY(&w->list) && !w->look && !event_pending(w->timer, EV_TIMEOUT, NULL))
        event_add(w->timer, &(struct timeval){.tv_usec = CHANGE_WAITS_MS * 1000});
}

static void leave(struct change_wait *c)
{
    TAILQ_REMOVE(&c->waits->list, c, link);
    c->waits->count--;
    req_on_gone(c->req, NULL, NULL);
    c->is_waiting = false;
}

static void on_end(void *arg)
{
    struct change_wait *c = arg;
    if (c->is_waiting) leave(c);
}

static void on_gone(void *arg)
{
    struct change_wait *c = arg;
    leave(c);
    c->last(c->req);
}

/* Nobody reads from the connection of a request that is being worked on: whether the client has closed it is asked now
 * and then. */
static bool has_left(const struct change_waits *w, const struct change_wait *c)
{
    return w->turns % CHANGE_WAITS_LOOK == 0 && req_client_left(c->req);
}

/* Lets go of those for whom it is time; what a call does to the list is no matter, since it begins anew. */
static void let_go(struct change_waits *w)
{
    int64_t now = mono_ms();
    for (struct change_wait *c = TAILQ_FIRST(&w->list), *next; c; c = next) {
        next = TAILQ_NEXT(c, link);
        bool is_last = now >= c->deadline_ms || w->web->is_stopping || has_left(w, c);
        if (!is_last && c->seen == w->changed) continue;
        leave(c);
        (is_last ? c->last : c->again)(c->req);
    }
}

static void on_newest(void *arg, const PGresult *result, const struct err *err)
{
    struct change_waits *w = arg;
    w->look = NULL;
    if (!err && strcmp(w->newest, PQgetvalue(result, 0, 0)) != 0) {
        snprintf(w->newest, sizeof w->newest, "%s", PQgetvalue(result, 0, 0));
        w->changed++;
    }
    let_go(w);
    arm(w);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct change_waits *w = arg;
    w->turns++;
    let_go(w);
    if (!TAILQ_EMPTY(&w->list)) w->look = pool_query(w->web->pool, &query_changes_newest, 0, NULL, on_newest, w);
    arm(w);
}

struct change_waits *change_waits_new(struct web *web)
{
    struct change_waits *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->web = web;
    TAILQ_INIT(&w->list);
    w->timer = evtimer_new(web->base, on_timer, w);
    if (w->timer) return w;
    free(w);
    return NULL;
}

void change_waits_free(struct change_waits *w)
{
    if (!w) return;
    event_free(w->timer);
    free(w);
}

uint64_t change_waits_seen(const struct change_waits *w)
{
    return w->changed;
}

static int count_own(const struct change_waits *w, const struct req *r)
{
    const struct change_wait *c;
    int n = 0;
    TAILQ_FOREACH(c, &w->list, link) n += req_is_same_owner(c->req, r);
    return n;
}

/* When nobody has waited for a while, newest is old, and the first look wakes a reader for nothing: it looks, and waits
 * again. */
bool change_waits_add(struct change_waits *w, struct req *r, uint64_t seen, int64_t deadline_ms,
                      void (*again)(struct req *r), void (*last)(struct req *r))
{
    if (w->count >= CHANGE_WAITS_MAX || count_own(w, r) >= CHANGE_WAITS_OWN) return false;
    struct change_wait *c = req_alloc(r, sizeof *c);
    *c = (struct change_wait){.waits = w,
                              .req = r,
                              .is_waiting = true,
                              .deadline_ms = deadline_ms,
                              .seen = seen,
                              .again = again,
                              .last = last};
    TAILQ_INSERT_TAIL(&w->list, c, link);
    w->count++;
    req_on_gone(r, on_gone, c);
    req_on_end(r, on_end, c);
    arm(w);
    return true;
}
