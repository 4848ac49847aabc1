/* See streams.h. A place that is given back is handed on in the next turn of the loop. */
#include "services/web/http/streams.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "services/web/http/reply.h"

struct stream_place {
    TAILQ_ENTRY(stream_place) link; /* in the line, or among those that are taken */
    struct event *late;
    struct req *req;
    void (*go)(struct req *r);
    bool is_waiting;
};
TAILQ_HEAD(line, stream_place);

static struct line line = TAILQ_HEAD_INITIALIZER(line), held = TAILQ_HEAD_INITIALIZER(held);
static int taken;

static void take(struct stream_place *p)
{
    TAILQ_INSERT_TAIL(&held, p, link);
    taken++;
}

static int count_own(const struct req *r)
{
    const struct stream_place *p;
    int n = 0;
    TAILQ_FOREACH(p, &held, link) n += req_is_same_owner(p->req, r);
    return n;
}

/* Of those who may have a place, the first one of whoever has fewest. */
static struct stream_place *next_in_line(void)
{
    struct stream_place *p, *found = NULL;
    int least = STREAMS_OWN;
    if (taken >= STREAMS_MAX) return NULL;
    for (p = TAILQ_FIRST(&line); p && least > 0; p = TAILQ_NEXT(p, link)) {
        int own = count_own(p->req);
        if (own >= least) continue;
        least = own;
        found = p;
    }
    return found;
}

static void step_out(struct stream_place *p)
{
    TAILQ_REMOVE(&line, p, link);
    if (p->late) event_free(p->late);
    p->late = NULL;
    p->is_waiting = false;
    req_on_gone(p->req, NULL, NULL);
}

static void turn_away(void *arg)
{
    struct req *r = arg;
    struct stream_place *p = r->place;
    r->place = NULL;
    step_out(p);
    reply_unavailable(r, 5, "Too many large answers are being sent");
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    turn_away(arg);
}

static void on_free(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    for (struct stream_place *p; (p = next_in_line()) != NULL;) {
        step_out(p);
        take(p);
        p->go(p->req);
    }
}

/* Takes a place, if one is free for this client and nobody waits for it. It is given back at the latest when the
 * request is freed. */
static bool streams_enter(struct req *r)
{
    if (taken >= STREAMS_MAX || count_own(r) >= STREAMS_OWN || next_in_line()) return false;
    r->place = req_alloc(r, sizeof *r->place);
    r->place->req = r;
    take(r->place);
    return true;
}

void streams_admit(struct req *r, void (*go)(struct req *r))
{
    bool has_place = r->place && !r->place->is_waiting; /* it asks once more */
    if (has_place || streams_enter(r)) {
        go(r);
        return;
    }
    struct stream_place *p = r->place = req_alloc(r, sizeof *p);
    *p = (struct stream_place){.req = r, .go = go, .is_waiting = true, .late = evtimer_new(r->web->base, on_late, r)};
    TAILQ_INSERT_TAIL(&line, p, link);
    req_on_gone(r, turn_away, r);
    if (p->late)
        event_add(p->late, &(struct timeval){.tv_sec = STREAM_WAIT_S});
    else
        turn_away(r);
}

void streams_leave(struct req *r)
{
    struct stream_place *p = r->place;
    r->place = NULL;
    if (!p) return;
    if (p->is_waiting) {
        step_out(p);
        return;
    }
    TAILQ_REMOVE(&held, p, link);
    taken--;
    if (!TAILQ_EMPTY(&line)) event_base_once(r->web->base, -1, EV_TIMEOUT, on_free, NULL, &(struct timeval){0});
}
